"""A small ClickHouse server over chDB in this process: the HTTP interface as far as clickhouse-connect uses it, and its failures.

It has one user, no sessions, no forms (many or long parameters, external tables), no progress or exceptions within an answer,
and no client_protocol_version.
`python tests/clickhouse_server.py` serves an empty directory until it is stopped, and prints the address to test against.
"""

import json
import os
import re
import signal
import socket
import sys
import threading
import time
import uuid
from base64 import b64decode
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

import chdb

CODINGS = {
    'lz4': 'lz4.frame',
    'gzip': 'gzip',
    'zstd': 'compression.zstd' if sys.version_info >= (3, 14) else 'backports.zstd',
}
# What of an address is no setting. https://clickhouse.com/docs/interfaces/http
NO_SETTING = re.compile(
    '(query|database|user|password|query_id|quota_key|role|session_.*|param_.*|compress|decompress|wait_end_of_query|buffer_size|'
    'default_format|client_protocol_version)$'
)
STATUS = {516: 403, 497: 403, 47: 404, 60: 404, 81: 404, 115: 404, 62: 400, 36: 400, 117: 400, 159: 408}  # of errors; others: 500
ERRORS = {
    62: 'Syntax error (Multi-statements are not allowed): failed at end of query. (SYNTAX_ERROR)',
    159: 'Timeout exceeded: elapsed 300.01 seconds, maximum: 300. (TIMEOUT_EXCEEDED)',
    241: 'Memory limit (total) exceeded: would use 15.99 GiB, maximum: 14.20 GiB. (MEMORY_LIMIT_EXCEEDED)',
    252: 'Too many parts (3001) in table. Merges are processing significantly slower than inserts. (TOO_MANY_PARTS)',
    516: 'Authentication failed: password is incorrect, or there is no such user.\n\nIt can be reset. (AUTHENTICATION_FAILED)',
}
WITH_DATA = re.compile(rb'\s*(INSERT\s+INTO\s+[^\s(]+\s*(?:\([^)]*\))?)\s+FORMAT\s+(\w+)[^\S\n]*\n', re.IGNORECASE)
QUOTED = re.compile(rb"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|--[^\n]*|/\*.*?\*/""", re.DOTALL)


class Request(NamedTuple):
    """What a client asks. The data of an insert stand behind its statement."""

    user: tuple[str, str]  # with the password
    statement: bytes
    database: str
    parameters: dict[str, str]
    settings: dict[str, str]


class Result(NamedTuple):
    """What is answered."""

    status: int
    body: bytes
    headers: dict[str, str]


class Refusal(Exception):
    """An error of ClickHouse by its number, with the engine's text where the engine has raised it."""

    def __init__(self, code: int, text: str = '') -> None:
        super().__init__(text or f'Code: {code}. DB::Exception: {ERRORS[code]}')
        self.code = code

    @property
    def result(self) -> Result:
        """The answer that tells of it."""
        body = f'{self} (version {chdb.engine_version} (official build))\n'.encode()
        return Result(STATUS.get(self.code, 500), body, {'X-ClickHouse-Exception-Code': str(self.code)})


