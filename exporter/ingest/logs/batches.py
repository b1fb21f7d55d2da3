"""Identifies an access log and cuts its unstored part into batches of whole lines."""

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import xxhash

from exporter.config import Memory
from exporter.errors import InputError
from exporter.ingest.formats.lines import HOLE, last_end, normalize_line_ends
from exporter.ingest.formats.wrappers import complete_end
from exporter.ingest.logs.foreign import refuse
from exporter.ingest.logs.history import History
from exporter.ingest.logs.log_file import LogFile, leading_nuls
from exporter.ingest.split import EVERY_LINE, Share
from exporter.model.batch import Batch, Checkpoint, Entry, Log
from exporter.model.tally import Tally

SOURCE = 'access_log'
HEAD = 1_024  # bytes whose hash identifies a log
# bytes read and parsed at a time, by the setting `memory`: parsing takes fifteen times as much
CHUNK: dict[Memory, int] = {'normal': 3 << 20, 'low': 1 << 20}
FIRST_BATCH = 3  # chunks of the first batch: storing starts early
BATCH = 16  # chunks of the others: smaller batches make ClickHouse merge more
LONGEST_LINE = 16 << 20
SAMPLE_STEP = 61  # counts line ends in every 61st byte: a prime does not keep step with lines
MOST_LINES = 62_500  # of a chunk, roughly: then a batch fits in one block of ClickHouse (about a million rows)
HOLE_HASH = xxhash.xxh3_64_intdigest(b'')  # of a hole of any length
CHECKPOINTS = 16  # of a chunk; each line has one if there are no more lines


