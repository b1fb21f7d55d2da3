"""The drain stores each accepted call once, in order, or quarantines it, whatever the database does."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
from access_logs import assert_rollups_agree
from calls import calls
from clickhouse_server import (
    ClickHouseServer,
    Failure,
    Request,
    clickhouse_error,
    cut_after,
    cut_before,
    go_away,
    half_done,
    hang,
    http_error,
)
from urllib3 import Timeout

from exporter.errors import EngineError
from exporter.model.batch import Batch
from exporter.model.counting_rules import VERSION
from exporter.model.reject import Reject
from exporter.model.tally import Tally
from exporter.spool.drain import Drain
from exporter.spool.idempotency import IdempotencyKeys
from exporter.spool.segment import IdempotencyKey
from exporter.spool.spool import Spool
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.writer import store

pytestmark = pytest.mark.slow
PORTAL, OTHER = 'data.example.org', 'open.example.net'
BATCH = Batch(PORTAL, 'access_log', 'abc:1024', 0, 5_000, 'access.log')


@pytest.fixture(scope='module')
def server(engine_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    embedded = engine_url.startswith('chdb://')
    directory = engine_url.removeprefix('chdb://') if embedded else tmp_path_factory.mktemp('served')
    with closing(ClickHouseServer(directory)) as running:
        yield running


@pytest.fixture
def served(server: ClickHouseServer) -> Iterator[ClickHouse]:
    """A database on a server that works when a test begins."""
    database = connect(f'{server.url}/drain_{uuid4().hex[:12]}')
    schema.apply(database)
    yield database
    server.failures.clear()
    if not server.listening:
        server.start()
    database.command(f'DROP DATABASE {database.address.database} SYNC')


def drain_into(database: ClickHouse, folder: Path) -> Drain:
    spool = Spool(folder / 'spool', 10 << 20, 'key', None)
    return Drain(spool, IdempotencyKeys(folder / 'keys.sqlite', spool.keys()), RejectStore(folder), lambda: database, folder)


def stored(database: ClickHouse) -> list[str]:
    return [row['path'] for row in database.query('SELECT path FROM calls ORDER BY timestamp')]


def paths(number: int) -> list[str]:
    return [f'/api/{n}' for n in range(number)]


def inserts_calls(request: Request) -> bool:
    return request.statement.lstrip().upper().startswith(b'INSERT INTO CALLS')


def test_accepted_calls_are_stored_and_leave_the_spool(database: ClickHouse, tmp_path: Path) -> None:
    drain = drain_into(database, tmp_path)
    drain.spool.append(pl.concat([calls(PORTAL, 3), calls(OTHER, 2, first=10)]), {PORTAL: Tally(3, {'path': 1}), OTHER: Tally(2)})
    drain.spool.put(BATCH, calls(PORTAL, 4, first=3), Tally(4, {}, {'format': 1}))
    drain.empty()
    assert stored(database) == [*paths(7), '/api/10', '/api/11']
    assert (drain.spool.oldest(), drain.spool.balance.waiting, drain.spool.balance.stored) == (None, 0, 9)
    rows = database.query(
        "SELECT domain, source, stored, skipped, key_id, rules FROM batches WHERE state = 'done' ORDER BY domain, source"
    )
    assert [tuple(row.values()) for row in rows] == [
        (PORTAL, 'access_log', 4, 0, 'key', VERSION),
        (PORTAL, 'collector', 3, 1, 'key', VERSION),
        (OTHER, 'collector', 2, 0, 'key', VERSION),
    ]
    ids = database.query('SELECT DISTINCT batch_id FROM calls ORDER BY batch_id')
    assert [row['batch_id'] for row in ids] == [
        row['batch_id'] for row in database.query('SELECT DISTINCT batch_id FROM batches ORDER BY batch_id')
    ]
    for domain in (PORTAL, OTHER):
        assert_rollups_agree(database, domain)


def test_calls_that_wait_during_an_upgrade_keep_their_counting_rules(
    database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain = drain_into(database, tmp_path)
    monkeypatch.setattr('exporter.model.counting_rules.VERSION', VERSION - 1)
    drain.spool.put(BATCH, calls(PORTAL, 4), Tally(4))
    monkeypatch.undo()
    drain.empty()
    assert database.query('SELECT DISTINCT rules FROM batches') == [{'rules': VERSION - 1}]


def test_a_batch_that_is_done_is_not_stored_again(database: ClickHouse, tmp_path: Path) -> None:
    drain = drain_into(database, tmp_path)
    drain.spool.put(BATCH, calls(PORTAL, 4), Tally(4))
    drain.empty()
    drain.spool.put(BATCH, calls(PORTAL, 4), Tally(4))  # as after a crash before the file was removed
    database.command('ALTER TABLE calls MODIFY SETTING non_replicated_deduplication_window = 0')  # and long after
    drain.empty()
    assert stored(database) == paths(4)


def test_rejects_and_keys_outlive_their_spool_file(database: ClickHouse, tmp_path: Path) -> None:
    drain = drain_into(database, tmp_path)
    key, reject = (
        IdempotencyKey('token', 'once', 'ff', {'accepted': 1}),
        Reject('status', PORTAL, 'collector', 5, '{"status": 1}'),
    )
    drain.spool.append(calls(PORTAL, 1), {PORTAL: Tally(1, {}, {'status': 1})}, [key], [reject])
    drain.keys.add_spooled([key])
    drain.empty()
    assert list(RejectStore(tmp_path)) == [reject]
    assert IdempotencyKeys(tmp_path / 'keys.sqlite', []).find('token', 'once') == key


FAILURES: dict[str, Failure] = {
    'cut before': cut_before,
    'cut after': cut_after,
    'half done': half_done('accounts_mv'),
    'memory limit': clickhouse_error(241),
    'too many parts': clickhouse_error(252),
    'time-out': clickhouse_error(159),
    'proxy 500': http_error(500),
    'proxy 503': http_error(503),
}


@pytest.mark.parametrize('failure', FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize('when', ['begun', 'insert', 'done'])
def test_a_failure_at_any_step_neither_loses_nor_duplicates_calls(
    server: ClickHouseServer, served: ClickHouse, tmp_path: Path, failure: Failure, when: str
) -> None:
    drain = drain_into(served, tmp_path)
    for first in (0, 5):
        drain.spool.append(calls(PORTAL, 5, first), {PORTAL: Tally(5)})
        drain.spool.seal()
    inserts = iter(range(1_000))
    number = ['begun', 'insert', 'done'].index(when)
    server.fail_next(
        failure, when=lambda request: request.statement.lstrip()[:6].upper() == b'INSERT' and next(inserts) == number
    )
    failed = 0
    while drain.spool.oldest():
        try:
            drain.empty()
        except EngineError:
            failed += 1
    assert not server.failures
    assert failed <= 1  # the client itself sends again what was cut before
    assert stored(served) == paths(10)
    assert_rollups_agree(served, PORTAL)
    [row] = served.query("SELECT uniqExact(batch_id) AS batches, sum(stored) AS calls FROM batches WHERE state = 'done'")
    assert (row['batches'], row['calls']) == (2, 10)
    assert drain.spool.balance.quarantined == 0


def test_an_insert_that_outlives_the_clients_timeout_counts_once(
    server: ClickHouseServer, served: ClickHouse, tmp_path: Path
) -> None:
    drain = drain_into(served, tmp_path)
    served.client.timeout = Timeout(connect=1, read=0.3)  # type: ignore[attr-defined]
    drain.spool.append(calls(PORTAL, 5), {PORTAL: Tally(5)})
    server.fail_next(hang(1.0), when=inserts_calls)
    with pytest.raises(EngineError):
        drain.empty()
    served.client.timeout = Timeout(connect=10, read=60)  # type: ignore[attr-defined]
    drain.empty()  # while the first is still under way
    eventually(lambda: stored(served) != [])
    time.sleep(1.5)
    assert stored(served) == paths(5)
    assert_rollups_agree(served, PORTAL)


def test_it_waits_for_an_unavailable_server_and_reports_the_error(
    server: ClickHouseServer, served: ClickHouse, tmp_path: Path
) -> None:
    drain = drain_into(served, tmp_path)
    drain.spool.append(calls(PORTAL, 5), {PORTAL: Tally(5)})
    server.stop()
    stop = threading.Event()
    thread = threading.Thread(target=drain.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: drain.failures >= 1)
        assert 'no ClickHouse server answers' in drain.error
        drain.spool.append(calls(PORTAL, 5, first=5), {PORTAL: Tally(5)})
        assert drain.spool.balance.waiting == 10
        server.start()
        eventually(lambda: drain.spool.balance.stored == 10)
        assert drain.error == ''
    finally:
        stop.set()
        thread.join()
    assert stored(served) == paths(10)


def test_it_continues_after_an_unexpected_error(database: ClickHouse, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answers: list[RuntimeError | ClickHouse] = [database, database, RuntimeError('192.0.2.7 GET /')]
    drain = drain_into(database, tmp_path)
    drain.spool.append(calls(PORTAL, 5), {PORTAL: Tally(5)})

    def ask() -> ClickHouse:
        if isinstance(answer := answers.pop(), RuntimeError):
            raise answer
        return answer

    drain.database = ask
    stop = threading.Event()
    thread = threading.Thread(target=drain.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: drain.spool.balance.stored == 5)
    finally:
        stop.set()
        thread.join()
    assert 'RuntimeError' in caplog.text
    assert '192.0.2.7' not in caplog.text


def test_a_batch_refused_for_its_content_does_not_block_others(database: ClickHouse, tmp_path: Path) -> None:
    drain = drain_into(database, tmp_path)
    database.command("ALTER TABLE calls ADD CONSTRAINT small CHECK path != '/api/2'")
    for first in (0, 3):
        drain.spool.append(calls(PORTAL, 3, first), {PORTAL: Tally(3)})
        drain.spool.seal()
    drain.empty()
    assert stored(database) == ['/api/3', '/api/4', '/api/5']
    balance = drain.spool.balance
    assert (balance.accepted, balance.stored, balance.waiting, balance.quarantined) == (6, 3, 0, 3)
    database.command('ALTER TABLE calls DROP CONSTRAINT small')
    drain.spool.release()
    drain.empty()
    assert stored(database) == paths(6)
    assert drain.spool.balance.quarantined == 0


def test_a_batch_that_keeps_failing_for_an_unknown_reason_is_quarantined(
    server: ClickHouseServer, served: ClickHouse, tmp_path: Path
) -> None:
    drain = drain_into(served, tmp_path)
    drain.spool.put(BATCH, calls(PORTAL, 3), Tally(3))
    server.fail_next(clickhouse_error(62), times=9, when=inserts_calls)
    failed = 0
    while drain.spool.oldest():
        try:
            drain.empty()
        except EngineError:
            failed += 1
    assert 1 < failed < 9
    assert drain.spool.balance.quarantined == 3


def test_batches_of_a_shared_file_are_quarantined_one_by_one(
    server: ClickHouseServer, served: ClickHouse, tmp_path: Path
) -> None:
    drain = drain_into(served, tmp_path)
    for portal in (PORTAL, OTHER):
        drain.spool.append(calls(portal, 3), {portal: Tally(3)})
    server.fail_next(clickhouse_error(62), times=30, when=inserts_calls)
    for _ in range(20):
        with suppress(EngineError):
            drain.empty()
        balance = drain.spool.balance
        assert balance.accepted == 6
    assert (balance.waiting, balance.quarantined, balance.stored) == (0, 6, 0)


def test_a_transient_failure_never_quarantines_a_batch(server: ClickHouseServer, served: ClickHouse, tmp_path: Path) -> None:
    drain = drain_into(served, tmp_path)
    drain.spool.put(BATCH, calls(PORTAL, 3), Tally(3))
    server.fail_next(clickhouse_error(241), times=20, when=inserts_calls)
    while drain.spool.oldest():
        try:
            drain.empty()
        except EngineError as error:
            assert error.code == 241
    assert (stored(served), drain.spool.balance.quarantined) == (paths(3), 0)


def test_a_batch_whose_lines_another_process_stores_is_given_up_with_its_rejects(database: ClickHouse, tmp_path: Path) -> None:
    drain = drain_into(database, tmp_path)
    theirs = replace(BATCH, end=3_000)
    drain.rejected.keep(BATCH.id, [Reject('format', PORTAL, 'access.log', 2_000, 'odd')])
    drain.spool.put(BATCH, calls(PORTAL, 5), Tally(5, {}, {'format': 1}))
    reject = Reject('format', PORTAL, 'copy.log', 2_000, 'odd')
    drain.rejected.keep(theirs.id, [reject])
    store(Ledger(database, 'key', None), theirs, calls(PORTAL, 3), Tally(3, {}, {'format': 1}))
    drain.empty()
    assert stored(database) == paths(3)
    assert (drain.spool.given_up(), drain.spool.given_up()) == ([BATCH], [])
    assert (drain.spool.balance.accepted, list(drain.rejected)) == (0, [reject])
    assert not Ledger(database).unfinished()


def test_a_damaged_file_does_not_block_others(database: ClickHouse, tmp_path: Path) -> None:
    drain = drain_into(database, tmp_path)
    drain.spool.put(BATCH, calls(PORTAL, 3), Tally(3))
    file = drain.spool.oldest()
    assert file
    file.path.write_bytes(file.path.read_bytes()[:-1])
    drain.spool.append(calls(PORTAL, 2, first=3), {PORTAL: Tally(2)})
    drain.empty()
    assert stored(database) == ['/api/3', '/api/4']
    assert drain.spool.balance.quarantined == 3


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, 'timed out'
        time.sleep(0.05)


def test_a_server_that_goes_away_loses_no_call(server: ClickHouseServer, served: ClickHouse, tmp_path: Path) -> None:
    drain = drain_into(served, tmp_path)
    drain.spool.append(calls(PORTAL, 5), {PORTAL: Tally(5)})
    server.fail_next(go_away, when=inserts_calls)
    with pytest.raises(EngineError):
        drain.empty()
    server.start()
    drain.empty()
    assert stored(served) == paths(5)
