"""A small ClickHouse server over chDB in this process: the part of the HTTP interface that clickhouse-connect uses, with failures.

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
# URL parameters that are not settings: https://clickhouse.com/docs/interfaces/http
NOT_SETTINGS = re.compile(
    '(query|database|user|password|query_id|quota_key|role|session_.*|param_.*|compress|decompress|wait_end_of_query|buffer_size|'
    'default_format|client_protocol_version)$'
)
STATUS = {
    516: 403,
    497: 403,
    47: 404,
    60: 404,
    81: 404,
    115: 404,
    62: 400,
    36: 400,
    117: 400,
    159: 408,
}  # HTTP status by error code; 500 for others
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
    """A request of a client. The data of an insert follow its statement."""

    user: tuple[str, str]  # name and password
    statement: bytes
    database: str
    parameters: dict[str, str]
    settings: dict[str, str]


class Result(NamedTuple):
    """The response."""

    status: int
    body: bytes
    headers: dict[str, str]


class ServerError(Exception):
    """An error of ClickHouse by its code, with the engine's text or one of ERRORS."""

    def __init__(self, code: int, text: str = '') -> None:
        super().__init__(text or f'Code: {code}. DB::Exception: {ERRORS[code]}')
        self.code = code

    @property
    def result(self) -> Result:
        """The response with this error."""
        body = f'{self} (version {chdb.engine_version} (official build))\n'.encode()
        return Result(STATUS.get(self.code, 500), body, {'X-ClickHouse-Exception-Code': str(self.code)})


