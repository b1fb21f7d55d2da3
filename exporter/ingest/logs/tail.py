"""Reads one open followed log from the last taken byte on, and detects that the file holds another log."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from math import inf

import polars as pl

from exporter.config import Memory
from exporter.enrich.enrichment import Enrichment
from exporter.ingest import pipeline
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.division import Division
from exporter.ingest.logs.history import History
from exporter.ingest.logs.log_file import LogFile
from exporter.ingest.logs.parse_chunks import parse_chunks
from exporter.ingest.pipeline import ParsedChunk, Put
from exporter.ingest.split import Share
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

    It asks the ledger once for the shares of the log and their positions, and then keeps these. `new_reader` returns a reader for
    a share. `written` counts the batches put for each share of each log: when another file of the same log (a compressed copy)
    has added some, the position is asked again.
    Threads: used by the thread of the Follower only.
    """

    def __init__(
        self,
        path: str,
        division: Division,
        new_reader: Callable[[], LogReader],
        enrichments: Mapping[str, Enrichment],
        written: Counter[str],
        memory: Memory,
    ) -> None:
        self.path, self.division, self.new_reader = path, division, new_reader
        self.enrichments, self.written, self.memory = enrichments, written, memory
        self.file = LogFile(path)
        self.file_id = file_id(self._stat())
        self.last_tally = Tally()  # of the last batch of each share
        self._readings = list[_Reading]()  # of each share; none until the ledger was asked
        self._divided_state: State | None = None  # when it was asked
        # from the buffer of the file: the log may be truncated before the first batch is read
        self._mark = self.file.read(0, MARK) if self.file.grows else b''
        self._mark_end = len(self._mark)
        if self.file.damage:
            self.close()
            raise self.file.damage

    def step(self, history: Callable[[], History], rejected: RejectStore, put: Put, ending: bool = False) -> int:
        """Takes the next batch of each share; returns their size in bytes, 0 if nothing is new.

        `ending`: take a last line without its line end.

        Raises Replaced, InputError, OSError and the errors of `history` and `put`. A batch that was not put is read again.
        """
        self._check_replaced()
        current = state(self._stat())
        if not any(each.log.position for each in self._readings) and (not self._readings or current != self._divided_state):
            # again while nothing is taken: a file that is being written may become a copy
            self._readings, self._divided_state = [], current
            self._readings = [self._reading(share) for share in self.division.shares(self.file, history(), rejected)]
        self.last_tally = Tally()

        def put_unless_replaced(batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
            self._check_replaced()
            put(batch, calls, tally)
            self.last_tally.add(tally)

        size = sum(reading.step(history, rejected, put_unless_replaced, ending) for reading in self._readings)
        if not size and self.file.damage:
            raise self.file.damage
        self._set_mark()
        return size

    def close(self) -> None:
        """Closes the file."""
        self.file.close()

    @property
    def start_state(self) -> State | None:
        """The state of the file when reading last started."""
        return min((each.start_state for each in self._readings if each.start_state), default=self._divided_state)

    @property
    def finished(self) -> bool:
        """Whether it is read to its end and can be closed until it changes."""
        return self._at_end and not self.left and (not self.file.grows or all(each.position is None for each in self._readings))

    @property
    def left(self) -> bool:
        """Whether its last line has no line end yet, or lacks parts."""
        return self._at_end and any(each.log.left for each in self._readings)

    @property
    def position(self) -> int:
        """The byte up to which everything is taken; 0 if it is not known, or the file is a shorter copy."""
        return min((each.position or each.log.position for each in self._readings), default=0)

    @property
    def names(self) -> set[str]:
        """The shares of the log: the portal and the log's name in the ledger."""
        return {each.name for each in self._readings if each.log.identity.name}

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
        current = state(self._stat())
        return self.modified if self._at_end and all(each.end_state == current for each in self._readings) else inf

    @property
    def modified(self) -> float:
        """When it was last written to, in Unix seconds."""
        return self._stat().st_mtime

    @property
    def _at_end(self) -> bool:
        """Whether all shares were read to the end of the file."""
        return bool(self._readings) and all(each.end_state is not None for each in self._readings)

    def _reading(self, share: Share) -> '_Reading':
        enrichment = self.enrichments[share.domain or self.division.domain]
        return _Reading(AccessLog(self.file, memory=self.memory, share=share), self.new_reader(), enrichment, self.written)

    def _stat(self) -> os.stat_result:
        return os.fstat(self.file.compressed.fileno())

    def _set_mark(self) -> None:
        position = max(each.log.position for each in self._readings)
        if position not in (0, self._mark_end) and self.file.grows:
            self._mark_end = position
            self._mark = bytes_before(self.file, self._mark_end, MARK)

    def _check_replaced(self) -> None:
        if self._stat().st_size < self._mark_end or bytes_before(self.file, self._mark_end, len(self._mark)) != self._mark:
            raise Replaced


class _Reading:
    """Reads a share of an open log."""

    def __init__(self, log: AccessLog, reader: LogReader, enrichment: Enrichment, written: Counter[str]) -> None:
        self.log, self.reader, self.enrichment, self.written = log, reader, enrichment, written
        self.end_state: State | None = None  # when it was last read to its end
        self.position: int | None = None  # set once everything before it is taken
        self.start_state: State | None = None  # when reading last started
        self._chunks: Iterator[ParsedChunk] | None = None
        self._seen_written = 0

    @property
    def name(self) -> str:
        """The portal and the log's name in the ledger."""
        return f'{self.enrichment.domain}/{self.log.identity.name}'

    def step(self, history: Callable[[], History], rejected: RejectStore, put: Put, ending: bool) -> int:
        """Takes the next batch, as Tail.step does."""
        if self.log.identity.name and self.written[self.name] != self._seen_written:
            self.position = self._chunks = None
            self.end_state = None
        if ending:
            self.end_state = None
        self.log.grows = self.log.file.grows and not ending
        if self._chunks is None and not self._start(history):
            return 0
        size = 0

        def put_and_move(batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
            nonlocal size
            put(batch, calls, tally)
            self.written[self.name] += 1
            size = batch.end - batch.start
            if self.position is not None:
                self.position = batch.end

        try:
            read = pipeline.read_parts(self._batch(), self.enrichment)
            pipeline.put_batches(pipeline.complete_parts(read, self.enrichment), rejected, put_and_move)
        except BaseException:
            self._chunks = None
            raise
        self._seen_written = self.written[self.name]
        if not size:
            self._chunks, self.end_state = None, self.start_state
            self.position = self.log.position or None
        return size

    def _start(self, history: Callable[[], History]) -> bool:
        """Starts reading if something may be new."""
        self.start_state = state(os.fstat(self.log.file.compressed.fileno()))
        if self.start_state == self.end_state:
            return False
        domain = self.enrichment.domain
        if self.position and bytes_before(self.log.file, self.position, 1) == b'\n':
            chunks = self.log.chunks_after(domain, self.position)
        else:  # a last line without a line end may have one now
            chunks = self.log.chunks(domain, history())
        self._chunks = parse_chunks(chunks, self.log.file.name, self.reader, self.log.share)
        return True

    def _batch(self) -> Iterator[ParsedChunk]:
        """Yields the chunks of the next batch."""
        assert self._chunks
        for chunk in self._chunks:
            yield chunk
            if chunk.batch:
                return


def bytes_before(file: LogFile, end: int, length: int) -> bytes:
    """Reads the bytes before `end` from the disk; the buffer of the file may be stale."""
    return os.pread(file.compressed.fileno(), min(length, end), end - min(length, end))
