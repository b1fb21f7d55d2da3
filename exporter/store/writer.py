"""Stores batches in order, one under way while the next is made: the ledger's row, the calls, the ledger's row."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from exporter.model.batch import Batch
from exporter.model.tally import Counts
from exporter.store.ledger import Ledger


class Packed:
    """The calls of a batch as ClickHouse takes them: an Arrow stream, in a file that is in memory only. `close` removes it."""

    def __init__(self, calls: pl.DataFrame) -> None:
        self.columns, self.length = calls.columns, len(calls)
        self.first, self.last = calls['timestamp'].min(), calls['timestamp'].max()
        self.descriptor = os.memfd_create('calls')
        self.file = Path(f'/proc/self/fd/{self.descriptor}')
        # as one record batch: these too tell ClickHouse whether an insert is the same
        calls.rechunk().write_ipc_stream(self.file, compat_level=pl.CompatLevel.oldest())

    def store(self, ledger: Ledger, batch: Batch, counts: Counts) -> None:
        """Stores them as this batch. Again, it counts once. Raises EngineError."""
        ledger.begin(batch)
        if self.length:
            ledger.database.insert_file('calls', self.columns, self.file, batch.id)
        ledger.done(batch, counts, self.first, self.last)  # type: ignore[arg-type]

    def close(self) -> None:
        """Gives the memory back."""
        os.close(self.descriptor)


def store(ledger: Ledger, batch: Batch, calls: pl.DataFrame, counts: Counts) -> None:
    """Stores one batch: `calls` has all columns of a call. Again, it counts once. Raises EngineError."""
    with closing(Packed(calls)) as packed:
        packed.store(ledger, batch, counts)


class Writer:
    """A thread that inserts. Use it in a `with`: its end waits for the batch that is under way."""

    def __init__(self, ledger: Ledger, stored: Callable[[Counts], None]) -> None:
        self.ledger = ledger
        self.stored = stored  # is told of each batch that is done
        self.thread = ThreadPoolExecutor(1, thread_name_prefix='writer')
        self.under_way: Future[None] | None = None

    def put(self, batch: Batch, calls: pl.DataFrame, counts: Counts) -> None:
        """Packs a batch, waits for the one before, and hands it on. Raises EngineError where that one could not be stored."""
        packed = Packed(calls)
        try:
            self.wait()
        except BaseException:
            packed.close()
            raise
        self.under_way = self.thread.submit(self._store, batch, packed, counts)

    def wait(self) -> None:
        """Waits until all that was handed on is stored. Raises EngineError where it could not be."""
        under_way, self.under_way = self.under_way, None
        if under_way:
            under_way.result()

    def _store(self, batch: Batch, packed: Packed, counts: Counts) -> None:
        with closing(packed):
            packed.store(self.ledger, batch, counts)
        self.stored(counts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.thread.shutdown()
