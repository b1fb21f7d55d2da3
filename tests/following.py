"""Shared by the tests of following: starts, stops and kills the part of a process that follows logs."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from access_logs import DOMAIN

from exporter.config import Follow, Memory, PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.hosts import Hosts
from exporter.enrich.visitor import VisitorKey
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
    """Follows logs into the spool of a directory, and stores its batches on `drain`."""

    def __init__(
        self,
        database: ClickHouse,
        directory: Path,
        *follow: Follow,
        rules: PortalRules | None = None,
        hosts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.database, self.directory, self.follow = database, directory, follow
        self.rules = rules or PortalRules()
        self.messages: list[str] = []
        self.engine_error: Exception | None = None  # raised by each connection to the engine
        self.hosts = Hosts(hosts or {})
        self.memory: Memory = 'normal'
        self.wrap_put: Callable[[Put], Put] = lambda put: put  # wraps the put of the spool
        self.start()

    def start(self) -> None:
        """Starts a process."""
        self.spool = Spool(self.directory / 'spool', 100 << 20, 'key', None)
        put = self.spool.put
        self.spool.put = lambda *batch: self.wrap_put(put)(*batch)  # type: ignore[method-assign]
        rejected = RejectStore(self.directory)
        self.follower = Follower(
            self.follow, self.enrichment, self.ledger, self.spool, rejected, self.messages.append, self.hosts, self.memory
        )

    def stop(self) -> None:
        """Ends the process like a kill: all state is on the disk."""
        self.follower.close()
        os.close(self.spool._lock_descriptor)

    def restart(self) -> None:
        """Ends the process and starts another one."""
        self.stop()
        self.start()

    def poll(self, times: int = 1) -> None:
        """Polls for new lines."""
        for _ in range(times):
            self.follower.poll()

    def drain(self) -> None:
        """Stores all waiting batches."""
        with closing(IdempotencyKeys(self.directory / 'keys.sqlite', [])) as keys:
            Drain(self.spool, keys, RejectStore(self.directory), lambda: self.database, self.directory).empty()

    def enrichment(self, domain: str) -> Enrichment:
        """Returns the enrichment of the process."""
        return Enrichment(domain, self.rules, PLACES, VisitorKey(b'k' * 32, is_shared=True))

    def ledger(self) -> Ledger:
        """Connects to the engine, if it is available."""
        if self.engine_error:
            raise self.engine_error
        return Ledger(self.database, 'key', None)


def followed(path: Path, domain: str = DOMAIN) -> Follow:
    """Returns the settings that follow a log."""
    return Follow(path=str(path), domain=domain)


def append(path: Path, content: bytes) -> None:
    """Appends to a log as a web server does."""
    with path.open('ab') as file:
        file.write(content)
