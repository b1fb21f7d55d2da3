"""One open log that is followed: what was written behind the last byte that was taken, and whether it is still the same log."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from math import inf

import polars as pl

from exporter.enrich.enrichment import Enrichment
from exporter.ingest import pipeline
from exporter.ingest.formats.parsed import parse_chunks
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.history import History
from exporter.ingest.logs.log_file import LogFile
from exporter.ingest.pipeline import Chunk, Put
from exporter.model.batch import Batch
from exporter.model.tally import Tally
from exporter.store.rejects import RejectStore

MARK = 1_024  # bytes before the position by which a log is known to be still the same
FileId = tuple[int, int]  # device and inode
State = tuple[int, int]  # size and time of the last change


def file_id(stat: os.stat_result) -> FileId:
    """What a file is, whatever its name."""
    return stat.st_dev, stat.st_ino


def state(stat: os.stat_result) -> State:
    """What changes when a file is written to."""
    return stat.st_size, stat.st_mtime_ns


class Replaced(Exception):
    """The file holds another log by now: it was cut to nothing after it was copied."""


class Tail:
    """A log, open until it is given up. Raises InputError where it cannot be opened, or not to its end.

    What is stored of it is asked once; from then on its position is kept here. `written` counts the batches that were put of
    each log: when another file brought some of the same log, as a packed copy does, what is stored is asked again.
    """

    def __init__(self, path: str, log_format: str, enrichment: Enrichment, written: Counter[str]) -> None:
        self.path = path
        self.file = LogFile(path)
        self.log_format = log_format
        self.enrichment = enrichment
        self.written = written
        self.log = AccessLog(self.file)
        self.file_id = file_id(self._stat())
        self.seen: State | None = None  # when it was read to its end
        self.position: int | None = None  # once all before it is known to be taken
        self.looked: State | None = None  # when it was begun to be read
        self.taken: Tally | None = None  # what became of the last batch
        self._coming: Iterator[Chunk] | None = None
        # what is in the file's buffer since it was opened: the log may be cut before the first batch is read
        self._mark = self.file.read(0, MARK) if self.file.grows else b''
        self._mark_end = len(self._mark)
        self._written_then = 0
        if self.file.damage:
            self.close()
            raise self.file.damage

    def step(self, history: Callable[[], History], rejected: RejectStore, put: Put, ending: bool = False) -> int:
        """Takes the next batch; gives its size in bytes, 0 where nothing is new. `ending`: also a last line without an end.

        Raises Replaced, InputError, what `history` and `put` raise, OSError. What was not put comes again.
        """
        if self._replaced():
            raise Replaced
        if self.log.name and self.written[self.name] != self._written_then:
            self.position = self._coming = None
            self.seen = None
        if ending:
            self.seen = None
        self.log.grows = self.file.grows and not ending
        if self._coming is None and not self._look(history):
            return 0
        taken = 0

        def putting(batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
            nonlocal taken
            if self._replaced():
                raise Replaced
            put(batch, calls, tally)
            self.written[self.name] += 1
            self.taken = tally
            taken = batch.end - batch.start
            if self.position is not None:
                self.position = batch.end

        try:
            pipeline.put_batches(pipeline.enriched(self._batch(), self.enrichment), rejected, putting)
        except BaseException:
            self._coming = None
            raise
        self._written_then = self.written[self.name]
        if not taken:
            self._coming, self.seen = None, self.looked
            self.position = self.log.position or None
            if self.file.damage:
                raise self.file.damage
        self._set_mark()
        return taken

    def close(self) -> None:
        """Closes the file."""
        self.file.close()

    @property
    def finished(self) -> bool:
        """Whether it can be closed as it is read to its end, and is looked at again when it changes."""
        return self.seen is not None and not self.left and (self.position is None or not self.file.grows)

    @property
    def left(self) -> bool:
        """Whether its last line has no end yet."""
        return self.seen is not None and bool(self.log.left)

    @property
    def name(self) -> str:
        """The portal, and the log's name in the ledger."""
        return f'{self.enrichment.domain}/{self.log.name}'

    @property
    def has_name(self) -> bool:
        """Whether the file still has a name in some directory."""
        return self._stat().st_nlink > 0

    @property
    def size(self) -> int:
        """Its bytes on the disk now."""
        return self._stat().st_size

    @property
    def changed(self) -> float:
        """When it was last written to, in Unix seconds; in the far future, while it is not read to its end."""
        return self.modified if state(self._stat()) == self.seen else inf

    @property
    def modified(self) -> float:
        """When it was last written to, in Unix seconds."""
        return self._stat().st_mtime

    def _stat(self) -> os.stat_result:
        return os.fstat(self.file.compressed.fileno())

    def _look(self, history: Callable[[], History]) -> bool:
        """Begins to read where something may be new."""
        self.looked = state(self._stat())
        if self.looked == self.seen:
            return False
        domain = self.enrichment.domain
        if self.position and self._before(self.position, 1) == b'\n':
            pieces = self.log.behind(domain, self.position)
        else:  # a last line that had no end may have one now
            pieces = self.log.pieces(domain, history())
        self._coming = parse_chunks(pieces, self.file.name, self.log_format)
        return True

    def _batch(self) -> Iterator[Chunk]:
        """The pieces of the next batch."""
        assert self._coming
        for piece in self._coming:
            yield piece
            if piece.batch:
                return

    def _set_mark(self) -> None:
        if self.log.position and self.file.grows:
            self._mark_end = self.log.position
            self._mark = self._before(self._mark_end, MARK)

    def _replaced(self) -> bool:
        return self._stat().st_size < self._mark_end or self._before(self._mark_end, len(self._mark)) != self._mark

    def _before(self, end: int, length: int) -> bytes:
        """The bytes before `end`, as they are on the disk now: what was read before may still be in a buffer."""
        return os.pread(self.file.compressed.fileno(), min(length, end), end - min(length, end))
