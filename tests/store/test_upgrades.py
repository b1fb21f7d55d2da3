"""An upgraded database of each released schema equals a new one and gives the same numbers as before."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from access_logs import imported, run
from files import DATA
from released import LOGS, TAKEN_BACK, portal
from test_schema import empty, objects  # noqa: F401  # a fixture

from exporter.model.counting_rules import CHANGES, event_id
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse
from exporter.store.rollups import ROLLUPS

RELEASED = sorted(DATA.glob('schema_*.tar.gz'))


def as_texts(rows: list[dict[str, Any]], columns: list[str]) -> list[str]:
    """The rows as sorted texts, without columns that later versions added."""
    return sorted(json.dumps({name: row[name] for name in columns}, default=str) for row in rows)


@pytest.mark.slow
@pytest.mark.no_database
@pytest.mark.parametrize('backup', RELEASED, ids=lambda path: path.name.removesuffix('.tar.gz'))
def test_an_upgraded_database_equals_a_new_one_and_gives_the_same_numbers(
    backup: Path,
    settings: pytest.MonkeyPatch,  # in force
    empty: ClickHouse,
    tmp_path: Path,
) -> None:
    (tmp_path / backup.name).write_bytes(backup.read_bytes())
    assert run('restore', backup.name).exit_code == 0  # also applies the schema, as init does
    assert 'up to date' in run('init').stdout
    assert empty.query('SELECT countIf(status IS NULL) AS no_status, count(duration_ms) AS timed FROM calls') == [
        {'no_status': 0, 'timed': 0}  # the logs have no durations
    ]
    assert empty.query("SELECT id FROM events WHERE has(tags, 'rules')") == [{'id': event_id(version)} for version in CHANGES]
    empty.delete('events', "has(tags, 'rules')", {})  # the upgrade added them
    for answer in map(
        json.loads, gzip.decompress((DATA / backup.name.replace('.tar.gz', '.jsonl.gz')).read_bytes()).splitlines()
    ):
        columns = list(answer['rows'][0]) if answer['rows'] else []
        rows = empty.query(answer['question'])
        if answer['name'].startswith('datasets'):  # their users are exact now; they were estimated, with an error of at most 7 %
            columns.remove('users')
            for row, before in zip(rows, answer['rows'], strict=True):
                assert row['users'] == pytest.approx(before['users'], rel=0.07, abs=2), answer['name']
        assert as_texts(rows, columns) == as_texts(answer['rows'], columns), answer['name']
    upgraded = objects(empty)
    removed = bool(empty.query('SELECT 1 FROM retention'))
    for name in upgraded:
        empty.command(f'DROP TABLE IF EXISTS `{name}`')
    schema.apply(empty)
    if removed:
        empty.insert_rows('retention', [{'calls_from': '2024-11-03'}], token='as the upgraded one')
        schema.apply(empty)
    assert upgraded == objects(empty)


@pytest.mark.slow
@pytest.mark.no_database
@pytest.mark.parametrize('backup', RELEASED, ids=lambda path: path.name.removesuffix('.tar.gz'))
def test_an_upgraded_database_recognizes_its_logs(
    backup: Path,
    settings: pytest.MonkeyPatch,  # in force
    empty: ClickHouse,
    tmp_path: Path,
) -> None:
    """The columns that identify a log are those that this program would have written; a forgotten log counts as a new one."""
    (tmp_path / backup.name).write_bytes(backup.read_bytes())
    assert run('restore', backup.name).exit_code == 0
    [row] = empty.query(
        "SELECT countIf(head != log OR head_bytes != 1024 OR attempt != 0 OR retried_log != '') AS rows FROM batches"
    )
    assert row == {'rows': 0}
    settings.setenv('USAGE_PATHS', '/api/*')
    for name, content in LOGS.items():
        (tmp_path / name).write_bytes(content)
        result = imported(name, domain=portal(name))
        assert result['stored'] == (50 if name == TAKEN_BACK else 0), name
        assert result['read'] == content.count(b'\n')
    rows = empty.query("SELECT head, log, attempt FROM batches WHERE state = 'done' AND attempt > 0")
    assert [(row['log'], row['attempt']) for row in rows] == [(f'{row["head"]}~1', 1) for row in rows]
    assert len(rows) == 1


def test_the_newest_released_schema_is_kept() -> None:
    """The newest schema has a kept database: released migrations never change."""
    assert RELEASED
    assert all(path.with_name(path.name.replace('.tar.gz', '.jsonl.gz')).exists() for path in RELEASED)


@pytest.mark.no_database
def test_a_batch_that_an_older_program_began_counts_once_in_the_sums_of_months(empty: ClickHouse) -> None:
    def store(batch: str) -> None:
        call = {'timestamp': '2026-11-02 12:00:00', 'domain': 'a.example', 'day': '2026-11-02', 'hour': '2026-11-02 12:00:00'}
        empty.insert_rows('calls', [{**call, 'batch_id': batch}] * 3, token=batch)

    def migrate(changes: list[schema.Change]) -> None:
        for statement in (statement for change in changes for statement in change.statements):
            empty.command(statement)

    migrate([change for change in schema.migrations() if change.name < '0014'])
    for batch, state in (('whole', 'done'), ('cut', 'begun')):
        row = {'batch_id': batch, 'state': state, 'at': '2026-11-02 13:00:00', 'domain': 'a.example'}
        empty.insert_rows('batches', [row], token=f'{batch} {state}')
        store(batch)
    migrate([change for change in schema.migrations() if change.name >= '0014'])
    store('cut')  # by the import that finishes it
    for table in ROLLUPS:
        assert [row['n'] for row in empty.query(f'SELECT sum({table}.calls) AS n FROM {table}')] == [6], table
