"""However an import ends, its summary is correct and the next one completes it; each line counts once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from access_logs import DOMAIN, asked, assert_rollups_agree, cut_small, json_line, line, log, paths

from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey
from exporter.errors import EngineError, InputError
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.import_log import import_log
from exporter.ingest.logs.log_file import LogFile
from exporter.model.tally import Summary, Tally
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore

pytestmark = pytest.mark.slow
CHUNK = 3_000  # bytes: some 20 lines
NO_LOG = 'no line is in a known format; the nearest format is common'

# A program that imports a log as a user does, and ends where it is told to.
PROGRAM = """
import os, signal, sys
from exporter.cli import main
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.ingest.logs import batches

batches.CHUNK['normal'], batches.FIRST_BATCH, batches.BATCH = {chunk}, 1, 4
where, left = '{where}', {left}
begin, insert, done = Ledger.begin, ClickHouse.insert_file, Ledger.done

def end(place):
    global left
    left -= place == where
    if place == where and left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def ending(place, real):
    def call(*arguments):
        end('before ' + place)
        real(*arguments)
        end('after ' + place)
    return call

Ledger.begin, ClickHouse.insert_file, Ledger.done = ending('begin', begin), ending('insert', insert), ending('done', done)
main(sys.argv[1:])
"""
SUMS = """
SELECT
    count() AS calls, uniqExact(path) AS paths, (SELECT sum(calls) FROM days) AS days,
    (SELECT sum(calls) FROM accounts) AS accounts, (SELECT sum(calls) FROM places) AS places,
    (SELECT sum(stored) FROM batches WHERE state = 'done') AS batches
