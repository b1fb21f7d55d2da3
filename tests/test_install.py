"""The installation as a service: the unit is valid and hardened, and docs/install.md installs what it needs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from files import ROOT
from test_docs import blocks, page

UNIT = ROOT / 'provisioning' / 'systemd' / 'usage-exporter.service'
TEXT = UNIT.read_text()
SERVICE = [line.split('=', 1) for line in TEXT.partition('[Service]\n')[2].partition('[Install]')[0].splitlines() if '=' in line]
OPTIONS = {name: value for name, value in SERVICE if not name.startswith('#')}
INSTALL = page('install')
COMMANDS = '\n'.join(blocks(INSTALL, 'sh'))


def test_systemd_accepts_the_unit_with_the_documented_changes(tmp_path: Path) -> None:
    verify = shutil.which('systemd-analyze')
    if not verify:
        pytest.skip('needs systemd-analyze: install the Debian package systemd')
    unit = tmp_path / UNIT.name
    unit.write_text(TEXT.replace(OPTIONS['ExecStart'], f'{sys.executable} serve'))  # systemd asks that the program exists
    [changes] = blocks(INSTALL, 'ini')
    drop_in = tmp_path / f'{UNIT.name}.d' / 'override.conf'
    drop_in.parent.mkdir()
    drop_in.write_text(changes)
    done = subprocess.run([verify, 'verify', '--man=no', unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, '')


def test_the_service_can_write_its_own_directory_only_and_gains_no_rights() -> None:
    hardened = {
        'ProtectSystem': 'strict',
        'ProtectHome': 'yes',
        'PrivateTmp': 'yes',
        'PrivateDevices': 'yes',
        'NoNewPrivileges': 'yes',
        'CapabilityBoundingSet': '',
        'RestrictNamespaces': 'yes',
        'RestrictSUIDSGID': 'yes',
        'StateDirectory': 'usage-exporter',
        'StateDirectoryMode': '0700',
        'UMask': '0077',
    }
    assert hardened.items() <= OPTIONS.items()
    assert 'ReadWritePaths' not in OPTIONS


def test_the_service_restarts_but_not_with_wrong_settings() -> None:
    assert (OPTIONS['Restart'], OPTIONS['RestartPreventExitStatus']) == ('always', '2')


def test_the_steps_create_what_the_unit_names() -> None:
    program, user, folder = OPTIONS['ExecStart'].split()[0], OPTIONS['User'], OPTIONS['WorkingDirectory']
    assert f'ln -s /opt/usage-exporter/bin/usage-exporter {Path(program).parent}/' in COMMANDS
    assert f'PIPX_BIN_DIR={Path(program).parent}' in COMMANDS
    assert re.search(rf'useradd --system .* {user}$', COMMANDS, re.MULTILINE)
    assert f'{folder}/usage-exporter.toml' in COMMANDS
    [settings] = blocks(INSTALL, 'toml')
    assert f'data_dir = "/var/lib/{OPTIONS["StateDirectory"]}"' in settings


def test_the_steps_use_existing_parts_of_the_wheel() -> None:
    [(part, name)] = set(re.findall(r'site-packages/exporter/(provisioning/\S+/)(\S+\.service)', COMMANDS))
    assert (ROOT / part / name) == UNIT
