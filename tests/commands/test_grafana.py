"""`grafana export` writes provisioning files, can be repeated, and does not touch foreign files."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from files import ROOT

from exporter.cli import main


def export(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ['grafana', 'export', str(folder), *options])


def export_and_read(folder: Path, *options: str) -> dict[str, str]:
    """The files of a folder after an export into it."""
    done = export(folder, *options)
    assert (done.exit_code, done.stderr) == (0, '')
    return read(folder)


def read(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in sorted(folder.rglob('*')) if file.is_file()}


def alerts(text: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(text)['groups'] for rule in group['rules']]


def test_the_export_equals_what_compose_provisions(tmp_path: Path) -> None:
    files = export_and_read(tmp_path)
    for kind in ('datasources', 'alerting'):
        assert yaml.safe_load(files.pop(f'{kind}/usage.yaml')) == yaml.safe_load(
            (ROOT / 'provisioning' / kind / 'usage.yaml').read_text()
        )
    files.pop('dashboards/usage.yaml')
    pages = read(ROOT / 'grafana' / 'dashboards')
    assert files == {f'dashboards/usage/{name}': text for name, text in pages.items()}
    assert {name.split('/')[0] for name in pages} == {'en', 'fr'}


def test_the_provider_names_the_folder_of_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [provider] = yaml.safe_load(export_and_read(Path('a "strange" folder'))['dashboards/usage.yaml'])['providers']
    [committed] = yaml.safe_load((ROOT / 'provisioning' / 'dashboards' / 'usage.yaml').read_text())['providers']
    assert (Path(provider['options']['path']) / 'en' / 'users.json').exists()
    assert provider == committed | {'options': {'path': f'{tmp_path}/a "strange" folder/dashboards/usage'}}


def test_the_provider_names_the_folder_as_grafana_sees_it(tmp_path: Path) -> None:
    [provider] = yaml.safe_load(export_and_read(tmp_path, '--mounted-as', '/etc/$x')['dashboards/usage.yaml'])['providers']
    assert provider['options']['path'] == '/etc/$$x/dashboards/usage'  # Grafana would replace $x by a variable


def test_an_existing_data_source_is_used_and_none_is_written(tmp_path: Path) -> None:
    files = export_and_read(tmp_path, '--datasource', 'my-own_1')
    assert 'datasources/usage.yaml' not in files
    assert not any('usage-clickhouse' in text for text in files.values())
    for rule in alerts(files['alerting/usage.yaml']):
        assert {node['datasourceUid'] for node in rule['data']} == {'my-own_1', '__expr__'}
    for name, text in files.items():
        if name.endswith('.json'):
            [source] = [variable for variable in json.loads(text)['templating']['list'] if variable['type'] == 'datasource']
            assert source['current']['value'] == 'my-own_1'


def test_the_data_source_reads_from_serve(tmp_path: Path) -> None:
    for url, expected in {
        'http://127.0.0.1:8093': ('127.0.0.1', 8093, False, '/clickhouse'),
        'http://localhost:8093/': ('localhost', 8093, False, '/clickhouse'),
        'https://usage.example.org/collect': ('usage.example.org', 443, True, '/collect/clickhouse'),
        'http://[::1]:8093': ('[::1]', 8093, False, '/clickhouse'),
    }.items():
        files = export_and_read(tmp_path, '--from-serve', url)
        [source] = yaml.safe_load(files['datasources/usage.yaml'])['datasources']
        options = source['jsonData']
        assert (options['host'], options['port'], options['secure'], options['path']) == expected
        assert (options['protocol'], options['defaultDatabase']) == ('http', 'usage')
        assert source['uid'] == 'usage-clickhouse'
        assert source['secureJsonData'] == {'password': '$CLICKHOUSE_PASSWORD'}
    assert 'set CLICKHOUSE_PASSWORD in its environment, if serve has tokens' in export(tmp_path, '--from-serve', url).stdout


def test_the_data_source_names_the_database_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('USAGE_CLICKHOUSE_URL', f'chdb://{tmp_path}/engine?database=other')
    files = export_and_read(tmp_path / 'new', '--from-serve', 'http://127.0.0.1:8093')
    [source] = yaml.safe_load(files['datasources/usage.yaml'])['datasources']
    assert source['jsonData']['defaultDatabase'] == 'other'


def test_a_data_source_is_either_new_or_existing(tmp_path: Path) -> None:
    done = export(tmp_path / 'new', '--from-serve', 'http://127.0.0.1:8093', '--datasource', 'mine')
    assert (done.exit_code, done.stderr) == (
        2,
        'error: --datasource and --from-serve: only one of them is possible; leave one out\n',
    )


def test_alerts_link_to_their_runbook(tmp_path: Path) -> None:
    files = export_and_read(tmp_path, '--runbooks', 'https://wiki.example.org/alerts?a=$b')
    links = [rule['annotations']['runbook_url'] for rule in alerts(files['alerting/usage.yaml'])]
    assert links[0] == 'https://wiki.example.org/alerts?a=$b#activity-drops'
    assert len(set(links)) == len(links)


def test_a_second_export_replaces_older_files(tmp_path: Path) -> None:
    first = export_and_read(tmp_path)
    assert export_and_read(tmp_path) == first
    page = tmp_path / 'dashboards' / 'usage' / 'en' / 'users.json'
    page.write_text(json.dumps(json.loads(page.read_text()) | {'title': 'of an older version'}))
    (tmp_path / 'alerting' / 'usage.yaml').write_text(first['alerting/usage.yaml'].replace('for: 10m', 'for: 99m'))
    assert export_and_read(tmp_path) == first


def test_an_active_alert_stays_active(tmp_path: Path) -> None:
    text = export_and_read(tmp_path)['alerting/usage.yaml']
    second = [rule['uid'] for rule in alerts(text)][1]
    on = text.replace(f'uid: {second}\n    isPaused: true', f'uid: {second}\n    isPaused: false')
    assert on != text
    (tmp_path / 'alerting' / 'usage.yaml').write_text(on)
    assert export_and_read(tmp_path, '--datasource', 'another')['alerting/usage.yaml'] == on.replace(
        'usage-clickhouse', 'another'
    )


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('alerting/usage.yaml', 'groups: []'),
        ('dashboards/usage.yaml', ''),
        ('dashboards/usage/en/users.json', '{"uid": "mine"}'),
        ('dashboards/usage/fr/users.json', '[not JSON'),
    ],
)
def test_a_foreign_file_is_named_and_nothing_is_written(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text)
    done = export(tmp_path)
    assert done.exit_code == 1
    assert done.stderr.startswith(f'error: {tmp_path / name}: ')
    assert done.stderr.count('\n') == 1
    assert read(tmp_path) == {name: text}


def test_other_files_stay_unchanged(tmp_path: Path) -> None:
    (tmp_path / 'alerting').mkdir()
    (tmp_path / 'alerting' / 'policies.yaml').write_text('apiVersion: 1')
    assert export_and_read(tmp_path)['alerting/policies.yaml'] == 'apiVersion: 1'


def test_two_lines_name_the_result_and_the_next_step(tmp_path: Path) -> None:
    lines = export(tmp_path).stdout.splitlines()
    assert lines[0].startswith(f'{tmp_path}: {len(read(tmp_path))} files')
    assert 'CLICKHOUSE_HOST' in lines[1]
    assert 'CLICKHOUSE_PASSWORD' in lines[1]
    assert len(lines) == 2
    assert 'CLICKHOUSE' not in export(tmp_path, '--datasource', 'mine').stdout


@pytest.mark.parametrize(
    ('option', 'value'),
    [
        ('--from-serve', '127.0.0.1:8093'),
        ('--from-serve', 'http://user:password@127.0.0.1:8093'),
        ('--from-serve', 'http://127.0.0.1:8093/?x=$y'),
        ('--datasource', 'not a uid'),
        ('--datasource', ''),
        ('--datasource', 'x' * 41),
        ('--mounted-as', 'provisioning'),
        ('--runbooks', 'docs/alerts.md'),
        ('--runbooks', 'https://a.example/"'),
    ],
)
def test_an_invalid_option_is_named(tmp_path: Path, option: str, value: str) -> None:
    done = export(tmp_path / 'new', option, value)
    assert done.exit_code == 2
    assert done.stderr.startswith(f'error: {option}: ')
    assert not (tmp_path / 'new').exists()


def test_a_path_that_is_not_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / 'alerting').write_text('')
    done = export(tmp_path)
    assert done.exit_code == 1
    assert done.stderr.startswith(f'error: {tmp_path / "alerting"}')
    assert done.stderr.count('\n') == 1
