"""The drain: stores the spool's batches in the database, oldest first, and tries again until it succeeds."""

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from exporter.errors import ConcurrentImport, EngineError, InputError, loggable
from exporter.spool.idempotency import IdempotencyKeys
from exporter.spool.segment import SpooledBatch
from exporter.spool.spool import Spool
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.writer import store
from exporter.system.locks import storing

INTERVAL = 1.0  # seconds between two runs; the requests that arrive meanwhile share a batch
MAX_PAUSE = 10.0  # seconds between two tries while the database is unavailable
TRIES = 5  # a batch that fails so often with an error in neither of the sets below is quarantined

# ClickHouse's error codes: https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
# CONTENT_ERRORS: the batch itself is invalid. TRANSIENT_ERRORS: limits, lost connections, full disks, rights, missing tables.
CONTENT_ERRORS = {6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 349, 407, 469, 691}
TRANSIENT_ERRORS = {
    60, 81, 159, 160, 164, 192, 193, 194, 202, 203, 209, 210, 236, 241, 242, 243, 252, 279, 285, 286, 319, 394, 473, 497,
    516, 999,
}  # fmt: skip

log = logging.getLogger(__name__)


class Drain:
    """Stores the spool. `error` is the message of the last failure, '' after a success; `failures` counts failed tries.

    One thread calls `run` or `empty`; any thread may read the attributes.
    """

    def __init__(
        self, spool: Spool, keys: IdempotencyKeys, rejected: RejectStore, database: Callable[[], ClickHouse], data_dir: Path
    ) -> None:
        self.spool, self.keys, self.rejected, self.database, self.data_dir = spool, keys, rejected, database, data_dir
        self.error = ''
        self.failures = 0
        self.last_stored = 0.0  # Unix seconds
        self._tries = 0

    def run(self, stop: threading.Event) -> None:
        """Stores batches until `stop` is set. Tries a failed batch again, with growing pauses, before newer ones."""
        pause = INTERVAL
        while not stop.wait(pause):
            try:
                self.empty(stop.is_set)
                pause = INTERVAL
            except Exception as error:  # any: if this thread ended, calls would wait without a sign of it
                self._note_failure(str(error) if isinstance(error, sqlite3.Error) else loggable(error))
                pause = min(MAX_PAUSE, 2 * max(pause, 0.25)) * random.uniform(
                    0.75, 1.25
                )  # random, so that many exporters do not retry at once

    def empty(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Stores all batches that wait. Before each batch it calls `stopping`, and returns early if that is true.

        Raises EngineError, SchemaError, OSError, sqlite3.Error.
        """
        self.spool.seal()
        while not stopping() and self._store_oldest():
            self.error = ''
        self.error = ''

    def _note_failure(self, message: str) -> None:
        self.failures += 1
        if message != self.error:
            self.error = message
            log.warning('cannot store calls, retrying: %s', message)

    def _store_oldest(self) -> bool:
        file = self.spool.oldest()
        if file is None:
            return False
        try:
            batches = file.batches(self.spool.log)
        except InputError as error:
            log.error('%s', error)
            self.spool.set_aside(file)
            return True
        try:
            with storing(self.data_dir):
                quarantined = sum(self._store(spooled) for spooled in batches)
        except ConcurrentImport as error:
            log.warning('dropped a batch because another process stores its lines; reading its log again: %s', error)
            for spooled in batches:
                self.rejected.remove(spooled.batch.id)  # the other process keeps the rejects of the lines that it stores
            self.spool.give_up(file)
            return True
        if keys := [key for header in file.headers for key in header.keys]:
            self.keys.keep(keys)
        self.spool.done(file, quarantined)
        self.last_stored = time.time()
        return True

    def _store(self, spooled: SpooledBatch) -> int:
        """Stores a batch, unless it is stored already; returns the number of its calls that are quarantined instead."""
        ledger = Ledger(self.database(), spooled.header.key_id, spooled.header.geo_date, spooled.header.rules)
        if ledger.is_done(spooled.batch):
            return 0
        if self.spool.is_quarantined(spooled.batch):  # in an earlier try, which then failed at another batch of the file
            return spooled.tally.stored
        if spooled.rejects:
            self.rejected.keep(spooled.batch.id, spooled.rejects)
        try:
            store(ledger, spooled.batch, spooled.calls, spooled.tally)
        except EngineError as error:
            if not self._is_refusal(error):
                raise
            log.error('quarantined a batch that the database refuses: %s', error)
            self.failures += 1
            self._tries = 0
            self.spool.quarantine(spooled, str(error))
            return spooled.tally.stored
        self._tries = 0
        return 0

    def _is_refusal(self, error: EngineError) -> bool:
        """Whether the batch itself causes the error, so that it must not block the others."""
        if error.code is None or error.code in TRANSIENT_ERRORS:
            return False
        self._tries += 1
        return error.code in CONTENT_ERRORS or self._tries >= TRIES
