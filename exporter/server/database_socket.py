"""Lets the commands of this user use the embedded database that `serve` holds: ClickHouse's HTTP interface at a Unix socket.

It is the part of the interface that clickhouse-connect uses, https://clickhouse.com/docs/interfaces/http.
"""

import json
import os
import re
import socket
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from exporter.server import statement_request
from exporter.store.clickhouse import engine_connection, quoted
from exporter.store.unix_socket import short_path

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# Settings for waitress, under its own names: a batch is some 50 MB.
LIMITS = {'max_request_body_size': 1 << 30, 'max_request_header_size': 1 << 20, 'ident': None, 'asyncore_use_poll': True}
THREADS = 8  # statements that run at once
ERROR = re.compile(r'Code: (\d+)')
INSERT = re.compile(r'(INSERT\s+INTO\s+.*?)\s+FORMAT\s+(\w+)\s*', re.IGNORECASE | re.DOTALL)
FORMAT = re.compile(r'\sFORMAT\s+(\w+)\s*$', re.IGNORECASE)


def listen(path: Path) -> socket.socket:
    """Returns a listening socket that only this user and root can open. Raises OSError."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    previous = os.umask(0o177)
    try:
        with short_path(path) as name:
            listening.bind(name)
    finally:
        os.umask(previous)
    listening.listen(64)
    return listening


class DatabaseSocket:
    """The WSGI application. Any thread may call it; each statement has a connection of its own, as its settings apply to that."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, environ: 'WSGIEnvironment', start_response: 'StartResponse') -> Iterable[bytes]:
        """Runs a statement and answers with its result, or with the engine's error."""
        query = dict(parse_qsl(environ.get('QUERY_STRING', ''), keep_blank_values=True))
        body = environ['wsgi.input']
        statement = query.get('query', '')
        if not statement:
            statement, body = body.read().decode(), None
        try:
            result, headers = self._run(statement, body, query) if statement else (b'Ok.\n', {})
            status = '200 OK'
        except Exception as error:
            code = ERROR.search(str(error))
            if not code:
                raise
            status, result, headers = '500 Internal Server Error', f'{error}\n'.encode(), {'X-ClickHouse-Exception-Code': code[1]}
        start_response(status, [*headers.items(), ('Content-Length', str(len(result)))])
        return [result]

    def _run(self, statement: str, body: Any, query: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        with closing(engine_connection(self.directory)) as connection:
            if database := query.get('database'):
                connection.query(f'USE `{database}`', 'TabSeparated')
            if settings := statement_request.settings(query):
                values = ', '.join(f'{name} = {quoted(value)}' for name, value in settings.items())
                connection.query(f'SET {values}', 'TabSeparated')
            if body and (insert := INSERT.fullmatch(statement)):
                answer = self._insert(connection, insert[1], insert[2], body)
            else:
                form = FORMAT.search(statement)  # EXPLAIN takes it for that of its statement
                answer = connection.query(
                    statement, form[1] if form else 'TabSeparated', params=statement_request.parameters(query)
                )
            summary = {'read_rows': str(answer.rows_read()), 'read_bytes': str(answer.bytes_read())}
            return bytes(answer.bytes()), {'X-ClickHouse-Summary': json.dumps(summary), 'X-ClickHouse-Timezone': 'UTC'}

    def _insert(self, connection: Any, statement: str, form: str, body: Any) -> Any:
        """Inserts data from a file in memory: the engine would look for the end of the statement in data behind it."""
        descriptor = os.memfd_create('insert')
        try:
            with open(descriptor, 'wb', closefd=False) as file:
                while chunk := body.read(1 << 20):
                    file.write(chunk)
            return connection.query(f"{statement} FROM INFILE '/proc/self/fd/{descriptor}' FORMAT {form}", 'TabSeparated')
        finally:
            os.close(descriptor)
