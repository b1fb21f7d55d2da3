"""The engine: addresses, errors in one line without a password, connections, and inserts that count once."""

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest
from calls import write_block
from conftest import SERVER
from databases import Databases
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import EngineError, SettingsError
from exporter.store.clickhouse import ClickHouse, Row, connect
from exporter.store.rollups import ROLLUPS
from exporter.store.url import address

PASSWORD = 'pass-word-7'
embedded_only = pytest.mark.skipif(bool(SERVER), reason='needs the embedded engine: unset USAGE_TEST_CLICKHOUSE_URL')


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the program as a user does, in a process of its own."""
    return subprocess.run(
        [sys.executable, '-c', 'from exporter.cli import main; main()', *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith('USAGE_')} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return int(listener.getsockname()[1])


# addresses


@pytest.mark.parametrize(
    ('url', 'path', 'database'),
    [
        ('chdb:///var/lib/usage', '/var/lib/usage', 'usage'),
        ('chdb:///var/lib/usage?database=other', '/var/lib/usage', 'other'),
        ('chdb:///with%20space%23%3F', '/with space#?', 'usage'),
        ('chdb:///with space', '/with space', 'usage'),
    ],
)
def test_an_embedded_database_is_named_by_its_path(url: str, path: str, database: str) -> None:
    parsed = address(url)
    assert (parsed.embedded, parsed.database, parsed.shown) == (Path(path), database, f'chdb://{path}')


@pytest.mark.parametrize(
    ('url', 'host', 'port', 'user', 'database', 'shown'),
    [
        ('http://ch', 'ch', 8123, 'default', 'usage', 'http://ch:8123/usage'),
        ('https://ch', 'ch', 8443, 'default', 'usage', 'https://ch:8443/usage'),
        ('http://ch.example.org:80/', 'ch.example.org', 80, 'default', 'usage', 'http://ch.example.org:80/usage'),
        (f'http://me:{PASSWORD}@ch/calls-1', 'ch', 8123, 'me', 'calls-1', 'http://ch:8123/calls-1'),
        (f'https://a%40b:{PASSWORD}@ch:1/d', 'ch', 1, 'a@b', 'd', 'https://ch:1/d'),
        ('http://[::1]:8124/d', '[::1]', 8124, 'default', 'd', 'http://[::1]:8124/d'),
    ],
)
def test_a_server_is_named_by_its_url(url: str, host: str, port: int, user: str, database: str, shown: str) -> None:
    parsed = address(url)
    assert parsed.embedded is None
    assert parsed.server == {
        'host': host,
        'port': port,
        'secure': url.startswith('https'),
        'username': user,
        'password': PASSWORD if PASSWORD in url else '',
    }
    assert (parsed.database, parsed.shown) == (database, shown)
    assert PASSWORD not in repr(parsed)


@given(st.text(st.characters(codec='utf-8'), min_size=1))
def test_any_password_is_parsed_and_not_shown(text: str) -> None:
    parsed = address(f'http://me:{quote(PASSWORD + text, safe="")}@ch:8123/usage')
    assert parsed.server['password'] == PASSWORD + text
    assert PASSWORD not in parsed.shown + repr(parsed) + str(parsed)


@pytest.mark.parametrize(
    'url',
    [
        '',
        'localhost:8123',
        'clickhouse://ch',
        'chdb://',
        'chdb:usage',
        'chdb://relative/path',
        'chdb:///path#1',
        'chdb:///path?databas=x',
        'chdb:///path?database=a`b',
        'http://',
        'http:///usage',
        f'http://me:{PASSWORD}@ch:port/usage',
        f'http://me:{PASSWORD}@[::1/usage',
        f'http://me:{PASSWORD}/1@ch:8123/usage',
        f'http://me:1/{PASSWORD}@ch:8123/usage',
        f'http://me:1#{PASSWORD}@ch:8123/usage',
        f'http://me:1?{PASSWORD}@ch:8123/usage',
        f'http://me:1@{PASSWORD}@ch:8123/usage',
        f'http://me:{PASSWORD}@ch:8123/a/b',
        f'http://me:{PASSWORD}@ch:8123/?database=usage',
    ],
)
def test_an_invalid_url_is_refused_in_one_line_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as error:
        address(url)
    assert str(error.value).startswith('USAGE_CLICKHOUSE_URL: invalid ClickHouse URL; write chdb:///path or http(s)://')
    assert '\n' not in str(error.value)
    assert PASSWORD not in str(error.value)


# errors of an engine


@embedded_only
def test_a_locked_database_is_reported_in_one_line(database: ClickHouse) -> None:
    other = run('query', 'SELECT 1', USAGE_CLICKHOUSE_URL=f'{database.address.shown}?database=other')
    assert (other.returncode, other.stdout) == (1, '')
    assert other.stderr == (
        f'error: {database.address.embedded}: another process holds this embedded database; '
        'wait until it ends, or use a ClickHouse server for both\n'
    )


@pytest.mark.slow
@embedded_only
def test_one_of_several_processes_opens_a_database_and_the_others_fail(tmp_path: Path) -> None:
    url = f'chdb://{tmp_path}/database'
    with ThreadPoolExecutor(4) as pool:
        ends = list(
            pool.map(lambda _: run('query', 'SELECT sum(number) FROM numbers(2000000000)', USAGE_CLICKHOUSE_URL=url), range(4))
        )
    assert 0 in [end.returncode for end in ends]
    held = f'error: {tmp_path}/database: another process holds this embedded database; '
    for end in ends:
        assert end.returncode == 0 or (end.stderr.startswith(held) and end.stderr.count('\n') == 1), end.stderr


@pytest.mark.slow
@embedded_only
def test_a_database_whose_holder_was_killed_opens_again(tmp_path: Path) -> None:
    holds = f'from exporter.store.clickhouse import connect; a = connect("chdb://{tmp_path}/database"); print("open", flush=True); input()'
    with subprocess.Popen([sys.executable, '-c', holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b'open\n'
        refused = run('query', 'SELECT 1', USAGE_CLICKHOUSE_URL=f'chdb://{tmp_path}/database')
        holder.send_signal(signal.SIGKILL)
    assert 'another process holds' in refused.stderr
    opened = run('query', 'SELECT 1 AS one', '--format', 'csv', USAGE_CLICKHOUSE_URL=f'chdb://{tmp_path}/database')
    assert (opened.returncode, opened.stdout, opened.stderr) == (0, 'one\n1\n', '')


def test_an_unusable_path_is_reported_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(
        EngineError, match=r'database: cannot create or open a database here \(Not a directory\); choose another path'
    ):
        connect(f'chdb://{tmp_path}/file/database')


@pytest.mark.parametrize('scheme', ['http', 'https'])
@pytest.mark.parametrize('debug', [False, True])
def test_a_missing_server_is_reported_in_one_line_without_the_password(scheme: str, debug: bool) -> None:
    port = closed_port()
    url = f'{scheme}://me:{PASSWORD}@127.0.0.1:{port}/usage'
    refused = run(*['--debug'] * debug, 'query', 'SELECT 1', USAGE_CLICKHOUSE_URL=url)
    expected = (
        f'error: {scheme}://127.0.0.1:{port}/usage: no ClickHouse server answers; start it or correct USAGE_CLICKHOUSE_URL\n'
    )
    assert refused.returncode == 1
    assert refused.stderr.count('\n') > 1 if debug else refused.stderr == expected
    assert PASSWORD not in refused.stdout + refused.stderr


@pytest.fixture
def answering() -> Iterator[Any]:
    """Returns a function that starts a server with one answer for every request, and returns its port."""
    servers = []

    def start(status: int, body: str) -> int:
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get('Content-Length') or 0))
                self.send_response(status)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST

            def log_message(self, *_: object) -> None: ...

        servers.append(http.server.ThreadingHTTPServer(('127.0.0.1', 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1].server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ('scheme', 'status', 'body', 'message'),
    [
        (
            'http',
            403,
            'Code: 516. DB::Exception: me: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)\n',
            'ClickHouse refuses the user or the password of USAGE_CLICKHOUSE_URL',
        ),
        ('http', 500, 'Code: 243. DB::Exception: Cannot reserve 1.00 MiB. (NOT_ENOUGH_SPACE)\n', 'is full; free space on it'),
        ('http', 400, 'Port 9000 is for clickhouse-client program\r\nYou must use port 8123 for HTTP.\r\n', 'Port 9000 is for'),
        ('http', 200, '<html>\nhello\n</html>', 'server version'),
        ('http', 404, '<html>\nnot found\n</html>', '404'),
        ('https', 200, 'no TLS', 'TLS connection to ClickHouse failed'),
    ],
)
def test_errors_of_a_server_are_reported_in_one_line(answering: Any, scheme: str, status: int, body: str, message: str) -> None:
    port = answering(status, body)
    with pytest.raises(EngineError) as error:
        connect(f'{scheme}://me:{PASSWORD}@127.0.0.1:{port}/usage')
    assert str(error.value).startswith(f'{scheme}://127.0.0.1:{port}/usage: ')
    assert message in str(error.value)
    assert '\n' not in str(error.value)
    assert PASSWORD not in str(error.value)


def test_a_refused_statement_is_reported_in_one_line_with_its_code(database: ClickHouse) -> None:
    for refuse in (database.query, database.command):
        with pytest.raises(EngineError) as error:
            refuse('SELECT nothing\nFROM nowhere')
        assert str(error.value).startswith(f'{database.address.shown}: Code: 60. DB::Exception: ')
        assert 'nowhere' in str(error.value)
        assert '\n' not in str(error.value)


# connections and queries


@pytest.mark.no_database
def test_a_missing_database_is_created(database_url: str) -> None:
    opened = connect(database_url)
    assert opened.query('SELECT currentDatabase() AS name') == [{'name': address(database_url).database}]
    opened.close()


def test_connections_are_independent(database: ClickHouse) -> None:
    def ask(number: int) -> list[Row]:
        another = database.another()
        try:
            return another.query('SELECT {number:UInt8} AS number, count() AS calls FROM calls', {'number': number})
        finally:
            another.close()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(8))) == [[{'number': number, 'calls': 0}] for number in range(8)]
    assert database.query('SELECT count() AS calls FROM calls') == [{'calls': 0}]


def test_a_parameter_is_always_a_value(database: ClickHouse) -> None:
    for text in ('', "o'brien", 'back\\slash', 'two\nlines\t', '{brace:String}', '50 %s %(a)s', 'é 🦉', "\\'; --"):
        rows = database.query('SELECT {a:String} AS a, {b:Array(String)} AS b', {'a': text, 'b': [text, text]})
        assert rows == [{'a': text, 'b': [text, text]}]
        database.command('INSERT INTO events (id, title) VALUES ({a:String}, {a:String})', {'a': text})
        assert database.query('SELECT title FROM events WHERE id = {a:String}', {'a': text}) == [{'title': text}]


def test_a_statement_without_parameters_is_sent_unchanged(database: ClickHouse) -> None:
    assert database.query("SELECT '50%' AS a, '{b:String} %s' AS b -- and c") == [{'a': '50%', 'b': '{b:String} %s'}]
    assert database.query('SELECT id FROM events') == []


def test_a_read_only_query_cannot_write(database: ClickHouse) -> None:
    for statement in (
        "INSERT INTO events (id) VALUES ('x')",
        'CREATE TABLE t (a UInt8) ENGINE = Memory',
        'DROP TABLE events',
        'SELECT 1 SETTINGS readonly = 0',
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1/', 'LineAsString')",
    ):
        reader = database.another()
        with pytest.raises(EngineError, match=r'Code: 164\b.*readonly'):
            reader.query(statement, readonly=1)
        assert reader.query('SELECT count() AS events FROM events', readonly=1) == [{'events': 0}]
        reader.close()
    database.command("INSERT INTO events (id) VALUES ('x')")  # others may write meanwhile
    assert database.query('SELECT id FROM events') == [{'id': 'x'}]


# inserts count once


def rows(number: int, domain: str = 'a.example') -> list[Row]:
    """Identical calls: only the token tells a repeated insert."""
    call = {'timestamp': '2026-11-02 12:00:00.000', 'domain': domain, 'timezone': 'UTC', 'day': '2026-11-02'}
    return [{**call, 'hour': '2026-11-02 12:00:00', 'user_id': 'ann', 'country': 'FR'}] * number


def tally(database: ClickHouse) -> set[int]:
    """The numbers of calls in the table and in each rollup: one number if they agree."""
    tables = 'SELECT count() AS calls FROM calls' + ''.join(
        f' UNION ALL SELECT sum({table}.calls) FROM {table}' for table in ROLLUPS
    )
    return {row['calls'] for row in database.query(tables)}


def insert_rows(database: ClickHouse, number: int, token: str, _: Path) -> None:
    database.insert_rows('calls', rows(number), token)


def insert_file(database: ClickHouse, number: int, token: str, folder: Path) -> None:
    file = folder / "it's a batch.native"
    frame = pl.DataFrame(rows(number)).with_columns(
        pl.col('timestamp').str.to_datetime(time_unit='ms', time_zone='UTC'),
        pl.col('day').str.to_date(),
        pl.lit(1793620800, pl.UInt32).alias('hour'),
    )
    write_block(file, frame)
    database.insert_file('calls', frame.columns, file, token)


both_ways = pytest.mark.parametrize('insert', [insert_rows, insert_file])


@both_ways
def test_an_insert_counts_once_for_each_token_also_in_rollups(database: ClickHouse, insert: Any, tmp_path: Path) -> None:
    insert(database, 3, 'a.example/log/0-99', tmp_path)
    insert(database, 3, 'a.example/log/0-99', tmp_path)
    assert tally(database) == {3}
    insert(database, 3, 'a.example/log/99-198', tmp_path)  # the same calls, from elsewhere: other calls
    insert(database, 2, "it's \\ another", tmp_path)
    insert(database, 2, "it's \\ another", tmp_path)
    assert tally(database) == {8}


@both_ways
def test_a_token_is_known_after_the_database_is_reopened(
    databases: Databases, database_url: str, database: ClickHouse, insert: Any, tmp_path: Path
) -> None:
    insert(database, 3, 'one', tmp_path)
    database.close()
    databases.reload(database_url)
    again = connect(database_url)
    insert(again, 3, 'one', tmp_path)
    assert tally(again) == {3}
    again.close()


@both_ways
def test_repeating_an_insert_completes_the_rollups_that_it_missed(database: ClickHouse, insert: Any, tmp_path: Path) -> None:
    for stored, rollup in ((0, 'days'), (3, 'accounts'), (6, 'places')):
        database.command(f"ALTER TABLE {rollup} ADD CONSTRAINT broken CHECK domain != 'a.example'")
        with pytest.raises(EngineError, match='broken'):
            insert(database, 3, rollup, tmp_path)
        database.command(f'ALTER TABLE {rollup} DROP CONSTRAINT broken')
        assert tally(database) == {stored, stored + 3}  # the calls are in, not all rollups are
        for _ in range(2):
            insert(database, 3, rollup, tmp_path)
            assert tally(database) == {stored + 3}


def test_a_batch_over_years_counts_once(database: ClickHouse) -> None:
    months = [f'{year}-{month:02}-15' for year in (2024, 2025, 2026) for month in range(1, 13)]
    batch = [{**row, 'day': day, 'timestamp': f'{day} 12:00:00', 'hour': f'{day} 12:00:00'} for day in months for row in rows(2)]
    for _ in range(2):
        database.insert_rows('calls', batch, 'one')
        assert tally(database) == {72}


@both_ways
def test_an_insert_with_an_invalid_row_stores_nothing(database: ClickHouse, insert: Any, tmp_path: Path) -> None:
    database.command("ALTER TABLE calls ADD CONSTRAINT not_ann CHECK user_id != 'ann'")
    with pytest.raises(EngineError, match='not_ann'):
        insert(database, 3, 'one', tmp_path)
    assert tally(database) == {0}
