"""ClickHouse behind one small interface: a server by its URL, or chDB, the same engine embedded in this process."""

import fcntl
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.errors import DatabaseLocked, EngineError
from exporter.store.url import Address, address
from exporter.system.startup import not_found

if TYPE_CHECKING:
    from types import ModuleType

    from clickhouse_connect.driver.client import Client

NO_DATABASE = 81  # ClickHouse's error UNKNOWN_DATABASE
OPTIONS = {'backups.allowed_path': '/'}  # of the embedded engine: a backup may go wherever its user may write
NO_ANSWER = re.compile('Connection (refused|aborted)|Max retries|Name or service|timed out|NewConnectionError')
Row = dict[str, Any]

logging.getLogger('clickhouse_connect').addHandler(logging.NullHandler())  # it would say on stderr what our errors say


class ClickHouse:
    """One connection to one database. A connection is a lock: give each thread its own, by `another`."""

    def __init__(self, client: 'Client', where: Address) -> None:
        self.client = client
        self.address = where

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Runs a statement that gives no rows. Raises EngineError."""
        try:
            self.client.command(statement, parameters=dict(parameters or {}))
        except Exception as error:
            raise _engine_error(error, self.address) from error

    def query(self, statement: str, parameters: Mapping[str, Any] | None = None, **settings: Any) -> list[Row]:
        """The rows that a statement gives; `parameters` are ClickHouse's own, {name:Type}. Raises EngineError.

        With readonly=1 use a connection of its own: an embedded engine may leave it so.
        """
        try:
            result = self.client.query(statement, parameters=dict(parameters or {}), settings=settings)
        except Exception as error:
            raise _engine_error(error, self.address) from error
        return list(result.named_results())

    def insert_file(self, table: str, columns: list[str], file: Path, token: str) -> None:
        """Inserts a file, an Arrow IPC stream, once however often it is sent with this token. Raises EngineError.

        The token counts in the table and in the target of every materialized view of it.
        """
        try:
            if self.address.embedded:  # the engine reads the file itself
                path = str(file).replace('\\', r'\\').replace("'", r'\'')
                self.client.command(
                    f"INSERT INTO {table} ({', '.join(columns)}) FROM INFILE '{path}' FORMAT ArrowStream", settings=_once(token)
                )
            else:
                with file.open('rb') as block:
                    self.client.raw_insert(table, columns, block, _once(token), 'ArrowStream')
        except Exception as error:
            raise _engine_error(error, self.address) from error

    def insert_rows(self, table: str, rows: Iterable[Row], token: str) -> None:
        """Inserts a few rows, dicts of the same columns, once however often they are sent with this token. Raises EngineError.

        Bytes of a terminal or a file's name that are not UTF-8 become ?.
        """
        rows = list(rows)
        text = '\n'.join(json.dumps(row, default=str, ensure_ascii=False) for row in rows)
        try:
            self.client.raw_insert(table, list(rows[0]), text.encode(errors='replace'), _once(token), 'JSONEachRow')
        except Exception as error:
            raise _engine_error(error, self.address) from error

    def another(self) -> 'ClickHouse':
        """A second connection to the same database, for another thread."""
        return _open(self.address)

    def close(self) -> None:
        """Lets the engine go; an embedded one can then be opened by another process."""
        self.client.close()


def connect(url: str, make: bool = True) -> ClickHouse:
    """Opens the database that `url` names. One that is missing is made, or else is an EngineError of the code NO_DATABASE.

    Raises EngineError.
    """
    where = address(url)
    if where.embedded:
        try:
            if not make and not os.access(where.embedded, os.F_OK):
                raise _no_database(where)
            where.embedded.mkdir(parents=True, exist_ok=True)
            with (where.embedded / 'opening').open('a') as turn:  # of two that look at once, both would find it free
                fcntl.flock(turn, fcntl.LOCK_EX)
                if not _held(where.embedded):
                    return _open(where, make)
        except OSError as error:
            raise EngineError(
                f'{where.embedded}: cannot create or open a database here ({error.strerror})', 'choose another path'
            ) from error
        raise DatabaseLocked(
            f'{where.embedded}: another process holds this embedded database',
            'wait until it ends, or use a ClickHouse server for both',
        )
    return _open(where, make)


def _no_database(where: Address) -> EngineError:
    return EngineError(
        f'{where.shown}: no database yet', 'run usage-exporter init, or import a log, to create it', code=NO_DATABASE
    )


def _held(directory: Path) -> bool:
    """Whether another process has an embedded database open: asked here, since the engine itself says it on stderr."""
    with (directory / 'status').open('a+') as status:  # chDB locks this file, and writes into it who it is
        try:
            fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            status.seek(0)
            return f'PID: {os.getpid()}\n' not in status.read()
    return False


def load(where: Address) -> 'ModuleType':
    """Loads the client, and the engine where it is embedded, which takes 0.2 s: only who asks the engine should pay for them."""
    import clickhouse_connect

    if where.embedded:
        # one heap for all of the engine's threads: each insert has new ones, and would take new memory
        os.environ.setdefault('JE_MALLOC_CONF', 'percpu_arena:disabled,narenas:1')
        with not_found('pyarrow'):  # chDB loads it, and numpy with it, for answers that nobody asks for: 50 ms, 40 MB
            import_module('chdb.state')
    return clickhouse_connect


def _open(where: Address, make: bool = True) -> ClickHouse:
    try:
        clickhouse_connect = load(where)
        if where.embedded:
            os.environ['TZ'] = 'UTC'  # chDB's server time zone is the process's
            time.tzset()
            client = clickhouse_connect.get_client(interface='chdb', path=str(where.embedded), chdb_options=OPTIONS)
        else:
            client = clickhouse_connect.get_client(**where.server, autogenerate_session_id=False)
        database = ClickHouse(client, where)
        known = database.query('SELECT 1 FROM system.databases WHERE name = {name:String}', {'name': where.database})
        if not known and not make:
            client.close()
            raise _no_database(where)
        if not known:
            database.command(f'CREATE DATABASE IF NOT EXISTS `{where.database}`')
        client.database = where.database
        return database
    except EngineError:
        raise
    except Exception as error:
        raise _engine_error(error, where) from error


def _once(token: str) -> dict[str, Any]:
    """The settings by which an insert counts once in a table, and in what its materialized views feed."""
    return {
        'insert_deduplicate': 1,
        'async_insert': 0,  # newer servers default to 1, and their asynchronous inserts ignore the token
        'deduplicate_blocks_in_dependent_materialized_views': 1,
        'insert_deduplication_token': token,
        'optimize_on_insert': 0,  # what the materialized views emit is grouped already
        'max_partitions_per_insert_block': 0,  # the whole past of a small portal fits into one batch
    }


def _engine_error(error: Exception, where: Address) -> EngineError:
    text = str(error)
    code = re.search(r'Code: (\d+)', text)  # of an answer, which may quote the statement
    if not code and (found := re.search(r'\[SSL: (\w+)\]', text)):
        return EngineError(
            f'{where.shown}: TLS connection to ClickHouse failed ({found[1]})', 'use http:// or fix the certificate'
        )
    if not where.embedded and not code and NO_ANSWER.search(text):
        return EngineError(f'{where.shown}: no ClickHouse server answers', 'start it or correct USAGE_CLICKHOUSE_URL')
    if code and code[1] == '516':
        return EngineError(f'{where.shown}: ClickHouse refuses the user or the password of USAGE_CLICKHOUSE_URL', code=516)
    if code and code[1] == '243':
        return EngineError(f'{where.shown}: the disk of the database is full', 'free space on it', code=243)
    found = re.search(r'Code: \d+\. (?:DB::Exception: )?.*', text)
    line = (found[0] if found else text.strip().split('\n')[0])[:500]
    return EngineError(f'{where.shown}: {line}', code=int(code[1]) if code else None)
