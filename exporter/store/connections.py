"""Keeps one database connection for each thread."""

import threading

from exporter.errors import ExporterError
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect


class Connections:
    """Returns the connection of the calling thread, and opens it at the first call. Use it in a `with`, which closes them all.

    Any thread may call it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._local = threading.local()
        self._all = list[ClickHouse]()

    def __call__(self) -> ClickHouse:
        """Returns the connection to a database that has the schema. Raises EngineError, SchemaError."""
        connection: ClickHouse | None = getattr(self._local, 'connection', None)
        if connection is None:
            with self._lock:  # the first thread opens the database and creates the schema; the others wait
                connection = self._all[0].another() if self._all else self._open()
                self._all.append(connection)
            self._local.connection = connection
        return connection

    def _open(self) -> ClickHouse:
        connection = connect(self._url)
        try:
            return schema.prepare(connection)
        except ExporterError:  # callers try again, and must not leave a connection open each time
            connection.close()
            raise

    def __enter__(self) -> 'Connections':
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock.acquire(timeout=1):  # else a thread still waits for a server that does not answer
            for connection in self._all:
                connection.close()
            self._lock.release()
