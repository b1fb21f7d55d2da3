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
from exporter.store.native import encode_block


class EncodedBatch:
    """A batch in an anonymous file in memory (memfd), which `close` frees.

    `calls` has all columns of a call except `batch_id`, which is added here.
    """

    def __init__(self, batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
        self.batch, self.tally = batch, tally
        calls = calls.with_columns(batch_id=pl.lit(batch.id).cast(categorical('batch_id')))
        self.columns, self.length = calls.columns, len(calls)
        self.first, self.last = calls['timestamp'].min(), calls['timestamp'].max()
        self.descriptor = os.memfd_create('calls')
        self.file = Path(f'/proc/self/fd/{self.descriptor}')
        # as one block: ClickHouse recognizes a repeated insert only if it is cut in the same way
        with open(self.descriptor, 'wb', closefd=False) as file:
            file.writelines(encode_block(calls))

    def store(self, ledger: Ledger) -> None:
        """Stores the batch; storing it again changes nothing. Raises EngineError, ConcurrentImport."""
        ledger.begin(self.batch)
        if self.length:
            ledger.database.insert_file('calls', self.columns, self.file, self.batch.id)
        ledger.done(self.batch, self.tally, self.first, self.last)  # type: ignore[arg-type]

    def close(self) -> None:
        """Frees the memory."""
        os.close(self.descriptor)


def store(ledger: Ledger, batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
    """Stores one batch, with arguments as for EncodedBatch. Raises EngineError, ConcurrentImport."""
    with closing(EncodedBatch(batch, calls, tally)) as encoded:
        encoded.store(ledger)


class Writer:
    """Inserts a batch in a thread while the caller makes the next one. Use it in a `with`, whose end waits for the last insert.

    One thread calls `put` and `wait`; the inserting thread calls `stored` with the tally of each batch that is done.
    """

    def __init__(self, ledger: Ledger, stored: Callable[[Tally], None]) -> None:
        self.ledger = ledger
        self.stored = stored
        self.thread = ThreadPoolExecutor(1, thread_name_prefix='writer')
        self.inserting: Future[None] | None = None

    def put(self, batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
        """Encodes a batch, waits for the previous insert, and starts this one. Raises the EngineError of the previous insert."""
        encoded = EncodedBatch(batch, calls, tally)
        try:
            self.wait()
        except BaseException:
            encoded.close()
            raise
        self.inserting = self.thread.submit(self._store, encoded)

    def wait(self) -> None:
        """Waits for the current insert. Raises its EngineError."""
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