class Exchange(BaseHTTPRequestHandler):
    """Requests of one connection, one after the other, and their answers. A failure takes the place of `answer`."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True  # an answer is headers and then a body
    timeout = 60

    def __init__(self, served: 'ClickHouseServer', *connection: Any) -> None:
        self.served = served
        super().__init__(*connection)

    def handle(self) -> None:
        """Goes on until one of the two sides ends the connection."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """A statement that only reads, or /ping."""
        self.do_POST()

    def do_POST(self) -> None:
        """Reads a request to its end, then answers it or fails."""
        self.query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        self.asked = self._request()
        if self.served.listening:
            failure = self.served.due(self.asked) or Exchange.answer
            failure(self)
        else:
            self.cut()

    def _request(self) -> Request:
        user, password = self.query.get('user', 'default'), self.query.get('password', '')
        if basic := self.headers.get('Authorization'):
            user, _, password = b64decode(basic.removeprefix('Basic ')).decode().partition(':')
        settings = {name: value for name, value in self.query.items() if not NO_SETTING.match(name)}
        if self.command == 'GET':
            settings.setdefault('readonly', '2')
        return Request(
            (self.headers.get('X-ClickHouse-User', user), self.headers.get('X-ClickHouse-Key', password)),
            b'\n'.join(part for part in (self.query.get('query', '').encode(), self._body()) if part),
            self.query.get('database', 'default'),
            {name[6:]: value for name, value in self.query.items() if name.startswith('param_')},
            settings,
        )

    def _body(self) -> bytes:
        if self.headers.get('Transfer-Encoding') == 'chunked':
            body = b''.join(iter(self._chunk, b''))
        else:
            body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        coding = self.headers.get('Content-Encoding')
        return import_module(CODINGS[coding]).decompress(body) if coding else body

    def _chunk(self) -> bytes:
        if not (size := self.rfile.readline()):
            raise ConnectionError('the client went away')
        chunk = self.rfile.read(int(size, 16))
        self.rfile.readline()
        return chunk

    def answer(self, result: Result | None = None) -> None:
        """Answers, by default with the result of what is asked."""
        status, body, headers = result or self.served.result(self.asked)
        accepted = self.headers.get('Accept-Encoding', '') if self.query.get('enable_http_compression') == '1' else ''
        if coding := next((name for name in CODINGS if name in accepted), None):
            body, headers = import_module(CODINGS[coding]).compress(body), headers | {'Content-Encoding': coding}
        self.send_response(status)
        for name, value in (headers | {'Content-Length': str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def cut(self) -> None:
        """Ends the connection without an answer."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Nothing: what goes wrong is what the client says."""


Failure = Callable[[Exchange], None]


def cut_before(exchange: Exchange) -> None:
    """The connection ends before anything is done."""
    exchange.cut()


def cut_after(exchange: Exchange) -> None:
    """The connection ends when all is done, before the answer."""
    exchange.served.result(exchange.asked)
    exchange.cut()


def go_away(exchange: Exchange) -> None:
    """The server ends: nothing is done, and connections are refused until `start`."""
    exchange.served.stop()
    exchange.cut()


def hang(seconds: float) -> Failure:
    """Everything begins late, so the client may have gone by then, and it is done nevertheless."""

    def failure(exchange: Exchange) -> None:
        time.sleep(seconds)
        exchange.answer()

    return failure


def http_error(status: int) -> Failure:
    """A proxy before the server answers with this status."""
    page = f'<html>\n<head><title>{status}</title></head>\n<body>Try again later</body>\n</html>\n'
    return lambda exchange: exchange.answer(Result(status, page.encode(), {'Content-Type': 'text/html'}))


def clickhouse_error(code: int) -> Failure:
    """ClickHouse does nothing but to raise this error, one of ERRORS."""
    return lambda exchange: exchange.answer(Refusal(code).result)


def half_done(view: str) -> Failure:
    """An insert into a table reaches all of its materialized views but one, where the memory is out."""

    def failure(exchange: Exchange) -> None:
        name = f'`{exchange.asked.database}`.`{view}`'
        exchange.served.engine.query(f'DETACH TABLE {name}')
        exchange.served.result(exchange.asked)
        exchange.served.engine.query(f'ATTACH TABLE {name}')
        exchange.answer(Refusal(241).result)

    return failure


