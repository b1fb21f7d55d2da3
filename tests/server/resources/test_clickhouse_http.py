"""`/clickhouse`: clients of ClickHouse read the database through it, and nothing else; every statement has its limits."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_server import ClickHouseServer
from serving import CALL, DOMAIN, OTHER, Serving, listening, read_through, serving
from statements import HUGE, REFUSED

from exporter.server.tokens import Scope
from exporter.store import reader
from exporter.store.clickhouse import ClickHouse
from exporter.store.connections import Connections

ENDLESS = 'SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 7'


@pytest.fixture
def interface(tmp_path: Path, database_url: str) -> Iterator[tuple[Serving, int]]:
    """The application behind a real server, with two calls, and its port."""
    with Connections(database_url) as connections, serving(tmp_path / 'data', connections) as parts:
        parts.post([CALL, CALL | {'domain': OTHER}])
        parts.drain.empty()
        with listening(parts.app) as port:
            yield parts, port


def ask(port: int, statement: str, headers: dict[str, str] | None = None, /, **parameters: str) -> httpx.Response:
    return httpx.post(
        f'http://127.0.0.1:{port}/clickhouse', content=statement.encode(), params=parameters, headers=headers, timeout=60
    )


def code(response: httpx.Response, status: int) -> int:
    """The error code of an answer in ClickHouse's format."""
    assert response.status_code == status, response.text
    assert response.text.startswith(f'Code: {response.headers["X-ClickHouse-Exception-Code"]}. DB::Exception: ')
    return int(response.headers['X-ClickHouse-Exception-Code'])


# what clients of ClickHouse ask


def test_curl_reads_in_every_way(interface: tuple[Serving, int]) -> None:
    _, port = interface
    url = f'http://127.0.0.1:{port}/clickhouse'
    for address in (url, f'{url}/'):
        assert httpx.get(address).text == 'Ok.\n'
        assert httpx.get(address, params={'query': 'SELECT 1'}).text == '1\n'
        assert httpx.post(address, params={'query': 'SELECT 1'}, content='+ 1').text == '2\n'
        assert httpx.post(address, content='SELECT 1 FORMAT JSONEachRow;').json() == {'1': 1}
        assert httpx.post(address, files={'query': (None, 'SELECT {n:UInt8}'), 'param_n': (None, '7')}).text == '7\n'
    assert httpx.get(f'{url}/ping').text == 'Ok.\n'
    assert ask(port, "SELECT currentDatabase() LIKE 'test%'", database='default').text == '1\n'  # there is only one
    assert ask(port, 'SELECT 1', default_format='CSVWithNames').text == '"1"\n1\n'
    assert ask(port, 'SELECT 1', {'X-ClickHouse-Format': 'JSONCompact'}).headers['Content-Type'] == 'application/json'
    packed = httpx.post(url, content=gzip.compress(b'SELECT 1'), headers={'Content-Encoding': 'gzip'})
    assert packed.text == '1\n'


def test_an_answer_is_described_and_compressed_as_clients_ask(interface: tuple[Serving, int]) -> None:
    _, port = interface
    response = ask(port, "SELECT repeat('x', 5000) FORMAT TSV", query_id='abc', enable_http_compression='1')
    assert response.headers['Content-Encoding'] == 'gzip'
    assert response.text == 'x' * 5_000 + '\n'
    assert response.headers['X-ClickHouse-Format'] == 'TSV'
    assert response.headers['X-ClickHouse-Query-Id'] == 'abc'
    assert response.headers['X-ClickHouse-Timezone'] == 'UTC'
    assert int(json.loads(response.headers['X-ClickHouse-Summary'])['elapsed_ns']) > 0
    assert 'Content-Encoding' not in ask(port, "SELECT repeat('x', 5000)").headers


