"""A batch: which calls, by where they came from, and what the ledger knows of it."""

from dataclasses import dataclass

from exporter.model.tally import Tally


@dataclass(frozen=True)
class Checkpoint:
    """A stretch of a batch, from the end of the one before to `end`, and the hash of its bytes (xxh3, 64 bits)."""

    end: int
    hash: int


@dataclass(frozen=True)
class Batch:
    """Which calls, named by where they came from: never by their content, since different calls may read the same."""

    domain: str
    source: str
    log: str  # which log, or which other run of calls
    start: int
    end: int
    origin: str = ''
    checkpoints: tuple[Checkpoint, ...] = ()

    @property
    def id(self) -> str:
        """The identity of the batch; also the token under which ClickHouse stores it once."""
        return f'{self.domain}/{self.log}/{self.start}-{self.end}'


@dataclass(frozen=True)
class Entry:
    """A batch as the ledger knows it; `counts` once it is done."""

    batch: Batch
    tally: Tally | None
