"""Stores batches in order, one under way while the next is made: the ledger's row, the calls, the ledger's row."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Self

import polars as pl

from exporter.ledger import Batch, Counts, Ledger


def store(ledger: Ledger, batch: Batch, calls: pl.DataFrame, counts: Counts) -> None:
    """Stores one batch: `calls` has all columns of a call. Again, it counts once. Raises EngineError."""
    ledger.begin(batch)
    if len(calls):
        with NamedTemporaryFile(suffix='.arrow') as file:
            # as one record batch: these too tell ClickHouse whether an insert is the same
            calls.rechunk().write_ipc_stream(file.name, compat_level=pl.CompatLevel.oldest())
            ledger.database.insert_file('calls', calls.columns, Path(file.name), batch.id)
    ledger.done(batch, counts, calls['timestamp'].min(), calls['timestamp'].max())  # type: ignore[arg-type]


class Writer:
    """A thread that inserts. Use it in a `with`: its end waits for the batch that is under way."""

    def __init__(self, ledger: Ledger, stored: Callable[[Counts], None]) -> None:
        self.ledger = ledger
        self.stored = stored  # is told of each batch that is done
        self.thread = ThreadPoolExecutor(1, thread_name_prefix='writer')
        self.under_way: Future[None] | None = None

    def put(self, batch: Batch, calls: pl.DataFrame, counts: Counts) -> None:
        """Hands on a batch, and waits for the one before. Raises EngineError where that one could not be stored."""
        self.wait()
        self.under_way = self.thread.submit(self._store, batch, calls, counts)

    def wait(self) -> None:
        """Waits until all that was handed on is stored. Raises EngineError where it could not be."""
        under_way, self.under_way = self.under_way, None
        if under_way:
            under_way.result()

    def _store(self, batch: Batch, calls: pl.DataFrame, counts: Counts) -> None:
        store(self.ledger, batch, calls, counts)
        self.stored(counts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.thread.shutdown()
