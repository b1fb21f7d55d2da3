"""A ClickHouse server works like the embedded engine, and its failures neither lose nor duplicate calls."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
from access_logs import DOMAIN, asked, assert_rollups_agree, cut_small, imported, log, paths, run, summary
from calls import write_block
from click.testing import Result
from clickhouse_connect import get_client
from clickhouse_server import (
    ClickHouseServer,
    Exchange,
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
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect

pytestmark = pytest.mark.slow
Stored = dict[str, list[tuple[object, ...]]]
USER, PASSWORD = 'reader', "s3cr@t:/é' %"
EVENT = {'id': '1', 'domain': '', 'start': 0, 'end': 0, 'title': "It's; new\n", 'text': '', 'tags': ['a', 'b']}
LINES = 300
PERIOD = ('--domain', DOMAIN, '--from', '2024-10-30', '--to', '2024-11-02', '--format', 'json')
STORED = {
    'calls': 'SELECT * EXCEPT batch_id FROM calls ORDER BY ALL',
    'days': """
        SELECT domain, day, crawler, any(timezone), sum(calls), sum(mobile_calls), sum(unlocated_calls),
            uniqHLL12Merge(registered_users), uniqHLL12Merge(anonymous_users)
        FROM days GROUP BY ALL ORDER BY ALL
        """,
    'accounts': 'SELECT domain, crawler, user_id, day, sum(calls) FROM accounts GROUP BY ALL ORDER BY ALL',
    'places': 'SELECT * EXCEPT calls, sum(calls) FROM places GROUP BY ALL ORDER BY ALL',
    'done': "SELECT sum(stored), count() = uniqExact(batch_id) FROM batches WHERE state = 'done'",
}


@pytest.fixture(scope='module')
def running(engine_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    embedded = engine_url.startswith('chdb://')
    directory = engine_url.removeprefix('chdb://') if embedded else tmp_path_factory.mktemp('served')
    with closing(ClickHouseServer(directory, USER, PASSWORD)) as running:
        yield running


@pytest.fixture
def server(running: ClickHouseServer) -> Iterator[ClickHouseServer]:
    """A server that works when a test begins."""
    yield running
    running.failures.clear()
    if not running.listening:
        running.start()


@pytest.fixture
def name(running: ClickHouseServer) -> Iterator[str]:
    """The name of a database that does not exist yet."""
    name = f'served_{uuid4().hex[:12]}'
    yield name
    running.engine.query(f'DROP DATABASE IF EXISTS {name} SYNC')


@pytest.fixture
def served(server: ClickHouseServer, name: str) -> Iterator[ClickHouse]:
    """A database with the schema, through HTTP."""
    with closing(connect(f'{server.url}/{name}')) as served:
        schema.apply(served)
        yield served


def use(patch: pytest.MonkeyPatch, url: str, directory: Path) -> None:
    """Lets the program use this database, and cuts logs into several batches."""
    for variable in [variable for variable in os.environ if variable.startswith('USAGE_')]:
        patch.delenv(variable)
    patch.setenv('USAGE_CLICKHOUSE_URL', url)
    patch.setenv('USAGE_DATA_DIR', str(directory / 'data'))
    patch.setenv('USAGE_SECRET', 'the same key everywhere, so that visitors are')
    cut_small(patch, 4_000)
    patch.chdir(directory)


@pytest.fixture
def environment(server: ClickHouseServer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Lets the program use the server."""
    use(monkeypatch, f'{server.url}/{name}', tmp_path)
    return monkeypatch


