"""Reads one open followed log from the last taken byte on, and detects that the file holds another log."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from math import inf

import polars as pl

from exporter.config import Memory
from exporter.enrich.enrichment import Enrichment
from exporter.ingest import pipeline
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.history import History
from exporter.ingest.logs.log_file import LogFile
from exporter.ingest.logs.parse_chunks import parse_chunks
from exporter.ingest.pipeline import ParsedChunk, Put
from exporter.model.batch import Batch
from exporter.model.tally import Tally
from exporter.store.rejects import RejectStore

MARK = 1_024  # bytes before the position that are compared to detect another log
FileId = tuple[int, int]  # device and inode
State = tuple[int, int]  # size and time of the last change


def file_id(stat: os.stat_result) -> FileId:
    """Identifies a file independently of its name."""
    return stat.st_dev, stat.st_ino


def state(stat: os.stat_result) -> State:
    """Returns what changes when a file is written to."""
    return stat.st_size, stat.st_mtime_ns


class Replaced(Exception):
    """The file now holds another log: it was truncated after it was copied."""


class Tail:
    """An open log. Raises InputError if it cannot be opened or read to its end.

    It asks the ledger for its position once, and then keeps it. `written` counts the batches put for each log: when another
    file of the same log (a compressed copy) has added some, the position is asked again.
    Threads: used by the thread of the Follower only.
    """

    def __init__(self, path: str, reader: LogReader, enrichment: Enrichment, written: Counter[str], memory: Memory) -> None:
        self.path = path
        self.file = LogFile(path)
        self.reader = reader
        self.enrichment = enrichment
        self.written = written
        self.log = AccessLog(self.file, memory=memory)
        self.file_id = file_id(self._stat())
        self.end_state: State | None = None  # when it was last read to its end
        self.position: int | None = None  # set once everything before it is taken
        self.start_state: State | None = None  # when reading last started
        self.last_tally: Tally | None = None  # of the last batch
        self._chunks: Iterator[ParsedChunk] | None = None
        # from the buffer of the file: the log may be truncated before the first batch is read
        self._mark = self.file.read(0, MARK) if self.file.grows else b''
        self._mark_end = len(self._mark)
        self._seen_written = 0
        if self.file.damage:
            self.close()
            raise self.file.damage

    def step(self, history: Callable[[], History], rejected: RejectStore, put: Put, ending: bool = False) -> int:
        """Takes the next batch; returns its size in bytes, 0 if nothing is new. `ending`: take a last line without its line end.

        Raises Replaced, InputError, OSError and the errors of `history` and `put`. A batch that was not put is read again.
        """
        if self._replaced():
            raise Replaced
        if self.log.identity.name and self.written[self.name] != self._seen_written:
            self.position = self._chunks = None
            self.end_state = None
        if ending:
            self.end_state = None
        self.log.grows = self.file.grows and not ending
        if self._chunks is None and not self._start_reading(history):
            return 0
        size = 0

        def put_unless_replaced(batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
            nonlocal size
            if self._replaced():
                raise Replaced
            put(batch, calls, tally)
            self.written[self.name] += 1
            self.last_tally = tally
            size = batch.end - batch.start
            if self.position is not None:
                self.position = batch.end

        try:
            read = pipeline.read_parts(self._batch(), self.enrichment)
            pipeline.put_batches(pipeline.complete_parts(read, self.enrichment), rejected, put_unless_replaced)
        except BaseException:
            self._chunks = None
            raise
        self._seen_written = self.written[self.name]
        if not size:
            self._chunks, self.end_state = None, self.start_state
            self.position = self.log.position or None
            if self.file.damage:
                raise self.file.damage
        self._set_mark()
        return size

    def close(self) -> None:
        """Closes the file."""
        self.file.close()

    @property
    def finished(self) -> bool:
        """Whether it is read to its end and can be closed until it changes."""
        return self.end_state is not None and not self.left and (self.position is None or not self.file.grows)

    @property
    def left(self) -> bool:
        """Whether its last line has no line end yet, or lacks parts."""
        return self.end_state is not None and bool(self.log.left)

    @property
    def name(self) -> str:
        """The portal and the log's name in the ledger."""
        return f'{self.enrichment.domain}/{self.log.identity.name}'

    @property
    def has_name(self) -> bool:
        """Whether the file still has a name in some directory."""
        return self._stat().st_nlink > 0

    @property
    def size(self) -> int:
        """Its current size in bytes."""
        return self._stat().st_size

    @property
    def changed(self) -> float:
        """When it was last written to, in Unix seconds; infinite while it is not read to its end."""
        return self.modified if state(self._stat()) == self.end_state else inf

    @property
    def modified(self) -> float:
        """When it was last written to, in Unix seconds."""
        return self._stat().st_mtime

    def _stat(self) -> os.stat_result:
        return os.fstat(self.file.compressed.fileno())

    def _start_reading(self, history: Callable[[], History]) -> bool:
        """Starts reading if something may be new."""
        self.start_state = state(self._stat())
        if self.start_state == self.end_state:
            return False
        domain = self.enrichment.domain
        if self.position and self._before(self.position, 1) == b'\n':
            chunks = self.log.chunks_after(domain, self.position)
        else:  # a last line without a line end may have one now
            chunks = self.log.chunks(domain, history())
        self._chunks = parse_chunks(chunks, self.file.name, self.reader)
        return True

    def _batch(self) -> Iterator[ParsedChunk]:
        """Yields the chunks of the next batch."""
        assert self._chunks
        for chunk in self._chunks:
            yield chunk
            if chunk.batch:
                return

    def _set_mark(self) -> None:
        if self.log.position and self.file.grows:
            self._mark_end = self.log.position
            self._mark = self._before(self._mark_end, MARK)

    def _replaced(self) -> bool:
        return self._stat().st_size < self._mark_end or self._before(self._mark_end, len(self._mark)) != self._mark

    def _before(self, end: int, length: int) -> bytes:
        """Reads the bytes before `end` from the disk; the buffer of the file may be stale."""
        return os.pread(self.file.compressed.fileno(), min(length, end), end - min(length, end))