def test_clickhouse_connect_reads_tables_views_and_every_usual_type(interface: tuple[Serving, int], database: ClickHouse) -> None:
    _, port = interface
    client = read_through(port, database, username='anyone', password='anything')
    assert client.query('SELECT domain, count() AS n FROM calls GROUP BY domain ORDER BY domain') == [
        {'domain': DOMAIN, 'n': 1},
        {'domain': OTHER, 'n': 1},
    ]
    assert client.query('SELECT {x:String} AS x, {y:Array(String)} AS y', {'x': "a'b\\\n", 'y': ["c'd", 'e']}) == [
        {'x': "a'b\\\n", 'y': ["c'd", 'e']}
    ]
    every_type = """
        SELECT number::UInt32 AS a, toString(number) AS b, toLowCardinality(toString(number % 5)) AS c, toNullable(number) AS d,
            [toLowCardinality('x'), 'y'] AS e, map('k', toUInt8(1)) AS f, (1::UInt8, 'z') AS g,
            toDateTime64('2026-11-01 08:30:00.123', 3, 'UTC') AS h, toDecimal64(1.5, 2) AS i, toIPv6('::1') AS j,
            toLowCardinality(if(number % 2, NULL, 'q')::Nullable(String)) AS k,
            arrayMap(x -> (x, toString(x)), range(number % 3)) AS l, CAST('a', 'Enum8(\\'a\\' = 1, \\'b, (c\\' = 2)') AS m,
            (1 AS x, 'b' AS y)::Tuple(x UInt8, `y, z` String) AS n, toFixedString('ab', 3) AS o,
            toUUID('391dc10f-5e71-408c-8566-625dd9d55638') AS p, [[1], []]::Array(Array(Nullable(Int8))) AS q,
            toDate('2026-11-01') AS r, repeat('long', 100) AS s, toInt256(-3) AS t, map('a', map(1, [2])) AS u, 1.5::Float32 AS v
        FROM numbers(1000)"""
    assert client.query(every_type) == database.query(every_type)
    assert client.columns('SELECT 1::UInt8 AS a WHERE 0') == [('a', 'UInt8')]
    assert client.client.query('SELECT 1 AS a, 2 AS b WHERE 0').column_names == ('a', 'b')
    assert client.client.query("SHOW TABLES LIKE 'none'").column_names == ('name',)
    assert {row['name'] for row in client.query('SHOW TABLES')} >= {'calls', 'activity'}
    assert client.query('DESCRIBE TABLE calls')[0]['name'] == 'timestamp'


def test_grafanas_plugin_is_answered_in_its_own_way(interface: tuple[Serving, int], database: ClickHouse) -> None:
    _, port = interface
    name = database.address.database
    wanted = {'database': name, 'default_format': 'Native', 'client_protocol_version': '54460', 'max_execution_time': '65'}
    response = ask(port, 'SELECT displayName(), version(), revision(), timezone()', {'X-ClickHouse-User': 'grafana'}, **wanted)
    assert response.status_code == 200
    assert response.content.startswith(b'\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01')  # BlockInfo; four columns, one row
    assert b'String\x00' in response.content
    nothing = ask(port, 'SELECT 1 AS a WHERE 0 SETTINGS join_use_nulls = 1', None, **wanted)
    assert nothing.content == b'\x01\x00\x02\xff\xff\xff\xff\x00\x01\x00\x01a\x05UInt8\x00'
    assert code(ask(port, 'SELECT sumState(1)', None, **wanted), 403) == 497  # no client can read it


def test_settings_of_one_client_do_not_reach_the_next(interface: tuple[Serving, int]) -> None:
    _, port = interface
    joined = 'SELECT b.n FROM (SELECT 1 AS x) AS a LEFT JOIN (SELECT 2 AS x, 3 AS n) AS b USING x'
    for _ in range(2 * reader.AT_ONCE):
        assert ask(port, joined, join_use_nulls='1').text == '\\N\n'
        assert ask(port, joined).text == '0\n'
        assert ask(port, 'SELECT {x:String}', param_x='a').text == 'a\n'
        assert code(ask(port, 'SELECT {x:String}'), 400) == 456


