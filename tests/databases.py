"""Databases for tests: each test gets an empty one with the schema; later tests reuse it."""

import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

import allocator

from exporter.store import schema
from exporter.store.clickhouse import connect
from exporter.store.url import address

PURGE_EVERY = 10  # tests


class Content(NamedTuple):
    """The state that a database must have to be reused."""

    tables: dict[str, str]  # how each table and view is created
    migrations: list[tuple[str, str]]
    mutations: int  # a test that deletes rows leaves one


class Databases:
    """The databases of one engine.

    A connection stays open: chDB starts its engine with the first connection and stops it with the last. Each start loads all
    databases, which takes up to a second, and each stop leaves 10 threads, 25 open files and 6 MB behind.
    """

    def __init__(self, engine_url: str, resting: int = 3) -> None:
        """`resting` databases wait before one is reused, so that late writes of an ended test are removed too."""
        self.engine_url, self.resting = engine_url, resting
        self.connection = connect(self._url('default'))
        self._made = dict[str, Content]()
        self._resting = deque[str]()
        self._lent = 0

    @contextmanager
    def ready(self) -> Iterator[str]:
        """The URL of an empty database with the schema. Creating one takes 100 ms of CPU, reusing one 10 ms."""
        name = self._reused() or self._make()
        self._lent += 1
        if self._lent % PURGE_EVERY == 0 and self.engine_url.startswith('chdb'):
            # 15 ms; without it the engine keeps hundreds of megabytes of freed memory
            for statement in ('SYSTEM DROP MARK CACHE', 'SYSTEM JEMALLOC PURGE'):
                self.connection.command(statement)
            allocator.trim()
        try:
            yield self._url(name)
        finally:
            self._resting.append(name)

    @contextmanager
    def missing(self) -> Iterator[str]:
        """The URL of a database that does not exist; drops it after the test."""
        name = f'test_{uuid.uuid4().hex[:12]}'
        try:
            yield self._url(name)
        finally:
            self._drop(name)

    def reload(self, url: str) -> None:
        """Lets the engine read a database from the disk again, as at a start."""
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
        """Empties a used database and returns its name, or ''. Drops databases whose schema a test changed."""
        while len(self._resting) >= self.resting:
            name = self._resting.popleft()
            if self._unchanged(name):
                for table, created in self._made[name].tables.items():
                    if 'MergeTree' in created and table != 'migrations':
                        self.connection.command(f'TRUNCATE TABLE `{name}`.`{table}`')  # also removes the tokens of inserts
                return name
            self._drop(name)
        return ''

    def _unchanged(self, name: str) -> bool:
        return self._content(name) == self._made[name]

    def _content(self, name: str) -> Content:
        rows = self.connection.query(f"SELECT name, create_table_query FROM system.tables WHERE database = '{name}'")
        tables = {row['name']: row['create_table_query'] for row in rows}
        [row] = self.connection.query(f"SELECT count() AS mutations FROM system.mutations WHERE database = '{name}'")
        mutations = row['mutations']
        if 'migrations' not in tables:
            return Content(tables, [], mutations)
        rows = self.connection.query(f'SELECT name, digest FROM `{name}`.migrations ORDER BY ALL')
        return Content(tables, [(row['name'], row['digest']) for row in rows], mutations)

    def _drop(self, name: str) -> None:
        self.connection.command(f'DROP DATABASE IF EXISTS `{name}` SYNC')  # else its tables stay in memory for 8 minutes