class Exchange(BaseHTTPRequestHandler):
    """Answers the requests of one connection in turn. A failure replaces `answer`."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True  # a response is sent as headers, then a body
    timeout = 60

    def __init__(self, served: 'ClickHouseServer', *connection: Any) -> None:
        self.served = served
        super().__init__(*connection)

    def handle(self) -> None:
        """Answers requests until one side closes the connection."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Runs a statement that only reads, or answers /ping."""
        self.do_POST()

    def do_POST(self) -> None:
        """Reads a request, then answers it or fails."""
        self.query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        self.parsed_request = self._request()
        if self.served.listening:
            failure = self.served.due(self.parsed_request) or Exchange.answer
            failure(self)
        else:
            self.cut()

    def _request(self) -> Request:
        user, password = self.query.get('user', 'default'), self.query.get('password', '')
        if basic := self.headers.get('Authorization'):
            user, _, password = b64decode(basic.removeprefix('Basic ')).decode().partition(':')
        settings = {name: value for name, value in self.query.items() if not NOT_SETTINGS.match(name)}
        if self.command == 'GET':
            settings.setdefault('readonly', '2')
        return Request(
            (self.headers.get('X-ClickHouse-User', user), self.headers.get('X-ClickHouse-Key', password)),
            b'\n'.join(text for text in (self.query.get('query', '').encode(), self._body()) if text),
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
        """Sends a response, by default the result of the request."""
        status, body, headers = result or self.served.result(self.parsed_request)
        accepted = self.headers.get('Accept-Encoding', '') if self.query.get('enable_http_compression') == '1' else ''
        if coding := next((name for name in CODINGS if name in accepted), None):
            body, headers = import_module(CODINGS[coding]).compress(body), headers | {'Content-Encoding': coding}
        self.send_response(status)
        for name, value in (headers | {'Content-Length': str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def cut(self) -> None:
        """Closes the connection without a response."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Logs nothing: the client reports errors."""


Failure = Callable[[Exchange], None]


def cut_before(exchange: Exchange) -> None:
    """Closes the connection before the statement runs."""
    exchange.cut()


def cut_after(exchange: Exchange) -> None:
    """Closes the connection after the statement, before the response."""
    exchange.served.result(exchange.parsed_request)
    exchange.cut()


def go_away(exchange: Exchange) -> None:
    """Stops the server before the statement runs; it refuses connections until `start`."""
    exchange.served.stop()
    exchange.cut()


def hang(seconds: float) -> Failure:
    """Runs the statement after a delay, even if the client has disconnected."""

    def failure(exchange: Exchange) -> None:
        time.sleep(seconds)
        exchange.answer()

    return failure


def http_error(status: int) -> Failure:
    """Responds with this status, as a proxy before the server does."""
    page = f'<html>\n<head><title>{status}</title></head>\n<body>Try again later</body>\n</html>\n'
    return lambda exchange: exchange.answer(Result(status, page.encode(), {'Content-Type': 'text/html'}))


def clickhouse_error(code: int) -> Failure:
    """Responds with one of ERRORS without running the statement."""
    return lambda exchange: exchange.answer(ServerError(code).result)


def half_done(view: str) -> Failure:
    """Inserts into a table and all its materialized views but one, then responds with a memory error."""

    def failure(exchange: Exchange) -> None:
        name = f'`{exchange.parsed_request.database}`.`{view}`'
        exchange.served.engine.query(f'DETACH TABLE {name}')
        exchange.served.result(exchange.parsed_request)
        exchange.served.engine.query(f'ATTACH TABLE {name}')
        exchange.answer(ServerError(241).result)

    return failure


class ClickHouseServer:
    """A server for the directory of one engine; a process can have only one engine."""

    def __init__(self, directory: Path | str, user: str = 'default', password: str = '', timezone: str = 'UTC') -> None:
        os.environ['TZ'] = self.timezone = timezone  # the engine takes the time zone of the process at its start
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
        """The URL without a database."""
        return f'http://{quote(self.user, safe="")}:{quote(self.password, safe="")}@127.0.0.1:{self.port}'

    def fail_next(self, failure: Failure, times: int = 1, when: Callable[[Request], bool] = lambda _: True) -> None:
        """Fails `times` times, each time at the next request for which `when` is true."""
        with self.lock:
            self.failures += [(failure, when)] * times

    def due(self, request: Request) -> Failure | None:
        """Removes and returns the failure for this request, if any."""
        with self.lock:
            for number, (failure, when) in enumerate(self.failures):
                if when(request):
                    del self.failures[number]
                    return failure
        return None

    def result(self, request: Request) -> Result:
        """Runs the statement of a request."""
        if not request.statement:
            return Result(200, b'Ok.\n', {})
        try:
            if request.user != (self.user, self.password):
                raise ServerError(516)
            return self._run(request)
        except ServerError as error:
            return error.result
        except Exception as error:
            if type(error).__name__ != 'ChdbError':  # chdb has two classes of this name
                raise
            code = re.search(r'Code: (\d+)', str(error))
            return ServerError(int(code[1]) if code else 1002, str(error)).result

    def _run(self, request: Request) -> Result:
        data = WITH_DATA.match(request.statement)
        if not data and re.search(rb';\s*[^\s;]', QUOTED.sub(b'', request.statement)):
            raise ServerError(62)
        with closing(chdb.connect(self.engine_path)) as handle, NamedTemporaryFile(suffix='.data') as file:  # type: ignore[no-untyped-call, unused-ignore]
            if data:  # in a file: the engine would look for the end of the statement in the data
                file.write(memoryview(request.statement)[data.end() :])
                file.flush()
                statement = f'{data[1].decode()} FROM INFILE {_text(file.name)} FORMAT {data[2].decode()}'
            else:
                statement = request.statement.decode()
            handle.query(f'USE `{request.database}`')
            if settings := _settings(request):
                handle.query('SET ' + ', '.join(f'{name} = {_text(value)}' for name, value in settings.items()))
            answer = handle.query(statement, 'TabSeparated', params=request.parameters)
            summary = {'read_rows': str(answer.rows_read()), 'read_bytes': str(answer.bytes_read())}
            return Result(
                200,
                bytes(answer.bytes()),
                {'X-ClickHouse-Summary': json.dumps(summary), 'X-ClickHouse-Timezone': self.timezone},
            )

    def start(self) -> None:
        """Starts listening; after `stop`, at the same port."""
        self.listening = ThreadingHTTPServer(('127.0.0.1', self.port), partial(Exchange, self))
        self.port = self.listening.server_port
        threading.Thread(target=self.listening.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stops listening; open connections are closed at their next request."""
        listening, self.listening = self.listening, None
        if listening:
            listening.shutdown()
            listening.server_close()

    def close(self) -> None:
        """Stops the server and closes the engine."""
        self.stop()
        self.engine.close()


def _settings(request: Request) -> dict[str, str]:
    """The settings of a request. As in newer servers, inserts are asynchronous by default and then ignore the token."""
    if 'insert_deduplication_token' in request.settings and request.settings.get('async_insert', '1') != '0':
        return request.settings | {'insert_deduplication_token': str(uuid.uuid4())}
    return request.settings


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