def test_a_client_may_lower_limits_but_not_raise_them(interface: tuple[Serving, int]) -> None:
    _, port = interface
    limits = 'SELECT name, value FROM system.settings WHERE name IN ({names:Array(String)}) ORDER BY name'
    names = str(list(reader.MOST))
    asked = dict.fromkeys(reader.MOST, '99999999999999')
    for given, expected in ((asked, reader.MOST), (dict.fromkeys(reader.MOST, '0'), reader.MOST)):
        rows = ask(port, limits, param_names=names, **given).text.splitlines()
        assert dict(row.split('\t') for row in rows) == {name: str(most) for name, most in expected.items()}
    assert code(ask(port, 'SELECT number FROM numbers(11)', max_result_rows='10'), 400) == 396
    assert ask(port, 'SELECT count() FROM numbers(11)', max_result_rows='10').text == '11\n'


# what a reader must not reach


def test_every_attack_is_refused_and_nothing_is_read_or_written(
    interface: tuple[Serving, int], database: ClickHouse, tmp_path: Path
) -> None:
    _, port = interface
    private, out = tmp_path / 'private.csv', tmp_path / 'out'
    private.write_text('private-content\n')
    before = everything(database)
    with socket.create_server(('127.0.0.1', 0)) as host:
        host.setblocking(False)
        places = {'{file}': f'{private}', '{out}': f'{out}', '{host}': f'127.0.0.1:{host.getsockname()[1]}'}
        with httpx.Client(timeout=60) as client:
            for attack in REFUSED:
                statement = attack.replace('{database}', database.address.database)
                for name, place in places.items():
                    statement = statement.replace(name, place)
                response = client.post(f'http://127.0.0.1:{port}/clickhouse', content=statement.encode())
                assert code(response, response.status_code) in (497, 62), attack
                assert response.status_code in (403, 400), attack
                assert 'private-content' not in response.text
                assert str(tmp_path / 'engine') not in response.text
        with pytest.raises(BlockingIOError):
            host.accept()
    assert not out.exists()
    assert everything(database) == before


def everything(database: ClickHouse) -> list[object]:
    return [
        database.query('SELECT * FROM calls ORDER BY domain'),
        database.query('SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name'),
        database.query('SELECT name FROM system.databases ORDER BY name'),
        database.query('SELECT name FROM system.functions ORDER BY name'),
    ]


@pytest.mark.parametrize(
    ('parameters', 'status', 'error'),
    [
        ({'format_template_row': '/etc/passwd'}, 403, 497),
        ({'format_schema': '/etc/passwd:x'}, 403, 497),
        ({'default_format': 'Template'}, 403, 497),
        ({'default_format': "CSV INTO OUTFILE 'x'"}, 403, 497),
        ({'allow_introspection_functions': '1'}, 403, 497),
        ({'readonly = 0, max_threads': '1'}, 403, 497),
        ({'join_use_nulls': "1', readonly = '0"}, 400, 467),
        ({'param_x = 1, readonly': '0'}, 400, 36),
        ({'database': 'other'}, 404, 81),
        ({'database': 'system'}, 404, 81),
        ({'compress': '1'}, 400, 36),
        ({'decompress': '1'}, 400, 36),
        ({'client_protocol_version': 'x'}, 400, 36),
    ],
)
def test_what_stands_beside_a_statement_is_checked(
    interface: tuple[Serving, int], parameters: dict[str, str], status: int, error: int
) -> None:
    _, port = interface
    response = ask(port, 'SELECT 1', **parameters)
    assert code(response, status) == error


def test_a_parameter_cannot_name_another_table(interface: tuple[Serving, int], database: ClickHouse) -> None:
    _, port = interface
    named = 'SELECT count() FROM {d:Identifier}.{t:Identifier}'
    assert ask(port, named, param_d=database.address.database, param_t='calls').text == '2\n'
    assert code(ask(port, named, param_d='default', param_t='/etc/passwd'), 403) == 497
    assert code(ask(port, 'SELECT 1 IN {t:Identifier}', param_t='default./etc/passwd'), 403) == 497


