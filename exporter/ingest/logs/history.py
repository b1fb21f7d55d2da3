"""Looks up the batches of logs in the ledger, and in the spool those that the ledger will have."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from exporter.model.batch import Batch, Entry
from exporter.model.tally import Tally
from exporter.spool.segment import read_records
from exporter.store.ledger import Ledger, unused_log_name

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
    """The queries that an AccessLog makes."""

    def logs(self, domain: str) -> list[str]:
        """Returns every log that ever had a batch. Raises EngineError."""

    def new_log(self, domain: str, name: str) -> str:
        """Returns a name that no log of the portal has had: `name`, with a suffix if needed. Raises EngineError."""

    def entries(self, domain: str, log: str) -> list[Entry]:
        """Returns the batches of a log that are done or begun, in their order. Raises EngineError."""


class WithSpool:
    """The ledger as it will be when the waiting batches are stored.

    Read the spool before the ledger: a batch that is stored in between is then in both.
    """

    def __init__(self, waiting: Waiting, ledger: Ledger) -> None:
        self.waiting = list(waiting)
        self.ledger = ledger

    def logs(self, domain: str) -> list[str]:
        """Returns the logs in the ledger, and those with a waiting batch. Raises EngineError."""
        return list(
            dict.fromkeys([*self.ledger.logs(domain), *(batch.log for batch, _ in self.waiting if batch.domain == domain)])
        )

    def new_log(self, domain: str, name: str) -> str:
        """Returns a name that neither has. Raises EngineError."""
        return unused_log_name(name, self.logs(domain))

    def entries(self, domain: str, log: str) -> list[Entry]:
        """Returns the batches of a log; waiting ones count as done. Raises EngineError.

        A waiting batch is left out if the ledger knows another one with some of its lines: the spool will give it up.
        """
        entries = self.ledger.entries(domain, log)
        for batch, tally in self.waiting:
            if (batch.domain, batch.log) == (domain, log):
                entries = [entry for entry in entries if entry.batch.id != batch.id]
                if not any(entry.batch.start < batch.end and entry.batch.end > batch.start for entry in entries):
                    entries.append(Entry(batch, tally))
        return sorted(entries, key=lambda entry: (entry.batch.start, entry.batch.end))
