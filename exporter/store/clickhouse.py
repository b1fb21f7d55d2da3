"""One interface to ClickHouse: a server at a URL, or chDB, the same engine embedded in this process."""

import fcntl
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.errors import DatabaseLocked, EngineError
from exporter.store.unix_socket import SOCKET, UnixPoolManager, is_open
from exporter.store.url import Address, address
from exporter.system.startup import lean_engine

if TYPE_CHECKING:
    from types import ModuleType

    from clickhouse_connect.driver.client import Client

NO_DATABASE = 81  # ClickHouse's error UNKNOWN_DATABASE
CHDB_OPTIONS = {'backups.allowed_path': '/'}  # backups may go to any directory that the user can write
NO_ANSWER = re.compile('Connection (refused|aborted)|Max retries|Name or service|timed out|NewConnectionError')
LOST = re.compile('Connection (refused|aborted|reset)|RemoteDisconnected|Broken pipe|Max retries|No such file|timed out')
Row = dict[str, Any]

logging.getLogger('clickhouse_connect').addHandler(logging.NullHandler())  # else it prints to stderr what our errors say


class ClickHouse:
    """One connection to one database. One thread at a time may use it; open more connections with `another`."""

    def __init__(self, client: 'Client', address: Address) -> None:
        self.client = client
        self.address = address

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Runs a statement that returns no rows. Raises EngineError."""
        try:
            self.client.command(statement, parameters=dict(parameters or {}))
        except Exception as error:
            raise _engine_error(error, self.address) from error

    def delete(self, table: str, condition: str, parameters: Mapping[str, Any]) -> None:
        """Deletes the rows of a table for which a condition holds, and waits until they are gone. Raises EngineError."""
        self.command(f'ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 1', parameters)

    def query(self, statement: str, parameters: Mapping[str, Any] | None = None, **settings: Any) -> list[Row]:
        """Returns the rows of a statement; `parameters` are those of ClickHouse, {name:Type}. Raises EngineError.

        For readonly=1 open a separate connection: an embedded engine may leave the connection read-only.
        """
        try:
            result = self.client.query(statement, parameters=dict(parameters or {}), settings=settings)
        except Exception as error:
            raise _engine_error(error, self.address) from error
        return list(result.named_results())

    def insert_file(self, table: str, columns: list[str], file: Path, token: str) -> None:
        """Inserts a file in the Native format; the same token again inserts nothing. Raises EngineError.

        The token holds for the table and for the target of each of its materialized views.
        """
        try:
            if self.address.in_process:  # the engine reads the file itself
                self.client.command(
                    f'INSERT INTO {table} ({", ".join(columns)}) FROM INFILE {quoted(str(file))} FORMAT Native',
                    settings=_deduplicated(token),
                )
            else:
                with file.open('rb') as stream:
                    self.client.raw_insert(table, columns, stream, _deduplicated(token), 'Native')
        except Exception as error:
            raise _engine_error(error, self.address) from error

    def insert_rows(self, table: str, rows: Iterable[Row], token: str) -> None:
        """Inserts a few rows, dicts with the same keys; the same token again inserts nothing. Raises EngineError.

        Bytes that are not UTF-8, for example in a file name, become ?.
        """
        rows = list(rows)
        text = '\n'.join(json.dumps(row, default=str, ensure_ascii=False) for row in rows)
        try:
            self.client.raw_insert(table, list(rows[0]), text.encode(errors='replace'), _deduplicated(token), 'JSONEachRow')
        except Exception as error:
            raise _engine_error(error, self.address) from error

    def another(self) -> 'ClickHouse':
        """Opens a new connection to the same database, for another thread. Raises EngineError."""
        return _open(self.address)

    def close(self) -> None:
        """Closes the connection. After the last one, another process can open an embedded database."""
        self.client.close()


def connect(url: str, make: bool = True) -> ClickHouse:
    """Opens the database that `url` names; creates a missing one if `make` is true.

    Raises EngineError, with the code NO_DATABASE for a missing database, and DatabaseLocked.
    """
    where = address(url)
    if where.embedded:
        try:
            if not make and not os.access(where.embedded, os.F_OK):
                raise _no_database(where)
            where.embedded.mkdir(parents=True, exist_ok=True)
            with (where.embedded / 'opening').open('a') as lock:  # else two processes may both find it unlocked
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not _is_locked(where.embedded):
                    return _open(where, make)
            if is_open(socket := where.embedded / SOCKET):
                return _open(replace(where, socket=socket), make)
        except PermissionError as error:
            raise EngineError(
                f'{where.embedded}: you may not open this database (Permission denied)',
                'run the command as its owner, for example with sudo -u usage-exporter, or choose another path',
            ) from error
        except OSError as error:
            raise EngineError(
                f'{where.embedded}: cannot create or open a database here ({error.strerror})', 'choose another path'
            ) from error
        raise DatabaseLocked(
            f'{where.embedded}: another process holds this embedded database',
            'wait until it ends, or use a ClickHouse server for both',
        )
    return _open(where, make)


def engine_connection(directory: Path) -> Any:
    """Returns a connection of its own to the engine that this process has open for the directory; it takes 4 ms.

    Its `query(statement, form, params=…)` returns the result in a format of ClickHouse, and raises the engine's errors.
    """
    return import_module('chdb.state').connect(str(directory))


def quoted(text: str) -> str:
    """A text as a literal in ClickHouse's SQL."""
    return "'" + text.replace('\\', r'\\').replace("'", r'\'') + "'"


