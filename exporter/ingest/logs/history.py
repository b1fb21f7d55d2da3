"""What is known of the batches of logs: by the ledger, and by the spool of what the ledger will know."""

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
    """What the spool of another process, or of none, holds of logs. Raises OSError."""
    found = list[tuple[Batch, Tally]]()
    for path in directory.rglob('*.batch'):
        with suppress(FileNotFoundError):  # it is stored by now
            headers = [record.header for record in read_records(path)]
            found += [(header.batch, header.tallies[header.batch.domain]) for header in headers if header.batch]
    return found


class History(Protocol):
    """The batches of logs, as far as a log is asked for them."""

    def logs(self, domain: str) -> list[str]:
        """Every log of which there ever was a batch. Raises EngineError."""

    def new_log(self, domain: str, name: str) -> str:
        """A name that no log of the portal has had: `name`, or with something behind it. Raises EngineError."""

    def entries(self, domain: str, log: str) -> list[Entry]:
        """The batches of a log that are done or begun, in their order. Raises EngineError."""


class WithSpool:
    """The ledger as it will be when the batches that wait are stored. Ask the spool first, and then the ledger: what is stored
    in between is in both."""

    def __init__(self, waiting: Waiting, ledger: Ledger) -> None:
        self.waiting = list(waiting)
        self.ledger = ledger

    def logs(self, domain: str) -> list[str]:
        """The logs that the ledger knows, and those of which a batch waits. Raises EngineError."""
        return list(dict.fromkeys([*self.ledger.logs(domain), *(one.log for one, _ in self.waiting if one.domain == domain)]))

    def new_log(self, domain: str, name: str) -> str:
        """A name that neither has. Raises EngineError."""
        return unused_log_name(name, self.logs(domain))

    def entries(self, domain: str, log: str) -> list[Entry]:
        """The batches of a log; those that wait count as done. Raises EngineError.

        A batch that waits is left out if the ledger knows another one with some of its lines: the spool will give it up.
        """
        entries = self.ledger.entries(domain, log)
        for batch, tally in self.waiting:
            if (batch.domain, batch.log) == (domain, log):
                entries = [entry for entry in entries if entry.batch.id != batch.id]
                if not any(entry.batch.start < batch.end and entry.batch.end > batch.start for entry in entries):
                    entries.append(Entry(batch, tally))
        return sorted(entries, key=lambda entry: (entry.batch.start, entry.batch.end))