FROM calls
"""


class Stopped(EngineError):
    """Stands for a lost server."""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cut_small(monkeypatch, CHUNK)
    return tmp_path / 'access.log'


def import_(database: ClickHouse, file: Path, summary: Summary, watched: list[int] | None = None) -> None:
    enrichment = Enrichment(DOMAIN, PortalRules(), open_places(None), VisitorKey(b'k' * 32, is_shared=True))
    with closing(LogFile(str(file))) as log_file:
        import_log(
            AccessLog(log_file), LogReader(), enrichment, Ledger(database, 'key', None), RejectStore(file.parent), summary,
            lambda: watched.append(summary.read) if watched is not None else None,
        )  # fmt: skip


def test_summary_adds_up() -> None:
    summary = Summary()
    summary.count(Tally(10, {'path': 2}, {'format': 1}))
    summary.count_before(Tally(20, {'path': 3}, {'format': 4, 'status': 1}))
    summary.left += 1
    assert summary.as_dict() == {
        'read': 42, 'stored': 10, 'already_stored': 20, 'skipped': 5, 'skipped_by_reason': {'path': 5}, 'left': 1, 'rejected': {'format': 5, 'status': 1},
    }  # fmt: skip


def test_progress_is_reported_after_each_batch(file: Path, database: ClickHouse) -> None:
    file.write_bytes(log(range(200)))
    summary, watched = Summary(), list[int]()
    import_(database, file, summary, watched)
    assert len(watched) > 2
    assert watched == sorted(set(watched))
    assert watched[-1] == 200


def test_batches_stored_before_a_failure_are_reported_and_stay(
    file: Path, database: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(log(range(200)))
    real, inserts = ClickHouse.insert_file, list[str]()

    def insert(self: ClickHouse, table: str, columns: list[str], block: Path, token: str) -> None:
        inserts.append(token)
        if len(inserts) == 3:
            raise Stopped('stopped')
        real(self, table, columns, block, token)

    summary = Summary()
    with monkeypatch.context() as faults, pytest.raises(Stopped):
        faults.setattr(ClickHouse, 'insert_file', insert)
        import_(database, file, summary)
    stored = summary.stored
    assert 0 < stored < 200
    assert summary.as_dict() == Summary(stored=stored).as_dict()
    assert paths(database) == asked(range(stored))
    rest = Summary()
    import_(database, file, rest)
    assert rest.as_dict() == Summary(stored=200 - stored, already_stored=stored).as_dict()
    assert paths(database) == asked(range(200))
    assert_rollups_agree(database)


def test_unfinished_batch_comes_first_with_the_same_range(
    file: Path, database: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(log(range(50)))

    def insert(*_: Any) -> None:
        raise Stopped('stopped')

    with monkeypatch.context() as faults, pytest.raises(Stopped):
        faults.setattr(ClickHouse, 'insert_file', insert)
        import_(database, file, Summary())
    [begun] = database.query('SELECT start, end FROM batches')
    file.write_bytes(log(range(500)))
    cut_small(monkeypatch, 10 * CHUNK)
    import_(database, file, Summary())
    first, *_ = database.query("SELECT start, end FROM batches WHERE state = 'done' ORDER BY at, start")
    assert first == begun
    assert paths(database) == asked(range(500))


def test_part_of_an_unfinished_batch_is_refused(file: Path, database: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_small(monkeypatch, 1 << 20)
    file.write_bytes(log(range(100)))

    def stop(*_: Any) -> None:
        raise Stopped('stopped')

    with monkeypatch.context() as faults, pytest.raises(Stopped):
        faults.setattr(Ledger, 'done', stop)
        import_(database, file, Summary())
    file.write_bytes(log(range(60)))
    with pytest.raises(InputError, match='an unfinished import read a longer copy of this log; import that copy first'):
        import_(database, file, Summary())
    file.write_bytes(log(range(100)))
    import_(database, file, Summary())
    assert paths(database) == asked(range(100))
    assert_rollups_agree(database)


@pytest.mark.parametrize(
    ('content', 'says'),
    [
        (b'\x89PNG\r\n\x1a\n' + bytes(range(256)) * 50, 'this is not text; import an access log'),
        (b'\0' * 5_000 + b'no log\n', NO_LOG),
        ('no log\n'.encode('utf-16'), 'this is UTF-16 text'),
        (
            b'#Software: IIS\n#Fields: date time\n2025-05-17 10:05:03 GET /\n',
            "'#Fields: date time' does not have the address and the request",
        ),
        (b'\n\nno log\n\n', NO_LOG),
    ],
)
def test_file_that_is_not_a_log_is_refused(file: Path, database: ClickHouse, content: bytes, says: str) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError, match=f'access.log: {says}'):
        import_(database, file, Summary())
    assert database.query('SELECT count() AS rows FROM batches') == [{'rows': 0}]
    assert not list(RejectStore(file.parent))


def run(program: str, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith('USAGE_')}
    environment |= {'USAGE_DATA_DIR': str(directory / 'data'), 'USAGE_DOMAIN': DOMAIN, 'PYTHONPATH': os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, '-c', program, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize('line', [line, json_line])
def test_every_line_counts_once_after_a_kill_at_any_point(tmp_path: Path, line: Callable[[int], str]) -> None:
    """Another process with its own embedded database gets `kill -9`."""
    file = tmp_path / 'access.log'
    file.write_text(''.join(f'{line(number)}\n' for number in range(300)))
    for where, nth in (('before insert', 1), ('after insert', 2), ('before done', 2)):
        killed = run(PROGRAM.format(chunk=CHUNK, where=where, left=nth), tmp_path, 'import', str(file))
        assert killed.returncode == -signal.SIGKILL, (where, killed.stderr)
    finished = run(PROGRAM.format(chunk=CHUNK, where='', left=0), tmp_path, 'import', str(file), '--format', 'json')
    summary = json.loads(finished.stdout)
    assert summary['read'] == summary['stored'] + summary['already_stored'] == 300
    [sums] = json.loads(run(PROGRAM.format(chunk=CHUNK, where='', left=0), tmp_path, 'query', SUMS, '--format', 'json').stdout)
    assert set(sums.values()) == {300}
