"""`catalogue`: its output, its exit codes, and what a failed update leaves."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from exporter.cli import main

pytestmark = pytest.mark.usefixtures('settings')
CSV = 'id,names,title,publisher,theme,created\ntrees,t1 /trees.csv,Trees,City,Nature,2026-11-02\n'


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ['catalogue', *arguments])


@pytest.fixture
def file(tmp_path: Path, settings: pytest.MonkeyPatch) -> Path:
    file = tmp_path / 'data-sets.csv'
    file.write_text(CSV)
    settings.setenv('USAGE_CATALOGUE', str(file))
    settings.setenv('USAGE_DOMAIN', 'data.example.org')
    return file


def test_update_and_list(file: Path) -> None:
    result = run('update')
    assert result.stdout == f'data.example.org: 1 data sets with 3 names from {file}\n'
    assert json.loads(run('list', '--format', 'json').stdout) == [
        {
            'domain': 'data.example.org',
            'dataset_id': 'trees',
            'names': ['/trees.csv', 't1'],
            'title': 'Trees',
            'publisher': 'City',
            'theme': 'Nature',
            'created': '2026-11-02',
        }
    ]
    assert '/trees.csv t1' in run('list').stdout
    assert run('list', '--format', 'csv').stdout.startswith('domain,dataset_id,names,title,publisher,theme,created\n')
    assert json.loads(run('update', '--format', 'json').stdout)[0]['names'] == 3


def test_the_only_catalogue_is_listed_without_a_domain(file: Path, settings: pytest.MonkeyPatch) -> None:
    settings.delenv('USAGE_DOMAIN')
    empty = run('list')
    assert (empty.exit_code, empty.stderr) == (0, 'the database has no catalogue yet: run usage-exporter catalogue update\n')
    run('update', '--domain', 'data.example.org')
    assert len(json.loads(run('list', '--format', 'json').stdout)) == 1
    run('update', '--domain', 'open.example.org')
    several = run('list')
    assert (several.exit_code, several.stderr.count('\n')) == (1, 1)
    assert several.stderr.endswith('choose one with --domain: data.example.org, open.example.org\n')
    assert file.exists()


def test_a_failed_update_is_one_line_and_keeps_the_catalogue(file: Path) -> None:
    run('update')
    file.write_text('')
    result = run('update')
    assert result.exit_code == 1
    assert result.stderr == f'error: {file}: the catalogue is empty; name another one with the setting catalogue\n'
    assert len(json.loads(run('list', '--format', 'json').stdout)) == 1


def test_without_a_setting_it_says_which_to_set(settings: pytest.MonkeyPatch) -> None:
    result = run('update')
    assert (result.exit_code, result.stderr.count('\n')) == (2, 1)
    assert 'no portal has a catalogue; set USAGE_CATALOGUE' in result.stderr
    assert 'data.example.org: no catalogue is set' in run('update', '--domain', 'data.example.org').stderr


def test_a_portal_that_fails_does_not_stop_the_others(file: Path, settings: pytest.MonkeyPatch) -> None:
    portals = {'a.example.org': {'catalogue': 'missing.csv'}, 'b.example.org': {}}
    settings.setenv('USAGE_DOMAINS', json.dumps(portals))
    result = run('update')
    assert result.exit_code == 1
    assert result.stdout.count(' data sets ') == 2
    assert result.stderr == 'error: missing.csv: no such file; correct the setting catalogue\n'
