"""A connection to the database for each thread that asks, opened when it first does."""

import threading

from exporter.errors import ExporterError
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect


class Connections:
    """Gives the calling thread its connection, to a database that has the schema. Use it in a `with`: its end closes them all."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._of_thread = threading.local()
        self._all = list[ClickHouse]()

    def __call__(self) -> ClickHouse:
        """Raises EngineError, also while a server is away, and SchemaError."""
        found: ClickHouse | None = getattr(self._of_thread, 'connection', None)
        if found is None:
            with self._lock:  # one opens, and brings to the schema, what the others find ready
                found = self._all[0].another() if self._all else self._first()
                self._all.append(found)
            self._of_thread.connection = found
        return found

    def _first(self) -> ClickHouse:
        found = connect(self._url)
        try:
            return schema.ready(found)
        except ExporterError:  # it will be asked for again and again
            found.close()
            raise

    def __enter__(self) -> 'Connections':
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock.acquire(timeout=1):  # else one is being opened to a server that does not answer
            for connection in self._all:
                connection.close()
            self._lock.release()
