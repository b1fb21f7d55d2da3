"""The files of a release are complete: the wheel works without the checkout, and the SBOM names every pinned dependency."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
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


RUNBOOKS = 'https://code.example.org/usage-exporter/docs/alerts.md'


@pytest.fixture(scope='module')
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that `make release` writes, with the tools of this environment."""
    folder = tmp_path_factory.mktemp('release') / 'dist'
    variables = [f'DIST={folder}', f'BIN={sys.prefix}/bin', f'RUNBOOKS={RUNBOOKS}']
    done = subprocess.run(['make', 'release', '-o', '.venv/developing', *variables], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope='module')
def wheel(release: Path) -> Path:
    [built] = release.glob('*.whl')
    return built


def test_a_release_has_its_files_with_their_sums(release: Path) -> None:
    lines = [line.split('  ') for line in (release / 'SHA256SUMS').read_text().splitlines()]
    sums = {name: hashed for hashed, name in lines}
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in release.iterdir() if path.name != 'SHA256SUMS'
    }
    assert {re.sub(r'-\d[\d.]+\d', '-VERSION', name) for name in sums} == {
        'usage_exporter-VERSION-py3-none-any.whl',
        'usage_exporter-VERSION.tar.gz',
        'usage-exporter-rules.yaml',
        'usage-exporter.cdx.json',
        'requirements.txt',
    }


def test_the_sbom_names_every_pinned_dependency_with_its_version(release: Path) -> None:
    sbom = json.loads((release / 'usage-exporter.cdx.json').read_text())
    assert (sbom['bomFormat'], sbom['metadata']['component']['name']) == ('CycloneDX', 'usage-exporter')
    pins = re.findall(r'^([\w.-]+)==([^\s;]+)', (ROOT / 'requirements.txt').read_text(), re.MULTILINE)
    assert pins
    assert sorted((part['name'], part['version']) for part in sbom['components']) == sorted(pins)


def test_links_of_the_rules_lead_to_the_given_address(release: Path) -> None:
    links = re.findall(r'runbook_url: (\S+)#', (release / 'usage-exporter-rules.yaml').read_text())
    assert set(links) == {RUNBOOKS}


def test_the_source_distribution_has_the_tests_the_documentation_and_what_builds_the_image(release: Path) -> None:
    [archive] = release.glob('*.tar.gz')
    with tarfile.open(archive) as files:
        names = {name.partition('/')[2] for name in files.getnames()}
    for pattern in ('docs/*.md', 'exporter/**/*.py', 'tests/**/*.py', 'sql/**/*.sql', 'grafana/dashboards/**/*.json'):
        assert {str(path.relative_to(ROOT)) for path in ROOT.glob(pattern)} <= names
    assert {'Dockerfile', 'LICENSE', 'Makefile', 'requirements.txt', 'requirements-dev.txt'} <= names


def test_data_and_schema_are_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert 'exporter/enrich/countries.csv' in names
    assert {f'exporter/page/{name}' for name in ('page.html', 'page.css', 'land.svg')} <= names
    assert {f'exporter/sql/{path.relative_to(schema.SQL)}' for path in schema.SQL.rglob('*.sql')} <= names
    assert {f'exporter/{path.relative_to(ROOT)}' for path in (ROOT / 'grafana' / 'dashboards').rglob('*.json')} <= names
    assert 'exporter/provisioning/systemd/usage-exporter.service' in names
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
