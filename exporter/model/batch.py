"""A batch of calls: its identity, its checkpoints, and its entry in the ledger."""

from dataclasses import dataclass

from exporter.model.tally import Tally


@dataclass(frozen=True)
class Checkpoint:
    """A byte range of a log, from the end of the previous checkpoint to `end`, and the hash of its bytes (xxh3, 64 bits)."""

    end: int
    hash: int


@dataclass(frozen=True)
class Batch:
    """A byte range [start, end) of a log. Only the range identifies the calls: different calls may have the same content."""

    domain: str
    source: str
    log: str  # the name of the log in the ledger, or of another sequence of calls
    start: int
    end: int
    origin: str = ''
    checkpoints: tuple[Checkpoint, ...] = ()

    @property
    def id(self) -> str:
        """The identity of the batch, also its deduplication token in ClickHouse."""
        return f'{self.domain}/{self.log}/{self.start}-{self.end}'


@dataclass(frozen=True)
class Entry:
    """A batch in the ledger; `tally` is None until it is done."""

    batch: Batch
    tally: Tally | None
