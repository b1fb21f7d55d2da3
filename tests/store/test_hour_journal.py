"""What a kill leaves of pulled hours is finished once, by whoever opens the database next."""

import os
from pathlib import Path
from typing import Any

import pytest
from access_logs import DOMAIN
from pulled_calls import START, batch, calls, store

from exporter.errors import EngineError, InputError
from exporter.model.batch import Batch
from exporter.store import hour_journal
from exporter.store.clickhouse import ClickHouse
from exporter.store.hour_journal import finish, finish_all
from exporter.store.ledger import Ledger
from exporter.store.rollups import differing
from exporter.system.files import hold
from exporter.system.locks import pulling_lock


class Killed(BaseException):
    """Stands for the end of the process."""


def paths(database: ClickHouse) -> list[str]:
    return [row['path'] for row in database.query('SELECT path FROM calls ORDER BY path')]


def interrupted(database: ClickHouse, data_dir: Path, monkeypatch: pytest.MonkeyPatch, step: str, **named: Any) -> None:
    """Stores c for the first hour, and ends before a step."""

    def killed(*_: object, **_named: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(ClickHouse if hasattr(ClickHouse, step) else hour_journal, step, killed)
        store(database, data_dir, (batch(0, revision=1), calls('c')), **named)


def left(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / 'pulled').iterdir())


@pytest.mark.parametrize('step', ['insert_rows', 'insert_file', 'delete', 'repair', '_remove'])
def test_an_entry_is_finished_once(database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    store(database, tmp_path, (batch(0), calls('a', 'b')), (batch(1), calls('z', hour=1)))
    interrupted(database, tmp_path, monkeypatch, step, replaced=[batch(0)])
    for _ in range(2):
        finish_all(database, tmp_path, pytest.fail)
        assert paths(database) == ['c', 'z']
        assert differing(database, DOMAIN) == []
        assert left(tmp_path) == []
        assert Ledger(database).hours(DOMAIN, 'opendatasoft', START, START + 3_600)[START].is_stored


def test_before_the_entry_is_written_nothing_changes(
    database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(database, tmp_path, (batch(0), calls('a')))
    interrupted(database, tmp_path, monkeypatch, 'write', replaced=[batch(0)])
    finish_all(database, tmp_path, pytest.fail)
    assert paths(database) == ['a']
    assert Ledger(database).unfinished() == []


def test_an_entry_of_a_running_pull_or_of_another_database_is_left(
    database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(database, tmp_path, monkeypatch, 'insert_file')
    lock = hold(pulling_lock(tmp_path, DOMAIN))
    finish_all(database, tmp_path, pytest.fail)
    os.close(lock)
    with monkeypatch.context() as patch:
        patch.setattr(hour_journal, '_name', lambda _: 'another')
        finish_all(database, tmp_path, pytest.fail)
    assert paths(database) == []
    finish(database, tmp_path, DOMAIN)
    assert paths(database) == ['c']


def test_forgotten_hours_stay_forgotten(database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(database, tmp_path, monkeypatch, 'insert_file')
    Ledger(database).forget([batch(0, revision=1)])
    finish_all(database, tmp_path, pytest.fail)
    assert (paths(database), left(tmp_path)) == ([], [])


@pytest.mark.parametrize(('code', 'remains'), [(None, 2), (53, 0)])
def test_calls_that_the_engine_refuses_are_pulled_again(
    database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None, remains: int
) -> None:
    store(database, tmp_path, (batch(0), calls('a')))

    def refuse(*_: object) -> None:
        raise EngineError('refused', code=code)

    with monkeypatch.context() as patch, pytest.raises(EngineError):
        patch.setattr(ClickHouse, 'insert_file', refuse)
        store(database, tmp_path, (batch(0, revision=1), calls('c')), replaced=[batch(0)])
    assert len(left(tmp_path)) == remains
    assert paths(database) == ['a']


def test_nothing_is_replaced_during_an_import(database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(database, tmp_path, (batch(0), calls('a')))
    interrupted(database, tmp_path, monkeypatch, 'insert_rows', replaced=[batch(0)])
    Ledger(database).begin_hours([Batch(DOMAIN, 'access_log', 'a log', 0, 10, 'access.log')])
    lines = list[str]()
    finish_all(database, tmp_path, lines.append)
    assert len(lines) == 1
    assert lines[0].startswith(
        f'{DOMAIN}: some pulled hours are only half-stored: {DOMAIN}: an import of access.log was interrupted'
    )
    with pytest.raises(InputError, match=r'an import of access\.log was interrupted or is in progress; finish the import'):
        finish(database, tmp_path, DOMAIN)
    assert paths(database) == ['a']


def test_an_entry_of_another_version_is_named(database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(database, tmp_path, monkeypatch, 'insert_file')
    path = tmp_path / 'pulled' / f'{DOMAIN}.json'
    path.write_text('{"hours": 1}')
    lines = list[str]()
    finish_all(database, tmp_path, lines.append)
    assert lines == [
        f'{DOMAIN}: some pulled hours are only half-stored: {path}: written by another version; remove it, then pull again'
    ]