@pytest.fixture(scope='module')
def access_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of several batches."""
    path = tmp_path_factory.mktemp('logs') / 'access.log'
    path.write_bytes(log(range(LINES)))
    return path


def stored(database: ClickHouse) -> Stored:
    """The content of the tables that does not depend on the number of tries."""
    return {name: [tuple(row.values()) for row in database.query(statement)] for name, statement in STORED.items()}


@pytest.fixture(scope='module')
def clean(running: ClickHouseServer, access_log: Path) -> Stored:
    """The content of the tables after one import without failures into the embedded engine."""
    url = f'chdb://{running.directory}?database=served_clean'
    with pytest.MonkeyPatch.context() as patch:
        use(patch, url, access_log.parent)
        assert imported(access_log) == summary(stored=LINES)
    with closing(connect(url)) as database:
        assert len(database.query("SELECT 1 FROM batches WHERE state = 'done'")) > 3
        content = stored(database)
        database.command('DROP DATABASE served_clean')
    return content


def inserting(table: str, number: int = 1) -> Callable[[Request], bool]:
    """A condition that is true from the `number`th insert into a table on."""
    inserts = count(1)
    return lambda request: request.statement.startswith(f'INSERT INTO {table} '.encode()) and next(inserts) >= number


def assert_one_line(text: str) -> None:
    assert text.startswith('error: '), text
    assert text.count('\n') == 1, text
    assert len(text) < 400, text
    for secret in (PASSWORD, 's3cr', 'Traceback'):
        assert secret not in text, text


def test_a_repeated_insert_counts_once_although_inserts_are_asynchronous_by_default(served: ClickHouse) -> None:
    batch = {'batch_id': 'b', 'state': 'done', 'domain': DOMAIN}
    for _ in range(2):
        served.insert_rows('batches', [batch], token='b done')
    [rows] = served.query('SELECT count() AS rows FROM batches')
    assert rows['rows'] == 1
    for _ in range(2):  # without the setting, the server ignores the token
        served.client.raw_insert(
            'batches', list(batch), json.dumps(batch).encode(), {'insert_deduplication_token': 'c'}, 'JSONEachRow'
        )
    [rows] = served.query('SELECT count() AS rows FROM batches')
    assert rows['rows'] == 3


def test_connecting_creates_the_database(server: ClickHouseServer, name: str) -> None:
    for _ in range(2):
        with closing(connect(f'{server.url}/{name}')) as database:
            assert database.query('SELECT currentDatabase() AS name') == [{'name': name}]


def test_the_schema_is_applied_once(served: ClickHouse) -> None:
    assert schema.pending(served) == []
    assert schema.apply(served) == []
    assert set(schema.applied(served)) == {
        change.name for change in schema.migrations() + schema.counting_rules_changes() + schema.views()
    }


def test_rows_are_inserted_once_with_a_token(served: ClickHouse) -> None:
    for token in ('first', 'first', 'second'):
        served.insert_rows('batches', [{'batch_id': "a ' \\ ; é"}, {'batch_id': token}], token)
    rows = served.query('SELECT batch_id FROM batches ORDER BY batch_id')
    assert [row['batch_id'] for row in rows] == ["a ' \\ ; é", "a ' \\ ; é", 'first', 'second']


def test_a_file_is_inserted_once_with_a_token(served: ClickHouse, tmp_path: Path) -> None:
    calls = tmp_path / 'calls.native'
    frame = pl.DataFrame({'domain': ['a', 'b'] * 50_000, 'path': ['/;é\n', "'"] * 50_000})
    write_block(calls, frame)
    for token in ('first', 'first', 'second'):
        served.insert_file('calls', ['domain', 'path'], calls, token)
    counted = 'SELECT domain, sum(calls) AS calls FROM days GROUP BY domain ORDER BY domain'
    assert served.query(counted) == [{'domain': 'a', 'calls': 100_000}, {'domain': 'b', 'calls': 100_000}]
    assert served.query('SELECT DISTINCT path, count() AS n FROM calls GROUP BY path ORDER BY path') == [
        {'path': "'", 'n': 100_000},
        {'path': '/;é\n', 'n': 100_000},
    ]


def test_a_query_takes_parameters(served: ClickHouse) -> None:
    served.insert_rows('events', [EVENT], 'event')
    parameters = {'title': EVENT['title'], 'tags': ['b', "'"], 'more': 1}
    rows = served.query(
        'SELECT id, tags FROM events WHERE title = {title:String} AND hasAny(tags, {tags:Array(String)})', parameters
    )
    assert rows == [{'id': '1', 'tags': ['a', 'b']}]


def test_a_read_only_query_does_not_write(served: ClickHouse) -> None:
    with pytest.raises(EngineError, match='READONLY'):
        served.query('TRUNCATE TABLE calls', readonly=1)
    served.command('TRUNCATE TABLE calls')


def test_several_statements_in_one_request_are_refused(served: ClickHouse) -> None:
    with pytest.raises(EngineError, match='Multi-statements are not allowed'):
        served.command("SELECT ';' -- ;\n; SELECT 2")
    served.command("SELECT ';' -- ;\n;")


@pytest.mark.parametrize('compression', ['lz4', 'zstd', 'gzip', False])
def test_compressed_requests_are_understood(served: ClickHouse, compression: str | bool) -> None:
    where = served.address
    with get_client(**where.server, database=where.database, compress=compression) as client:
        client.insert('batches', [[f'batch {number}'] for number in range(1_000)], column_names=['batch_id'])
        assert client.query('SELECT uniqExact(batch_id) FROM batches').result_rows == [(1_000,)]


def test_the_numbers_equal_those_of_the_embedded_engine(
    environment: pytest.MonkeyPatch, server: ClickHouseServer, served: ClickHouse, access_log: Path, clean: Stored
) -> None:
    assert imported(access_log) == summary(stored=LINES)
    assert imported(access_log) == summary(already=LINES)
    assert stored(served) == clean
    assert_rollups_agree(served)
    through_http = run('report', *PERIOD)
    environment.setenv('USAGE_CLICKHOUSE_URL', f'chdb://{server.directory}?database={served.address.database}')
    embedded = run('report', *PERIOD)
    assert json.loads(through_http.stdout) == json.loads(embedded.stdout)
    assert json.loads(through_http.stdout)['calls'] > 0


FAILURES: dict[str, tuple[Failure, str]] = {
    'the connection is cut before': (cut_before, 'ClickHouse'),
    'the connection is cut after': (cut_after, 'ClickHouse'),
    'the server goes away': (go_away, 'no ClickHouse server answers'),
    'the server is at fault': (http_error(500), 'status 500'),
    'the server is not available': (http_error(503), 'status 503'),
    'the memory is out': (clickhouse_error(241), 'MEMORY_LIMIT_EXCEEDED'),
    'there are too many parts': (clickhouse_error(252), 'TOO_MANY_PARTS'),
    'it takes too long': (clickhouse_error(159), 'TIMEOUT_EXCEEDED'),
    'days have nothing of it': (half_done('days_mv'), 'MEMORY_LIMIT_EXCEEDED'),
    'accounts have nothing of it': (half_done('accounts_mv'), 'MEMORY_LIMIT_EXCEEDED'),
    'places have nothing of it': (half_done('places_mv'), 'MEMORY_LIMIT_EXCEEDED'),
}
each_failure = pytest.mark.parametrize(('failure', 'message'), FAILURES.values(), ids=FAILURES)


def failed_import(server: ClickHouseServer, access_log: Path, failure: Failure, when: Callable[[Request], bool]) -> str:
    """Imports a log with a failure; returns the error message."""
    server.fail_next(failure, when=when)
    result = run('import', access_log, '--domain', DOMAIN)
    assert result.exit_code == 1, result.output
    assert_one_line(result.stderr)
    if not server.listening:
        server.start()
    return result.stderr


def assert_finished(database: ClickHouse, access_log: Path, clean: Stored) -> None:
    """The next import completes the log, and the tables equal those of a clean import."""
    assert imported(access_log)['read'] == LINES
    assert stored(database) == clean
    assert_rollups_agree(database)


@each_failure
@pytest.mark.usefixtures('environment')
def test_after_a_failed_insert_of_calls_the_next_import_completes_the_log(
    server: ClickHouseServer, served: ClickHouse, access_log: Path, clean: Stored, failure: Failure, message: str
) -> None:
    assert message in failed_import(server, access_log, failure, inserting('calls', 2))
    assert_finished(served, access_log, clean)


@pytest.mark.parametrize('row', [3, 4], ids=['begun', 'done'])
@pytest.mark.parametrize('failure', [go_away, clickhouse_error(252)], ids=['gone', '252'])
@pytest.mark.usefixtures('environment')
def test_after_a_failed_ledger_row_the_next_import_completes_the_log(
    server: ClickHouseServer, served: ClickHouse, access_log: Path, clean: Stored, failure: Failure, row: int
) -> None:
    failed_import(server, access_log, failure, inserting('batches', row))
    assert_finished(served, access_log, clean)


@pytest.mark.parametrize('row', [3, 4], ids=['begun', 'done'])
@pytest.mark.parametrize('failure', [cut_before, cut_after], ids=['before', 'after'])
@pytest.mark.usefixtures('environment')
def test_a_connection_cut_at_a_ledger_row_is_retried(
    server: ClickHouseServer, served: ClickHouse, access_log: Path, clean: Stored, failure: Failure, row: int
) -> None:
    server.fail_next(failure, when=inserting('batches', row))
    assert imported(access_log) == summary(stored=LINES)
    assert server.failures == []
    assert stored(served) == clean


@pytest.mark.usefixtures('environment')
def test_an_import_after_many_failed_ones_completes_the_log(
    server: ClickHouseServer, served: ClickHouse, access_log: Path, clean: Stored
) -> None:
    for failure in (cut_after, half_done('days_mv'), cut_before, cut_after):
        failed_import(server, access_log, failure, inserting('calls'))
    failed_import(server, access_log, cut_after, inserting('calls', 2))
    assert_finished(served, access_log, clean)
    assert imported(access_log) == summary(already=LINES)
    assert_finished(served, access_log, clean)


@pytest.mark.usefixtures('environment')
def test_concurrent_imports_of_a_growing_log_count_its_lines_once(
    server: ClickHouseServer, served: ClickHouse, tmp_path: Path
) -> None:
    growing, copy = tmp_path / 'growing.log', tmp_path / 'copy.log'
    growing.write_bytes(log(range(10)))
    other_results: list[int] = []

    def meanwhile(exchange: Exchange) -> None:
        copy.write_bytes(log(range(20)))  # another file, so the lock does not help
        other_results.append(run('import', copy, '--domain', DOMAIN).exit_code)
        exchange.answer()

    server.fail_next(meanwhile, when=inserting('batches'))
    refused = run('import', growing, '--domain', DOMAIN)
    assert other_results == [0]
    assert refused.exit_code == 1
    assert f'error: {growing}: another import of this log is under way' in refused.stderr
    imported(growing, copy)
    assert paths(served) == asked(range(20))
    assert_rollups_agree(served)


@pytest.mark.usefixtures('environment')
def test_of_two_concurrent_imports_of_a_file_the_second_is_refused(
    server: ClickHouseServer, served: ClickHouse, tmp_path: Path
) -> None:
    file = tmp_path / 'access.log'
    file.write_bytes(log(range(10)))
    other_results: list[Result] = []

    def meanwhile(exchange: Exchange) -> None:
        other_results.append(run('import', file, '--domain', DOMAIN))
        exchange.answer()

    server.fail_next(meanwhile, when=inserting('calls'))
    assert imported(file) == summary(stored=10)
    [refused] = other_results
    assert refused.exit_code == 1
    assert f'{file}: another import of this log is under way' in refused.output
    assert paths(served) == asked(range(10))


def test_a_client_that_timed_out_can_insert_again(server: ClickHouseServer, served: ClickHouse, tmp_path: Path) -> None:
    calls, late = tmp_path / 'calls.native', threading.Event()
    write_block(calls, pl.DataFrame({'domain': ['a'] * 10}))

    def come_late(exchange: Exchange) -> None:
        try:
            hang(0.6)(exchange)
        finally:
            late.set()

    with closing(served.another()) as hasty:
        hasty.client.timeout = Timeout(0.2)  # type: ignore[attr-defined]
        server.fail_next(come_late, when=inserting('calls'))
        with pytest.raises(EngineError):
            hasty.insert_file('calls', ['domain'], calls, 'token')
    served.insert_file('calls', ['domain'], calls, 'token')
    assert late.wait(30)
    for table, number in (('calls', 'count()'), ('days', 'sum(calls)'), ('accounts', 'sum(calls)'), ('places', 'sum(calls)')):
        assert served.query(f'SELECT {number} AS calls FROM {table}') == [{'calls': 10}], table


def test_a_connection_closed_by_the_server_is_reopened(server: ClickHouseServer, served: ClickHouse, tmp_path: Path) -> None:
    calls = tmp_path / 'calls.native'
    write_block(calls, pl.DataFrame({'domain': ['a']}))

    def answer_and_close(exchange: Exchange) -> None:
        exchange.answer()
        exchange.cut()

    writing: list[Callable[[], None]] = [
        lambda: served.insert_file('calls', ['domain'], calls, 'token'),
        lambda: served.insert_rows('batches', [{'batch_id': 'a'}], 'token'),
        lambda: served.command('TRUNCATE TABLE events'),
    ]
    for write in writing:
        server.fail_next(answer_and_close)
        served.query('SELECT 1')
        time.sleep(0.1)
        write()
    assert served.query('SELECT count() AS calls FROM calls') == [{'calls': 1}]


@pytest.mark.parametrize(
    ('failure', 'message'), [(http_error(503), '503'), (clickhouse_error(241), 'MEMORY')], ids=['503', '241']
)
@pytest.mark.usefixtures('environment')
def test_a_failed_report_is_one_line(server: ClickHouseServer, access_log: Path, failure: Failure, message: str) -> None:
    imported(access_log)
    server.fail_next(failure, times=3, when=lambda request: b'summary' in request.statement)
    result = run('report', *PERIOD)
    assert (result.exit_code, result.stdout) == (1, '')
    assert_one_line(result.stderr)
    assert message in result.stderr


@pytest.mark.usefixtures('environment')
def test_a_report_survives_a_short_failure(server: ClickHouseServer, access_log: Path) -> None:
    imported(access_log)
    before = run('report', *PERIOD).stdout
    for failure in (cut_before, http_error(503)):
        server.fail_next(failure, when=lambda request: b'summary' in request.statement)
    assert run('report', *PERIOD).stdout == before
    assert server.failures == []


def test_a_wrong_password_is_reported_in_one_line(
    environment: pytest.MonkeyPatch, server: ClickHouseServer, name: str, access_log: Path
) -> None:
    environment.setenv('USAGE_CLICKHOUSE_URL', f'http://{USER}:wr0ng@127.0.0.1:{server.port}/{name}')
    for command in (['import', str(access_log), '--domain', DOMAIN], ['report'], ['init']):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (1, '')
        assert_one_line(result.stderr)
        assert 'refuses the user or the password' in result.stderr
        assert 'wr0ng' not in result.stderr


@pytest.mark.usefixtures('environment')
def test_a_missing_server_is_reported_in_one_line(server: ClickHouseServer, access_log: Path) -> None:
    server.stop()
    for command in (['import', str(access_log), '--domain', DOMAIN], ['report'], ['init']):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (1, '')
        assert_one_line(result.stderr)
        assert f'http://127.0.0.1:{server.port}/' in result.stderr
        assert 'no ClickHouse server answers' in result.stderr


def test_the_text_of_a_statement_does_not_change_its_error(served: ClickHouse) -> None:
    for text in ('timed out', 'Connection refused', 'AUTHENTICATION_FAILED', 'Code: 516', '[SSL: X]'):
        with pytest.raises(EngineError, match='UNKNOWN_TABLE'):
            served.query(f"SELECT '{text}' FROM nothing")


@pytest.mark.usefixtures('environment')
def test_check_creates_nothing(server: ClickHouseServer, name: str) -> None:
    result = run('check')
    assert f'http://127.0.0.1:{server.port}/{name}: no database yet' in ' '.join(result.stdout.split())
    assert server.engine.query(f"SELECT count() FROM system.databases WHERE name = '{name}'").bytes() == b'0\n'