def test_bodies_that_are_no_statement(interface: tuple[Serving, int]) -> None:
    _, port = interface
    url = f'http://127.0.0.1:{port}/clickhouse'
    assert code(httpx.post(url, content=b'\xff\xfe'), 400) == 36
    assert code(httpx.post(url, content=b''), 403) == 497
    assert code(httpx.post(url, content=b'SELECT 1', headers={'Content-Encoding': 'br'}), 400) == 36
    assert code(httpx.post(url, content=b'no gzip', headers={'Content-Encoding': 'gzip'}), 400) == 36
    assert code(httpx.post(url, content=b"SELECT '" + b'x' * 300_000 + b"'"), 403) == 497
    assert code(httpx.post(url, content=b'x' * (11 << 20)), 400) == 36
    assert code(httpx.post(url, files={'query': (None, 'SELECT 1'), 'x': ('x', b'1')}), 400) == 36
    assert code(httpx.post(url, content=b'SELECT * FROM nowhere'), 404) == 60
    assert code(httpx.post(url, content=b'SELECT 1 +'), 400) == 62
    assert httpx.put(url, content=b'SELECT 1').status_code == 405


# tokens


def test_the_password_is_a_token_for_every_portal(interface: tuple[Serving, int], database: ClickHouse) -> None:
    parts, port = interface
    everywhere = parts.token(Scope.READ)['Authorization'].removeprefix('Bearer ')
    one_portal = parts.token(Scope.READ, domain=DOMAIN)['Authorization'].removeprefix('Bearer ')
    writing = parts.token(Scope.WRITE)['Authorization'].removeprefix('Bearer ')
    url = f'http://127.0.0.1:{port}/clickhouse'
    for headers in (
        {'X-ClickHouse-User': 'x', 'X-ClickHouse-Key': everywhere},
        {'Authorization': f'Bearer {everywhere}'},
    ):
        assert ask(port, 'SELECT 1', headers).text == '1\n'
    assert httpx.post(url, content='SELECT 1', auth=('grafana', everywhere)).text == '1\n'
    assert httpx.get(url, params={'query': 'SELECT 1', 'password': everywhere}).text == '1\n'
    assert read_through(port, database, username='anyone', password=everywhere).query('SELECT 1 AS a') == [{'a': 1}]
    for headers in ({}, {'X-ClickHouse-Key': 'wrong'}, {'X-ClickHouse-User': 'x'}, {'Authorization': 'Bearer wrong'}):
        response = ask(port, 'SELECT 1', headers)
        assert code(response, 401) == 516
        assert 'AUTHENTICATION_FAILED' in response.text
    for token in (one_portal, writing):
        assert code(ask(port, 'SELECT 1', {'X-ClickHouse-Key': token}), 403) == 497
    with pytest.raises(DatabaseError, match='516'):
        read_through(port, database, username='anyone', password='wrong')
    assert httpx.get(f'{url}/ping').text == 'Ok.\n'  # a client asks it before it sends a password


def test_without_tokens_only_requests_to_this_machine_are_answered(interface: tuple[Serving, int]) -> None:
    parts, port = interface
    for host in ('localhost', f'localhost:{port}', 'LOCALHOST.', '127.0.0.1', '127.9.9.9:1', '[::1]', f'[::1]:{port}'):
        assert ask(port, 'SELECT 1', {'Host': host}).text == '1\n', host
    for host in ('evil.example', f'evil.example:{port}', '127.0.0.1.evil.example', 'localhost.evil.example', '192.0.2.1', 'x:y'):
        assert ask(port, 'SELECT 1', {'Host': host}).status_code == 403, host
        assert httpx.get(f'http://127.0.0.1:{port}/v1/report', headers={'Host': host}).status_code == 403
    token = parts.token(Scope.READ)['Authorization']
    assert ask(port, 'SELECT 1', {'Host': 'usage.example.org', 'Authorization': token}).text == '1\n'


# limits


@pytest.mark.slow
@pytest.mark.parametrize('statement', HUGE)
def test_what_is_too_large_ends_with_the_engines_error(interface: tuple[Serving, int], statement: str) -> None:
    _, port = interface
    began = time.monotonic()
    response = ask(port, statement, max_memory_usage=str(300 << 20), max_execution_time='10')
    assert code(response, response.status_code) in (159, 241, 307, 396), response.text
    assert time.monotonic() - began < 20


def test_a_statement_has_a_time_limit(interface: tuple[Serving, int]) -> None:
    _, port = interface
    began = time.monotonic()
    assert code(ask(port, ENDLESS, max_execution_time='1'), 408) == 159
    assert time.monotonic() - began < 10


