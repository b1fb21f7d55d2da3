"""Exports that an operator kept share their hours with those of a pull."""

import json
from pathlib import Path

import pytest
from access_logs import DOMAIN, run
from pulls import assert_every_row_counts_once, complete, error, hour, pulled, url, workspace  # noqa: F401
from workspace import FakeWorkspace, Row, encode

from exporter.store.clickhouse import ClickHouse


def file_of(path: Path, rows: list[Row]) -> str:
    path.write_bytes(encode(rows, path.suffix[1:]))
    return str(path)


@pytest.mark.parametrize('ending', ['parquet', 'csv', 'jsonl'])
@pytest.mark.parametrize('log_format', ['auto', 'opendatasoft'])
def test_a_file_and_a_workspace_share_their_hours(
    url: str, workspace: FakeWorkspace, database: ClickHouse, tmp_path: Path, ending: str, log_format: str
) -> None:
    export = file_of(tmp_path / f'export.{ending}', [row for row in workspace.rows if row['timestamp'] < hour(20)])
    options = ('--domain', DOMAIN, '--log-format', log_format, '--format', 'json')
    result = run('import', export, *options)
    assert result.exit_code == 0, result.stderr
    first = json.loads(result.stdout)
    assert (first['stored'] > 100, first['left'] > 0, first['already_stored']) == (True, True, 0)
    assert 'left out, because they may be incomplete: the hours of' in result.stderr
    second = pulled(url)
    assert first['stored'] + second['stored'] == len(complete(workspace.rows))
    assert_every_row_counts_once(database, workspace.rows)
    third = json.loads(run('import', export, *options).stdout)
    assert third['stored'] == 0
    assert third['already_stored'] == third['read'] == first['read']


def test_what_is_no_export_is_refused(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, content in (('a.csv', b'a;b\n1;2\n'), ('a.parquet', b'PAR1cut'), ('a.jsonl', b'{}\n'), ('a.log', b'\xff\xfe')):
        (tmp_path / name).write_bytes(content)
        result = run('import', name, '--domain', DOMAIN, '--log-format', 'opendatasoft')
        assert f'{name}: not an export of ods-api-monitoring; export it as' in error(result)
