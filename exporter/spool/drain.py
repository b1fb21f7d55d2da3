"""Brings what was accepted from the spool to the database, oldest first, for as long as it takes."""

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from exporter.errors import ConcurrentImport, EngineError, InputError, loggable
from exporter.spool.idempotency import IdempotencyKeys
from exporter.spool.segment import Part
from exporter.spool.spool import Spool
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.writer import store
from exporter.system.locks import storing

EVERY = 1.0  # seconds for which small requests are gathered in one batch
LONGEST = 10.0  # seconds between two tries while the database is away
TRIES = 5  # of a batch that the engine refuses for a reason of which it is not known that it passes

# ClickHouse's error codes, https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp: of batches that fail
# however often they are sent; and of what passes or is put right: limits, lost connections, full disks, rights, tables
OF_CONTENT = {6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 349, 407, 469, 691}
PASSING = {
    60, 81, 159, 160, 164, 192, 193, 194, 202, 203, 209, 210, 236, 241, 242, 243, 252, 279, 285, 286, 319, 394, 473, 497,
    516, 999,
}  # fmt: skip

log = logging.getLogger(__name__)


class Drain:
    """The thread that stores. `trouble` says why it cannot just now, '' where it can; `failures` counts tries that failed."""

    def __init__(
        self, spool: Spool, keys: IdempotencyKeys, rejected: RejectStore, database: Callable[[], ClickHouse], data_dir: Path
    ) -> None:
        self.spool, self.keys, self.rejected, self.database, self.data_dir = spool, keys, rejected, database, data_dir
        self.trouble = ''
        self.failures = 0
        self.last_stored = 0.0  # Unix seconds
        self._tries = 0

    def run(self, stop: threading.Event) -> None:
        """Stores until `stop` is set. What fails is tried again, ever more seldom, before anything newer."""
        pause = EVERY
        while not stop.wait(pause):
            try:
                self.empty(stop.is_set)
                pause = EVERY
            except Exception as error:  # whatever it is: without this thread all would wait, and nobody would be told
                self._failed(str(error) if isinstance(error, sqlite3.Error) else loggable(error))
                pause = min(LONGEST, 2 * max(pause, 0.25)) * random.uniform(0.75, 1.25)  # not all at once where many wait

    def empty(self, ends: Callable[[], bool] = lambda: False) -> None:
        """Stores all that waits, unless `ends` says before a batch that it is to end.

        Raises EngineError, SchemaError, OSError, sqlite3.Error.
        """
        self.spool.seal()
        while not ends() and self._store_oldest():
            self.trouble = ''
        self.trouble = ''

    def _failed(self, why: str) -> None:
        self.failures += 1
        if why != self.trouble:
            self.trouble = why
            log.warning('cannot store calls, retrying: %s', why)

    def _store_oldest(self) -> bool:
        file = self.spool.oldest()
        if file is None:
            return False
        try:
            parts = file.parts(self.spool.log)
        except InputError as error:
            log.error('%s', error)
            self.spool.set_aside(file)
            return True
        try:
            with storing(self.data_dir):
                quarantined = sum(self._store(part) for part in parts)
        except ConcurrentImport as error:
            log.warning('dropped a batch because another process stores its lines; reading its log again: %s', error)
            for part in parts:
                self.rejected.remove(part.batch.id)  # who stores their lines keeps them
            self.spool.give_up(file)
            return True
        if keys := [key for header in file.headers for key in header.keys]:
            self.keys.keep(keys)
        self.spool.done(file, quarantined)
        self.last_stored = time.time()
        return True

    def _store(self, part: Part) -> int:
        """Stores a batch, unless it is stored; gives how many of its calls came into quarantine instead."""
        ledger = Ledger(self.database(), part.header.key_id, part.header.geo_date)
        if ledger.is_done(part.batch):
            return 0
        if self.spool.is_quarantined(part.batch):  # before another batch of its file failed
            return part.tally.stored
        if part.rejects:
            self.rejected.keep(part.batch.id, part.rejects)
        try:
            store(ledger, part.batch, part.calls, part.tally)
        except EngineError as error:
            if not self._is_refusal(error):
                raise
            log.error('quarantined a batch that the database refuses: %s', error)
            self.failures += 1
            self._tries = 0
            self.spool.refuse(part, str(error))
            return part.tally.stored
        self._tries = 0
        return 0

    def _is_refusal(self, error: EngineError) -> bool:
        """Whether it is the batch that is at fault, so that it must not keep others waiting."""
        if error.code is None or error.code in PASSING:
            return False
        self._tries += 1
        return error.code in OF_CONTENT or self._tries >= TRIES
