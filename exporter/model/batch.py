"""A batch of calls: its log, its identity, its checkpoints, and its entry in the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass

from exporter.model.tally import Tally


@dataclass(frozen=True)
class Checkpoint:
    """A byte range of a log, from the end of the previous checkpoint to `end`, and the hash of its bytes (xxh3, 64 bits)."""

    end: int
    hash: int


@dataclass(frozen=True)
class Log:
    """A log, or another sequence of calls, as the ledger knows it. No other log of the portal has its `name`."""

    name: str
    head: str = ''  # what identifies its content: the hash of its first bytes and their number; of a demo, the day
    head_bytes: int = 0  # how many first bytes that hash covers
    attempt: int = 0  # the number of earlier logs with the same head; of a retry, its number
    retried_log: str = ''  # the name of the log whose rejects it holds
    # of a share of a log of several portals, the hosts whose lines it holds, or with domain '' does not hold; empty: all lines
    hosts: tuple[str, ...] = ()

    @classmethod
    def new(cls, head: str, head_bytes: int, logs: Iterable['Log'], hosts: tuple[str, ...] = ()) -> 'Log':
        """Returns a log that is none of `logs`, which are all of a portal."""
        attempt = sum(log.head == head for log in logs)
        return cls(f'{head}~{attempt}' if attempt else head, head, head_bytes, attempt, hosts=hosts)

    @classmethod
    def retrying(cls, retried_log: str, logs: Iterable['Log']) -> 'Log':
        """Returns a log for rejects of `retried_log` that is none of `logs`, which are all of a portal."""
        attempt = 1 + sum(log.retried_log == retried_log for log in logs)
        return cls(f'retry {attempt} of {retried_log}', attempt=attempt, retried_log=retried_log)

    def batch(
        self, domain: str, source: str, start: int, end: int, origin: str = '', checkpoints: tuple[Checkpoint, ...] = ()
    ) -> 'Batch':
        """Returns the batch of the byte range [start, end)."""
        return Batch(
            domain, source, self.name, start, end, origin, checkpoints, self.head, self.head_bytes, self.attempt,
            self.retried_log, hosts=self.hosts,
        )  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """A byte range [start, end) of a log. Only the range identifies the calls: different calls may have the same content."""

    domain: str
    source: str
    log: str  # its name, as in `Log`; so are `head` to `retried_log`, and `hosts`
    start: int
    end: int
    origin: str = ''
    checkpoints: tuple[Checkpoint, ...] = ()
    head: str = ''
    head_bytes: int = 0
    attempt: int = 0
    retried_log: str = ''
    format: str = ''  # in which its lines begin, and their wrapper
    hosts: tuple[str, ...] = ()
    revision: int = 0  # of a pulled hour: the number of earlier batches of the same range

    @property
    def id(self) -> str:
        """The identity of the batch, also its deduplication token in ClickHouse."""
        revision = f'~{self.revision}' if self.revision else ''
        return f'{self.domain}/{self.log}/{self.start}-{self.end}{revision}'


@dataclass(frozen=True)
class Entry:
    """A batch in the ledger; `tally` is None until it is done."""

    batch: Batch
    tally: Tally | None