class ClickHouseServer:
    """The server. It serves the directory of one engine, of which a process can have one."""

    def __init__(self, directory: Path | str, user: str = 'default', password: str = '', timezone: str = 'UTC') -> None:
        os.environ['TZ'] = self.timezone = timezone  # the engine's is that of the process when it first ran
        time.tzset()
        self.directory, self.user, self.password = str(directory), user, password
        self.engine_path = f'{self.directory}?backups.allowed_path=/'
        self.engine = chdb.connect(self.engine_path)  # type: ignore[no-untyped-call, unused-ignore]  # keeps the engine open
        self.failures = list[tuple[Failure, Callable[[Request], bool]]]()
        self.lock = threading.Lock()
        self.listening: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        """The address, without a database."""
        return f'http://{quote(self.user, safe="")}:{quote(self.password, safe="")}@127.0.0.1:{self.port}'

    def fail_next(self, how: Failure, times: int = 1, when: Callable[[Request], bool] = lambda _: True) -> None:
        """Fails so often, each time at the next request for which `when` holds."""
        with self.lock:
            self.failures += [(how, when)] * times

    def due(self, asked: Request) -> Failure | None:
        """The failure that is due, and is then over."""
        with self.lock:
            for number, (how, when) in enumerate(self.failures):
                if when(asked):
                    del self.failures[number]
                    return how
        return None

    def result(self, asked: Request) -> Result:
        """Does what is asked."""
        if not asked.statement:
            return Result(200, b'Ok.\n', {})
        try:
            if asked.user != (self.user, self.password):
                raise Refusal(516)
            return self._run(asked)
        except Refusal as refusal:
            return refusal.result
        except Exception as error:
            if type(error).__name__ != 'ChdbError':  # chdb has two classes of this name
                raise
            code = re.search(r'Code: (\d+)', str(error))
            return Refusal(int(code[1]) if code else 1002, str(error)).result

    def _run(self, asked: Request) -> Result:
        data = WITH_DATA.match(asked.statement)
        if not data and re.search(rb';\s*[^\s;]', QUOTED.sub(b'', asked.statement)):
            raise Refusal(62)
        with closing(chdb.connect(self.engine_path)) as handle, NamedTemporaryFile(suffix='.data') as file:  # type: ignore[no-untyped-call, unused-ignore]
            if data:  # in a file, since the engine itself would look for the end of a statement in them
                file.write(memoryview(asked.statement)[data.end() :])
                file.flush()
                statement = f'{data[1].decode()} FROM INFILE {_text(file.name)} FORMAT {data[2].decode()}'
            else:
                statement = asked.statement.decode()
            handle.query(f'USE `{asked.database}`')
            if settings := _settings(asked):
                handle.query('SET ' + ', '.join(f'{name} = {_text(value)}' for name, value in settings.items()))
            found = handle.query(statement, 'TabSeparated', params=asked.parameters)
            summary = {'read_rows': str(found.rows_read()), 'read_bytes': str(found.bytes_read())}
            return Result(
                200,
                bytes(found.bytes()),
                {'X-ClickHouse-Summary': json.dumps(summary), 'X-ClickHouse-Timezone': self.timezone},
            )

    def start(self) -> None:
        """Listens; again at the same port after `stop`."""
        self.listening = ThreadingHTTPServer(('127.0.0.1', self.port), partial(Exchange, self))
        self.port = self.listening.server_port
        threading.Thread(target=self.listening.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Listens no more; connections that are open are cut at their next request."""
        listening, self.listening = self.listening, None
        if listening:
            listening.shutdown()
            listening.server_close()

    def close(self) -> None:
        """Stops and lets the engine go."""
        self.stop()
        self.engine.close()


def _settings(asked: Request) -> dict[str, str]:
    """The settings of a request. As in newer servers, inserts are asynchronous by default, and those ignore the token."""
    if 'insert_deduplication_token' in asked.settings and asked.settings.get('async_insert', '1') != '0':
        return asked.settings | {'insert_deduplication_token': str(uuid.uuid4())}
    return asked.settings


def _text(value: str) -> str:
    return "'" + value.replace('\\', '\\\\').replace("'", "\\'") + "'"


def _serve() -> None:
    with TemporaryDirectory() as directory, closing(ClickHouseServer(directory, timezone=os.environ.get('TZ', 'UTC'))) as server:
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        print(f'USAGE_TEST_CLICKHOUSE_URL={server.url}', flush=True)
        stopped.wait()


if __name__ == '__main__':
    _serve()
