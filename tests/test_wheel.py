"""The wheel is complete: installed without the checkout, the program creates its schema, imports, reports and exports."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from files import ROOT
from uv import find_uv_bin

from exporter.store import schema

pytestmark = pytest.mark.slow
AGENT = '"-" "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"'
LOG = f"""\
193.0.6.139 - alice [01/Nov/2026:08:30:00 +0100] "GET /api/explore/v2.1/catalog/datasets/trees/records HTTP/1.1" 200 512 {AGENT}
193.0.6.139 - - [01/Nov/2026:08:30:01 +0100] "GET /api/explore/v2.1/catalog/datasets/trees/records HTTP/1.1" 200 512 {AGENT}
"""


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('wheel')
    build = [sys.executable, '-m', 'build', '--wheel', '--no-isolation', '--outdir', str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [built] = folder.glob('*.whl')
    return built


def test_data_and_schema_are_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert 'exporter/enrich/countries.csv' in names
    assert {f'exporter/sql/{path.relative_to(schema.SQL)}' for path in schema.SQL.rglob('*.sql')} <= names
    assert {f'exporter/{path.relative_to(ROOT)}' for path in (ROOT / 'grafana' / 'dashboards').rglob('*.json')} <= names
    assert {str(path.relative_to(ROOT)) for path in (ROOT / 'exporter').rglob('*.py')} <= names
    assert all(name.startswith(('exporter/', 'usage_exporter-')) for name in names)


def test_the_installed_program_works(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / 'installed'
    install = [find_uv_bin(), 'pip', 'install', '--quiet', '--no-deps', '--offline', '--no-cache', '--python', sys.executable]
    subprocess.run([*install, '--target', str(place), str(wheel)], check=True, capture_output=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith('USAGE_')}
    environment = own | {'PYTHONPATH': str(place), 'USAGE_DATA_DIR': str(tmp_path / 'data'), 'USAGE_DOMAIN': 'data.example.org'}
    log = tmp_path / 'access.log'
    log.write_text(LOG)

    def run(*command: str) -> str:
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    program = str(place / 'bin' / 'usage-exporter')
    assert run(sys.executable, '-c', 'import exporter; print(exporter.__file__)').startswith(str(place))
    assert '0001_calls' in run(program, 'init')
    assert json.loads(run(program, 'import', str(log), '--format', 'json'))['stored'] == 2
    report = json.loads(run(program, 'report', '--from', '2026-11-01', '--to', '2026-11-01', '--format', 'json'))
    assert (report['calls'], report['total_users'], report['anonymous_users_percent']) == (2, 2, 50)
    assert [(place['country'], place['calls']) for place in report['map']] == [('NL', 2)]
    assert 'open /d/usage-users-en' in run(program, 'grafana', 'export', 'provisioning')
    pages = {path.name for path in (tmp_path / 'provisioning' / 'dashboards' / 'usage' / 'fr').iterdir()}
    assert pages == {path.name for path in (ROOT / 'grafana' / 'dashboards' / 'fr').iterdir()}
    assert {path.parent.name for path in (tmp_path / 'provisioning').rglob('*.yaml')} == {'datasources', 'dashboards', 'alerting'}
