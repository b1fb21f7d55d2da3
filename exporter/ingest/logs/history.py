"""Looks up the batches of logs in the ledger, and in the spool those that the ledger will have."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from exporter.model.batch import Batch, Entry, Log
from exporter.model.tally import Tally
from exporter.spool.segment import read_records
from exporter.store.ledger import Ledger

Waiting = Iterable[tuple[Batch, Tally]]  # what a spool holds


def spooled(directory: Path) -> list[tuple[Batch, Tally]]:
    """Returns the batches of logs in a spool, which another process may have open. Raises OSError."""
    batches = list[tuple[Batch, Tally]]()
    for path in directory.rglob('*.batch'):
        with suppress(FileNotFoundError):  # stored in the meantime
            headers = [record.header for record in read_records(path)]
            batches += [(header.batch, header.tallies[header.batch.domain]) for header in headers if header.batch]
    return batches


class History(Protocol):
    """What an AccessLog and a Division ask and tell the ledger."""

    def logs(self, domain: str) -> list[Log]:
        """Returns every log that ever had a batch. Raises EngineError."""

    def logs_of_portals(self) -> list[tuple[str, Log]]:
        """Returns the portal and the log of all logs of files, as `logs` does. Raises EngineError."""

    def entries(self, domain: str, log: str) -> list[Entry]:
        """Returns the batches of a log that are done or begun, in their order. Raises EngineError."""

    def discard(self, batches: Collection[Batch]) -> None:
        """Records that batches without calls do not count. Raises EngineError."""


class WithSpool:
    """The ledger as it will be when the waiting batches are stored.

    Read the spool before the ledger: a batch that is stored in between is then in both.
    """

    def __init__(self, waiting: Waiting, ledger: Ledger) -> None:
        self.waiting = list(waiting)
        self.ledger = ledger

    def logs(self, domain: str) -> list[Log]:
        """Returns the logs in the ledger, and those with a waiting batch. Raises EngineError."""
        logs = {log.name: log for portal, log in self._waiting_logs() if portal == domain}
        return list((logs | {log.name: log for log in self.ledger.logs(domain)}).values())

    def logs_of_portals(self) -> list[tuple[str, Log]]:
        """Returns the portals and the logs in the ledger, and those with a waiting batch. Raises EngineError."""
        logs = {(portal, log.name): log for portal, log in [*self._waiting_logs(), *self.ledger.logs_of_portals()]}
        return [(portal, log) for (portal, _), log in logs.items()]

    def _waiting_logs(self) -> Iterator[tuple[str, Log]]:
        for batch, _ in self.waiting:
            log = Log(batch.log, batch.head, batch.head_bytes, batch.attempt, batch.retried_log, batch.hosts)
            yield batch.domain, log

    def discard(self, batches: Collection[Batch]) -> None:
        """Records that batches without calls do not count; those that wait are then not stored. Raises EngineError."""
        self.ledger.discard(batches)

    def entries(self, domain: str, log: str) -> list[Entry]:
        """Returns the batches of a log; waiting ones count as done. Raises EngineError.

        A waiting batch is left out if the ledger knows another one with some of its lines: the spool will give it up.
        """
        waiting = [Entry(batch, tally) for batch, tally in self.waiting if (batch.domain, batch.log) == (domain, log)]
        ids = {entry.batch.id for entry in waiting}
        entries = [entry for entry in self.ledger.entries(domain, log) if entry.batch.id not in ids]
        for entry in waiting:
            at = bisect_left(entries, entry.batch.start, key=_start)
            starts_within = at > 0 and entries[at - 1].batch.end > entry.batch.start
            if not starts_within and (at == len(entries) or entries[at].batch.start >= entry.batch.end):
                entries.insert(at, entry)
        return entries


def _start(entry: Entry) -> int:
    return entry.batch.start
