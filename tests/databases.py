"""Databases for tests: a test gets one that has the schema and no rows, and another test uses it later."""

import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from exporter.store import schema
from exporter.store.clickhouse import connect
from exporter.store.url import address

PURGE_EVERY = 10  # tests


class Content(NamedTuple):
    """What makes a database fit for another test."""

    tables: dict[str, str]  # how each table and view is created
    migrations: list[tuple[str, str]]


class Databases:
    """The databases of one engine.

    A connection stays open: chDB starts its engine with the first connection and stops it with the last. Each start loads all
    databases, which takes up to a second, and each stop leaves 10 threads, 25 open files and 6 MB behind.
    """

    def __init__(self, engine_url: str, resting: int = 3) -> None:
        """`resting` databases wait before one serves again: what a late thread of an ended test writes is removed, too."""
        self.engine_url, self.resting = engine_url, resting
        self.connection = connect(self._url('default'))
        self._made = dict[str, Content]()
        self._resting = deque[str]()
        self._lent = 0

    @contextmanager
    def ready(self) -> Iterator[str]:
        """The address of an empty database with the schema. Making one takes 100 ms of CPU, using one again a tenth of that."""
        name = self._reused() or self._make()
        self._lent += 1
        if self._lent % PURGE_EVERY == 0 and self.engine_url.startswith('chdb'):
            # else the engine keeps what it freed, hundreds of megabytes in the end; it takes 15 ms
            self.connection.command('SYSTEM JEMALLOC PURGE')
        try:
            yield self._url(name)
        finally:
            self._resting.append(name)

    @contextmanager
    def missing(self) -> Iterator[str]:
        """The address of a database that does not exist. What the test makes there is dropped."""
        name = f'test_{uuid.uuid4().hex[:12]}'
        try:
            yield self._url(name)
        finally:
            self._drop(name)

    def reload(self, url: str) -> None:
        """Lets the engine forget a database and read it from the disk, as at a start."""
        name = address(url).database
        self.connection.command(f'DETACH DATABASE `{name}`')
        self.connection.command(f'ATTACH DATABASE `{name}`')

    def close(self) -> None:
        """Drops all databases."""
        for name in self._resting:
            self._drop(name)
        self.connection.close()

    def _url(self, database: str) -> str:
        return f'{self.engine_url}{"?database=" if self.engine_url.startswith("chdb") else "/"}{database}'

    def _make(self) -> str:
        name = f'test_{uuid.uuid4().hex[:12]}'
        with closing(connect(self._url(name))) as database:
            schema.apply(database)
        self._made[name] = self._content(name)
        return name

    def _reused(self) -> str:
        """The name of a database, emptied, or ''. Drops those in which a test changed more than rows."""
        while len(self._resting) >= self.resting:
            name = self._resting.popleft()
            if self._unchanged(name):
                for table, created in self._made[name].tables.items():
                    if 'MergeTree' in created and table != 'migrations':
                        self.connection.command(f'TRUNCATE TABLE `{name}`.`{table}`')  # removes the tokens of inserts, too
                return name
            self._drop(name)
        return ''

    def _unchanged(self, name: str) -> bool:
        if self.connection.query(f"SELECT 1 FROM system.mutations WHERE database = '{name}' LIMIT 1"):
            return False
        return self._content(name) == self._made[name]

    def _content(self, name: str) -> Content:
        rows = self.connection.query(f"SELECT name, create_table_query FROM system.tables WHERE database = '{name}'")
        tables = {row['name']: row['create_table_query'] for row in rows}
        if 'migrations' not in tables:
            return Content(tables, [])
        rows = self.connection.query(f'SELECT name, digest FROM `{name}`.migrations ORDER BY ALL')
        return Content(tables, [(row['name'], row['digest']) for row in rows])

    def _drop(self, name: str) -> None:
        self.connection.command(f'DROP DATABASE IF EXISTS `{name}` SYNC')  # else its tables stay in memory for 8 minutes