class Chunk(NamedTuple):
    """Whole lines, and their byte offset in the decompressed log."""

    start: int
    lines: bytes
    first: bool = False  # whether they begin the log
    format: str = ''  # recorded: of the batch that they begin and that is read again, or of the batch before them

    @property
    def end(self) -> int:
        """The byte offset after the last line."""
        return self.start + len(self.lines)

    def checkpoints(self, previous_end: int) -> Iterator[Checkpoint]:
        """Yields the hashes of parts of whole lines, and of the hole between `previous_end` and the chunk."""
        if previous_end < self.start:
            yield Checkpoint(self.start, HOLE_HASH)
        short = len(self.lines) < 1 << 20 and self.lines.count(b'\n') <= CHECKPOINTS
        step = 1 if short else -(-len(self.lines) // CHECKPOINTS)
        view, offset = memoryview(self.lines), 0
        while offset < len(self.lines):
            # the first line after a hole has a checkpoint of its own: it identifies the log
            search_from = offset + step - 1 if offset or previous_end == self.start else 0
            end = self.lines.find(b'\n', search_from) + 1 or len(self.lines)
            yield Checkpoint(self.start + end, xxhash.xxh3_64_intdigest(view[offset:end]))
            offset = end


class KnownLog(NamedTuple):
    """A log in the ledger that is the same as a file, and its batches, one or more."""

    domain: str
    hosts: tuple[str, ...]
    log: Log
    entries: list[Entry]
    same_bytes: int  # of the file

    @property
    def holds_calls(self) -> bool:
        """Whether it has stored calls, or may have."""
        return any(entry.tally is None or entry.tally.stored for entry in self.entries)


def known_logs(
    file: LogFile, history: History, wanted: Callable[[str, tuple[str, ...]], bool] = lambda _domain, _hosts: True
) -> Iterator[KnownLog]:
    """Yields the logs in the ledger that are the same as the file: at most one for each portal and the same hosts.

    `wanted` takes these two and returns whether to look for such a log. Raises EngineError.
    """
    shares = dict[tuple[str, tuple[str, ...]], list[Log]]()
    for domain, log in sorted(history.logs_of_portals(), key=lambda known: known[1].attempt):
        if wanted(domain, log.hosts):
            shares.setdefault((domain, log.hosts), []).append(log)
    for (domain, _), logs in shares.items():
        if known := _best(file, domain, logs, history):
            yield known


def _best(file: LogFile, domain: str, logs: list[Log], history: History) -> KnownLog | None:
    """Returns the log that is the same as the file. Among logs with the same head, the checkpoints decide."""
    start = file.skip_nuls(0)
    best, known = -1, None
    for log in logs:
        # earlier versions hashed from offset 0
        if log.head_bytes and (log.head, log.head_bytes) in {_head(file, offset, log.head_bytes) for offset in (start, 0)}:
            entries = history.entries(domain, log.name)
            if entries and (verified := _verified(file, entries)) > best:
                best, known = verified, KnownLog(domain, log.hosts, log, entries, max(verified, start + log.head_bytes))
    return known


def _head(file: LogFile, start: int, length: int) -> tuple[str, int]:
    """Returns what identifies a log whose first line begins at `start`, and how many bytes that covers, at most `length`."""
    head = file.read(start, start + length)
    return f'{xxhash.xxh3_64_hexdigest(head)}:{len(head)}', len(head)


def _verified(file: LogFile, entries: list[Entry]) -> int:
    """Returns the offset up to which the log matches these batches; -1 if it differs."""
    position = entries[0].batch.start
    for entry in entries:
        start = entry.batch.start
        for point in entry.batch.checkpoints:
            if point.hash == HOLE_HASH:
                if (end := file.skip_nuls(start, point.end)) < point.end:
                    return -1 if file.read(end, end + 1) else position
                start = position = end
                continue
            content = file.read(start, point.end)
            if len(content) < point.end - start:  # a shorter copy: the rest cannot be compared
                return position
            if xxhash.xxh3_64_intdigest(content) != point.hash:
                return -1
            start = position = point.end
    return position


class AccessLog:
    """The unstored part of a share of a log. `complete`: take a last line without a line end, also if the log may still grow.
    `memory`, the setting, decides how large a chunk is.

    After `chunks` is exhausted, `already_stored` is the tally of the lines that were stored before, and `left` the number of
    last lines that are still being written: more than 1 if a container runtime has written only some parts of a line. `identity`
    is then the log as in the ledger, and `position` the byte offset after its last batch; 0 for a shorter copy.
    """

    def __init__(self, file: LogFile, complete: bool = False, memory: Memory = 'normal', share: Share = EVERY_LINE) -> None:
        self.file, self.share = file, share
        self.chunk_size = CHUNK[memory]
        self.grows = file.grows and not complete
        self.already_stored = Tally()
        self.left = 0
        self.identity = Log('')
        self.position = 0

    def chunks(self, domain: str, ledger: History) -> Iterator[tuple[Chunk, Batch | None]]:
        """Yields chunks of the lines to store; the last chunk of a batch comes with the batch.

        Unfinished batches come with the same byte ranges as before. Lines between two batches come as new ones: the spool gave
        their batch up because another process had stored some of its lines. Then come the lines after the last batch. Raises
        InputError if the log holds only a part of an unfinished batch, or has too long a line.
        """
        self.position = position = self.share.start
        log_format = self.share.format
        refuse(self.file)
        self.identity, entries = self.identify(domain, ledger)
        for entry in entries:
            start, gap = entry.batch.start, self._skip_line_end(position)
            if gap < start and self.file.read(start - 1, start):
                yield from _in_format(self.chunks_after(domain, gap, start), log_format)
            position, log_format = max(position, entry.batch.end), entry.batch.format
            if whole := self.file.read(entry.batch.end - 1, entry.batch.end) != b'':
                if entry.tally:
                    self.already_stored.add(entry.tally)
                else:
                    yield from _in_format(
                        (
                            (chunk, entry.batch if chunk.end == entry.batch.end else None)
                            for chunk in self._read_chunks(start, entry.batch.end)
                        ),
                        entry.batch.format,
                    )
            elif entry.tally:
                if self.share.has_rest:  # whose lines they are is not known
                    self._count_shared(start)
            else:
                raise InputError(
                    f'{self.file.name}: an unfinished import read a longer copy of this log', 'import that copy first'
                )
            if not whole:
                self.position = 0
                return
        yield from _in_format(self.chunks_after(domain, self._skip_line_end(position)), log_format)

    def chunks_after(self, domain: str, batch_start: int, end: int = sys.maxsize) -> Iterator[tuple[Chunk, Batch | None]]:
        """Yields the lines from a line start up to `end`, as `chunks` does. Raises InputError for too long a line."""
        self.position = batch_start
        points: list[Checkpoint] = []
        count, hashed_end = 0, batch_start
        for chunk, last in _mark_last(self._read_chunks(batch_start, end)):
            points += chunk.checkpoints(hashed_end)
            hashed_end = chunk.end
            count += 1
            if last or count == (FIRST_BATCH if batch_start == 0 else BATCH):
                yield chunk, self.identity.batch(domain, SOURCE, batch_start, chunk.end, self.file.name, tuple(points))
                self.position = batch_start = chunk.end
                points, count = [], 0
            else:
                yield chunk, None

    def identify(self, domain: str, ledger: History) -> tuple[Log, list[Entry]]:
        """Returns the log as in the ledger, and its batches."""
        logs = ledger.logs(domain)
        shares = [log for log in logs if log.hosts == self.share.hosts]
        known = _best(self.file, domain, shares, ledger)
        if known:
            return known.log, known.entries
        return Log.new(*_head(self.file, self.file.skip_nuls(0), HEAD), logs, self.share.hosts), []

    def _count_shared(self, start: int) -> None:
        """Counts the lines of a shorter copy that belong to a stored batch."""
        for chunk in self._read_chunks(start):
            lines = normalize_line_ends(chunk.lines)
            self.already_stored.add(Tally(lines.count(b'\n') + int(lines != b'' and not lines.endswith(b'\n'))))

    def _skip_line_end(self, position: int) -> int:
        """Returns the start of new lines: a last line that was stored without its line end may have one now."""
        if position and self.file.read(position - 1, position) != b'\n':
            ending = self.file.read(position, position + 2)
            position += len(ending) - len(ending.removeprefix(b'\r').removeprefix(b'\n'))
        return position

    def _read_chunks(self, start: int, end: int = sys.maxsize) -> Iterator[Chunk]:
        """Yields whole lines from `start` to `end` or to the last line of the log. A hole between two chunks is in neither, and
        no line of which a container runtime writes several parts is in two."""
        rest, position, first = b'', start, start == 0
        buffer = bytearray(self.chunk_size)  # one for all: fresh memory costs more than reading into it
        view = memoryview(buffer)
        while True:
            wanted = min(self.chunk_size, end - position)
            read = self.file.read_into(view[:wanted], position)
            position += read
            last = read < wanted or position == end
            whole = last and (end < sys.maxsize or not (self.grows or self.file.damage))
            hole = 0 if rest else leading_nuls(buffer, read)
            start += hole
            cut = read if whole else last_end(buffer, hole, read)
            if cut > hole or (whole and rest):
                lines = b''.join((rest, view[hole:cut]))
                complete = len(lines) if whole else complete_end(lines)
                for chunk in _split(Chunk(start, lines[:complete], first)):
                    yield chunk
                    start, first = chunk.end, False
                rest = lines[complete:] + view[cut:read]
            else:
                rest += view[hole:read]
            if (offset := rest.rfind(HOLE, rest.rfind(b'\n') + 1)) >= 0:  # a partial line, and a hole after it
                if half := rest[:offset].rstrip(b'\0'):
                    yield Chunk(start, half, first)
                    first = False
                start, rest = start + offset + len(HOLE), rest[offset + len(HOLE) :]
            if len(rest) - (rest.rfind(b'\n') + 1) > LONGEST_LINE:
                longest = f'{LONGEST_LINE >> 20} MB'
                raise InputError(f'{self.file.name}: the line at byte {start:,} is longer than {longest}', 'import an access log')
            if last:
                if start and rest.endswith(b'\r') and self.file.read(start - 1, start) == b'\r':  # like the line before it
                    yield Chunk(start, rest)
                    rest = b''
                self.left = rest.count(b'\n') + int(bool(rest[rest.rfind(b'\n') + 1 :].strip(b'\0')))
                return
            if hole == read and start == position:
                start = position = min(self.file.next_data(position), end)


def _split(chunk: Chunk) -> Iterator[Chunk]:
    """Splits a chunk with very short lines: parsing all of them at once would take gigabytes of memory."""
    size, offset = len(chunk.lines), 0
    lines = SAMPLE_STEP * chunk.lines[::SAMPLE_STEP].count(b'\n')
    step = size // (1 + lines // MOST_LINES)
    while offset < size:
        end = chunk.lines.find(b'\n', offset + step - 1) + 1 or size
        if end < size:
            end = offset + (complete_end(chunk.lines[offset:end]) or end - offset)
        yield Chunk(chunk.start + offset, chunk.lines[offset:end], chunk.first and offset == 0) if end - offset < size else chunk
        offset = end


def _in_format(chunks: Iterator[tuple[Chunk, Batch | None]], log_format: str) -> Iterator[tuple[Chunk, Batch | None]]:
    """Yields the chunks; the first one comes with the recorded format in which it begins."""
    for chunk, batch in chunks:
        yield chunk._replace(format=log_format), batch
        log_format = ''


def _mark_last(chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, bool]]:
    """Yields each chunk, and whether it is the last one."""
    previous = next(chunks, None)
    for chunk in chunks:
        if previous:
            yield previous, False
        previous = chunk
    if previous:
        yield previous, True