def running(database: ClickHouse) -> int:
    return int(
        database.query("SELECT count() AS n FROM system.processes WHERE startsWith(query, 'SELECT count() FROM numbers(1000')")[
            0
        ]['n']
    )


def until(database: ClickHouse, count: int, seconds: float = 20) -> float:
    """The seconds until so many endless statements run."""
    began = time.monotonic()
    while running(database) != count:
        assert time.monotonic() - began < seconds
        time.sleep(0.02)
    return time.monotonic() - began


def send(port: int, statement: str) -> socket.socket:
    client = socket.create_connection(('127.0.0.1', port))
    body = statement.encode()
    client.sendall(b'POST /clickhouse HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b' % (len(body), body))
    return client


def test_a_statement_ends_when_its_client_leaves(interface: tuple[Serving, int], database: ClickHouse) -> None:
    _, port = interface
    client = send(port, ENDLESS)
    until(database, 1)
    client.close()
    until(database, 0, 10)


def test_few_statements_run_at_once_and_others_wait_or_are_refused(interface: tuple[Serving, int], database: ClickHouse) -> None:
    _, port = interface
    clients = [send(port, ENDLESS) for _ in range(reader.ADMITTED)]
    until(database, reader.AT_ONCE)
    time.sleep(0.5)
    assert running(database) == reader.AT_ONCE
    assert code(ask(port, 'SELECT 1'), 503) == 202
    assert httpx.get(f'http://127.0.0.1:{port}/healthz', timeout=5).status_code == 200  # others are answered as before
    for client in clients:
        client.close()
    until(database, 0, 30)
    assert ask(port, 'SELECT 1').text == '1\n'


@pytest.mark.slow
def test_a_thousand_statements_at_once_leave_calls_their_threads(interface: tuple[Serving, int]) -> None:
    _, port = interface
    clients = [send(port, 'SELECT sum(sipHash64(number)) FROM numbers(10000000)') for _ in range(1_000)]
    began = time.monotonic()
    calls = httpx.post(f'http://127.0.0.1:{port}/v1/calls', json=[CALL], timeout=60)
    assert calls.status_code == 202
    assert time.monotonic() - began < 20
    answers = []
    threads = [threading.Thread(target=lambda client=client: answers.append(client.recv(100))) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    statuses = {answer[:12] for answer in answers}
    assert len(answers) == 1_000
    assert statuses == {b'HTTP/1.1 200', b'HTTP/1.1 503'}
    for client in clients:
        client.close()


# when serve uses a ClickHouse server


@pytest.mark.slow
def test_the_database_of_a_server_is_read_in_the_same_way(engine_url: str, tmp_path: Path) -> None:
    directory = engine_url.removeprefix('chdb://') if engine_url.startswith('chdb://') else tmp_path / 'served'
    name = f'served_{uuid4().hex[:12]}'
    with closing(ClickHouseServer(directory)) as server:
        with (
            Connections(f'{server.url}/{name}') as connections,
            serving(tmp_path / 'data', connections) as parts,
            listening(parts.app) as port,
        ):
            parts.post([CALL])
            parts.drain.empty()
            assert ask(port, 'SELECT count() FROM calls').text == '1\n'
            assert ask(port, 'SELECT path FROM calls WHERE 0 FORMAT Native', client_protocol_version='54460').content
            assert code(ask(port, "SELECT * FROM file('/etc/passwd')"), 403) == 497
            assert code(ask(port, 'DROP TABLE calls'), 403) == 497
            assert code(ask(port, 'SELECT number FROM numbers(11)', max_result_rows='10'), 400) == 396
            assert code(ask(port, ENDLESS, max_execution_time='1'), 408) == 159
            refused = ask(port, 'SELECT {n:UInt8}', param_n='7')
            assert code(refused, 403) == 497
            assert 'parameters of a statement are not passed on to a server; ask the server itself' in refused.text
            database = connections()
            client = send(port, ENDLESS)
            until(database, 1)
            client.close()
            until(database, 0, 10)
        server.engine.query(f'DROP DATABASE {name} SYNC')
