"""What the tests of following share: the part of a process that follows logs, started, stopped and killed at will."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from access_logs import DOMAIN

from exporter.config import Follow, PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.ingest.logs.follow import Follower
from exporter.ingest.pipeline import Put
from exporter.spool.drain import Drain
from exporter.spool.idempotency import IdempotencyKeys
from exporter.spool.spool import Spool
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore

PLACES = open_places(None)


class Following:
    """Follows logs into the spool of a directory, and stores what is in it when it is told to."""

    def __init__(self, database: ClickHouse, directory: Path, *follow: Follow) -> None:
        self.database, self.directory, self.follow = database, directory, follow
        self.said: list[str] = []
        self.away: Exception | None = None  # what asking the engine raises
        self.putting: Callable[[Put], Put] = lambda put: put  # what becomes of batches on their way to the spool
        self.start()

    def start(self) -> None:
        """Starts a process."""
        self.spool = Spool(self.directory / 'spool', 100 << 20, 'key', None)
        put = self.spool.put
        self.spool.put = lambda *batch: self.putting(put)(*batch)  # type: ignore[method-assign]
        rejected = RejectStore(self.directory)
        self.follower = Follower(self.follow, self.enrichment, self.ledger, self.spool, rejected, self.said.append)

    def stop(self) -> None:
        """Ends the process, as a kill would: what matters is on the disk."""
        self.follower.close()
        os.close(self.spool._lock_descriptor)

    def restart(self) -> None:
        """Ends the process and starts another one."""
        self.stop()
        self.start()

    def poll(self, times: int = 1) -> None:
        """Looks for what is new."""
        for _ in range(times):
            self.follower.poll()

    def drain(self) -> None:
        """Stores all that waits."""
        with closing(IdempotencyKeys(self.directory / 'keys.sqlite', [])) as keys:
            Drain(self.spool, keys, RejectStore(self.directory), lambda: self.database, self.directory).empty()

    def enrichment(self, domain: str) -> Enrichment:
        """That of the process."""
        return Enrichment(domain, PortalRules(), PLACES, b'k' * 32)

    def ledger(self) -> Ledger:
        """Asks the engine, if it is there."""
        if self.away:
            raise self.away
        return Ledger(self.database, 'key', None)


def followed(path: Path, domain: str = DOMAIN) -> Follow:
    """The settings by which a log is followed."""
    return Follow(path=str(path), domain=domain)


def append(path: Path, content: bytes) -> None:
    """Writes to a log as a web server does."""
    with path.open('ab') as file:
        file.write(content)
