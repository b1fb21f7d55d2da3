"""Imports one log to its end and accounts for each of its lines."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from exporter import pipeline
from exporter.ahead import Ahead
from exporter.enrich.enrichment import Enrichment
from exporter.errors import InputError
from exporter.ledger import Counts, Ledger
from exporter.rejected import Rejected
from exporter.sources.access_log import AccessLog
from exporter.sources.history import Waiting, WithSpool
from exporter.sources.parsed import parsed
from exporter.writer import Writer


@dataclass
class Outcome:
    """What became of the lines of one log or of several; the parts add up to `read`."""

    stored: int = 0
    already_stored: int = 0
    skipped: int = 0
    left: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        """All lines."""
        return self.stored + self.already_stored + self.skipped + self.left + self.rejected.total()

    def as_dict(self) -> dict[str, object]:
        """The outcome under the names that `--format json` prints."""
        return {
            'read': self.read,
            'stored': self.stored,
            'already_stored': self.already_stored,
            'skipped': self.skipped,
            'left': self.left,
            'rejected': dict(sorted(self.rejected.items())),
        }

    def count(self, counts: Counts) -> None:
        """Adds the lines of a batch that is stored now."""
        self.stored += counts.stored
        self.skipped += counts.skipped
        self.rejected += Counter(counts.rejected)

    def count_before(self, counts: Counts) -> None:
        """Adds the lines of batches that were done before."""
        self.already_stored += counts.stored
        self.count(Counts(0, counts.skipped, counts.rejected))


def import_log(
    log: AccessLog,
    log_format: str,
    enrichment: Enrichment,
    ledger: Ledger,
    rejected: Rejected,
    outcome: Outcome,
    watch: Callable[[], None],
    waiting: Waiting = (),
) -> None:
    """Stores what is new in a log. `outcome` is kept up to date, so it is right whatever ends the import, and
    `watch` is called whenever it has changed. `waiting` is what a spool holds: `serve` will store it.

    Raises InputError for what is no log or ends before its end, EngineError where ClickHouse fails.
    """

    def stored(counts: Counts) -> None:
        outcome.count(counts)
        watch()

    lines = parsed(log.pieces(enrichment.domain, WithSpool(waiting, ledger)), log.file.name, log_format)
    with Writer(ledger, stored) as writer, Ahead(lines) as pieces:
        try:
            pipeline.run(pieces, enrichment, rejected, writer.put)
            writer.wait()
            outcome.left += log.left
        finally:
            outcome.count_before(log.already)
    if log.file.damage:
        raise InputError(log.file.damage)