def _no_database(where: Address) -> EngineError:
    return EngineError(
        f'{where.shown}: no database yet', 'run usage-exporter init, or import a log, to create it', code=NO_DATABASE
    )


def _is_locked(directory: Path) -> bool:
    """Whether another process has the embedded database open. Checked here, because the engine prints its error to stderr."""
    if not directory.exists():
        return False
    with (directory / 'status').open('a+') as status:  # chDB locks this file and writes its process id into it
        try:
            fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            status.seek(0)
            return f'PID: {os.getpid()}\n' not in status.read()
    return False


def load(where: Address) -> 'ModuleType':
    """Imports the client, and the engine if it is embedded: 0.2 s, which commands that use no database need not wait for."""
    import clickhouse_connect

    if where.embedded and where.in_process and not _is_locked(where.embedded):
        with lean_engine():
            import_module('chdb.state')
    return clickhouse_connect


def _open(where: Address, make: bool = True) -> ClickHouse:
    try:
        clickhouse_connect = load(where)
        if where.socket:
            client = clickhouse_connect.get_client(
                pool_mgr=UnixPoolManager(where.socket), compress=False, autogenerate_session_id=False
            )
        elif where.embedded:
            os.environ['TZ'] = 'UTC'  # chDB takes the time zone of the process
            time.tzset()
            client = clickhouse_connect.get_client(interface='chdb', path=str(where.embedded), chdb_options=CHDB_OPTIONS)
        else:
            client = clickhouse_connect.get_client(**where.server, autogenerate_session_id=False)
        database = ClickHouse(client, where)
        exists = bool(database.query('SELECT 1 FROM system.databases WHERE name = {name:String}', {'name': where.database}))
        if not exists and not make:
            client.close()
            raise _no_database(where)
        if not exists:
            database.command(f'CREATE DATABASE IF NOT EXISTS `{where.database}`')
        client.database = where.database
        return database
    except EngineError:
        raise
    except Exception as error:
        raise _engine_error(error, where) from error


def _deduplicated(token: str) -> dict[str, Any]:
    """Returns the settings that deduplicate an insert in its table and in the targets of the materialized views."""
    return {
        'insert_deduplicate': 1,
        'async_insert': 0,  # newer servers default to 1, and their asynchronous inserts ignore the token
        'deduplicate_blocks_in_dependent_materialized_views': 1,
        'insert_deduplication_token': token,
        'optimize_on_insert': 0,  # the materialized views already group their rows
        'max_partitions_per_insert_block': 0,  # one batch may hold all months of a small portal
    }


def _engine_error(error: Exception, where: Address) -> EngineError:
    text = str(error)
    code = re.search(r'Code: (\d+)', text)  # in a server's answer, which may quote the statement: so look for it first
    if not code and (tls_error := re.search(r'\[SSL: (\w+)\]', text)):
        return EngineError(
            f'{where.shown}: TLS connection to ClickHouse failed ({tls_error[1]})', 'use http:// or fix the certificate'
        )
    if where.socket and not code and LOST.search(f'{error!r} {text}'):
        return EngineError(f'{where.shown}: usage-exporter serve, which held the database, has stopped', 'run the command again')
    if not where.embedded and not code and NO_ANSWER.search(text):
        return EngineError(f'{where.shown}: no ClickHouse server answers', 'start it or correct USAGE_CLICKHOUSE_URL')
    if code and code[1] == '516':
        return EngineError(f'{where.shown}: ClickHouse refuses the user or the password of USAGE_CLICKHOUSE_URL', code=516)
    if code and code[1] == '243':
        return EngineError(f'{where.shown}: the disk of the database is full', 'free space on it', code=243)
    engine_text = re.search(r'Code: \d+\. (?:DB::Exception: )?.*', text)
    line = (engine_text[0] if engine_text else text.strip().split('\n')[0])[:500]
    if where.socket:
        line = line.removesuffix(' (for url http://localhost:8123)')  # a URL of no server
    return EngineError(f'{where.shown}: {line}', code=int(code[1]) if code else None)
