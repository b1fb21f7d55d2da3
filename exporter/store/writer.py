"""Stores batches in order: the ledger's row `begun`, the calls, the ledger's row `done`."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from exporter.model.batch import Batch
from exporter.model.call import categorical
from exporter.model.tally import Tally
from exporter.store.ledger import Ledger


class EncodedBatch:
    """A batch as ClickHouse takes it: an Arrow stream, in a file that is in memory only. `close` removes it.

    `calls` has all columns of a call but `batch_id`, which is added here.
    """

    def __init__(self, batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
        self.batch, self.tally = batch, tally
        calls = calls.with_columns(batch_id=pl.lit(batch.id).cast(categorical('batch_id')))
        self.columns, self.length = calls.columns, len(calls)
        self.first, self.last = calls['timestamp'].min(), calls['timestamp'].max()
        self.descriptor = os.memfd_create('calls')
        self.file = Path(f'/proc/self/fd/{self.descriptor}')
        # as one record batch: ClickHouse also compares how an insert is cut, to tell whether it is the same
        calls.rechunk().write_ipc_stream(self.file, compat_level=pl.CompatLevel.oldest())

    def store(self, ledger: Ledger) -> None:
        """Stores the batch. If it is stored again, it counts once. Raises EngineError."""
        ledger.begin(self.batch)
        if self.length:
            ledger.database.insert_file('calls', self.columns, self.file, self.batch.id)
        ledger.done(self.batch, self.tally, self.first, self.last)  # type: ignore[arg-type]

    def close(self) -> None:
        """Frees the memory."""
        os.close(self.descriptor)


def store(ledger: Ledger, batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
    """Stores one batch, as `EncodedBatch` takes it. Raises EngineError."""
    with closing(EncodedBatch(batch, calls, tally)) as encoded:
        encoded.store(ledger)


class Writer:
    """A thread that inserts one batch while the next is made. Use it in a `with`: its end waits for the batch that it inserts.

    One thread calls `put` and `wait`; `stored` is called in the thread that inserts, with each batch that is done.
    """

    def __init__(self, ledger: Ledger, stored: Callable[[Tally], None]) -> None:
        self.ledger = ledger
        self.stored = stored
        self.thread = ThreadPoolExecutor(1, thread_name_prefix='writer')
        self.inserting: Future[None] | None = None

    def put(self, batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
        """Encodes a batch, waits for the one before, and hands it on. Raises EngineError if that one could not be stored."""
        encoded = EncodedBatch(batch, calls, tally)
        try:
            self.wait()
        except BaseException:
            encoded.close()
            raise
        self.inserting = self.thread.submit(self._store, encoded)

    def wait(self) -> None:
        """Waits until all batches are stored. Raises EngineError if one could not be."""
        inserting, self.inserting = self.inserting, None
        if inserting:
            inserting.result()

    def _store(self, encoded: EncodedBatch) -> None:
        with closing(encoded):
            encoded.store(self.ledger)
        self.stored(encoded.tally)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.thread.shutdown()
