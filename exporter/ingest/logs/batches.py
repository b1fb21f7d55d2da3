"""Access logs: knows a log again, and cuts what is not stored of it into batches of whole lines."""

import sys
from collections.abc import Iterator
from typing import NamedTuple

import xxhash

from exporter.errors import InputError
from exporter.ingest.formats.lines import HOLE, last_end, normalize_line_ends
from exporter.ingest.logs.foreign import refuse
from exporter.ingest.logs.history import History
from exporter.ingest.logs.log_file import LogFile, leading_nuls
from exporter.model.batch import Batch, Checkpoint, Entry
from exporter.model.tally import Tally

SOURCE = 'access_log'
HEAD = 1_024  # bytes by which a log is known
CHUNK = 16 << 20  # bytes read and parsed at a time
FIRST, WHOLE = 1, 4  # pieces of a batch: in smaller ones ClickHouse merges more. The first is, so that it has work early
LONGEST_LINE = 16 << 20
SAMPLED = 61  # one byte of so many is looked at to count lines: a prime, lest it keep step with them
MOST_LINES = 250_000  # of a piece, roughly; so a batch is one block to ClickHouse, which are of a million at most
HOLE_HASH = xxhash.xxh3_64_intdigest(b'')  # of a stretch of NUL bytes only, however long
CHECKPOINTS = 16  # of a piece; where it has no more lines than that, each line has one


class Chunk(NamedTuple):
    """Whole lines, and at which byte of the unpacked log they begin."""

    start: int
    lines: bytes
    first: bool = False  # nothing stands before them in the log

    @property
    def end(self) -> int:
        """The byte behind the last line."""
        return self.start + len(self.lines)

    def checkpoints(self, begun: int) -> Iterator[Checkpoint]:
        """The hashes of its stretches, each of whole lines, and of the hole between `begun` and the piece."""
        if begun < self.start:
            yield Checkpoint(self.start, HOLE_HASH)
        short = len(self.lines) < 1 << 20 and self.lines.count(b'\n') <= CHECKPOINTS
        step = 1 if short else -(-len(self.lines) // CHECKPOINTS)
        view, at = memoryview(self.lines), 0
        while at < len(self.lines):
            far = at + step - 1 if at or begun == self.start else 0  # the first line behind a hole tells which log this is
            end = self.lines.find(b'\n', far) + 1 or len(self.lines)
            yield Checkpoint(self.start + end, xxhash.xxh3_64_intdigest(view[at:end]))
            at = end


class AccessLog:
    """What is to be stored of a log. `complete`: take a last line without an end, also where the log may still grow.

    After `pieces` is exhausted, `already` tells what became of the lines that were done before, and `left` the number of
    last lines that are still being written: 0 or 1. `name` is then that of the log in the ledger, and `position`
    the byte behind its last batch; 0 where it is a shorter copy.
    """

    def __init__(self, file: LogFile, complete: bool = False) -> None:
        self.file = file
        self.grows = file.grows and not complete
        self.already = Tally()
        self.left = 0
        self.name = ''
        self.position = 0

    def pieces(self, domain: str, ledger: History) -> Iterator[tuple[Chunk, Batch | None]]:
        """The lines to be stored, and with the last piece of a batch the batch: batches that were begun but not done, exactly
        as they were, and then what is new.

        Raises InputError where a batch was begun of which this log holds only a part, or where no line ends.
        """
        self.position = position = 0
        refuse(self.file)
        self.name, entries = self.known_as(domain, ledger)
        for entry in entries:
            start, position = entry.batch.start, entry.batch.end
            if whole := self.file.read(position - 1, position) != b'':
                if entry.tally:
                    self.already.add(entry.tally)
                else:
                    yield from (
                        (piece, entry.batch if piece.end == position else None) for piece in self._pieces(start, position)
                    )
            elif entry.tally:
                self._count_part(start)
            else:
                raise InputError(
                    f'{self.file.name}: an unfinished import read a longer copy of this log', 'import that copy first'
                )
            if not whole:
                return
        yield from self.behind(domain, self._behind_line_end(position))

    def behind(self, domain: str, begun: int) -> Iterator[tuple[Chunk, Batch | None]]:
        """What follows a byte at which a line begins, as `pieces` gives it. Raises InputError where no line ends."""
        self.position = begun
        points: list[Checkpoint] = []
        taken, end = 0, begun
        for piece, last in _marking_last(self._pieces(begun)):
            points += piece.checkpoints(end)
            end = piece.end
            taken += 1
            if last or taken == (FIRST if begun == 0 else WHOLE):
                yield piece, Batch(domain, SOURCE, self.name, begun, piece.end, self.file.name, tuple(points))
                self.position = begun = piece.end
                points, taken = [], 0
            else:
                yield piece, None

    def known_as(self, domain: str, ledger: History) -> tuple[str, list[Entry]]:
        """The log's name in the ledger, and its batches there: of logs that begin alike, the one whose content this is."""
        best: tuple[int, str, list[Entry]] = -1, '', []
        head = self.file.behind_nuls(0)
        for name in ledger.logs(domain):
            length = _head_length(name)
            if length and name.partition('~')[0] in {self._fingerprint(at, length) for at in (head, 0)}:  # 0: of earlier versions
                entries = ledger.entries(domain, name)
                if entries and (verified := self._verified(entries)) > best[0]:
                    best = verified, name, entries
        return best[1:] if best[1] else (ledger.new_log(domain, self._fingerprint(head, HEAD)), [])

    def _fingerprint(self, start: int, length: int) -> str:
        head = self.file.read(start, start + length)
        return f'{xxhash.xxh3_64_hexdigest(head)}:{len(head)}'

    def _verified(self, entries: list[Entry]) -> int:
        """Up to which byte the log holds what these batches held; -1 where it holds something else."""
        position = 0
        for entry in entries:
            start = entry.batch.start
            for point in entry.batch.checkpoints:
                if point.hash == HOLE_HASH:
                    if (end := self.file.behind_nuls(start, point.end)) < point.end:
                        return -1 if self.file.read(end, end + 1) else position
                    start = position = end
                    continue
                stretch = self.file.read(start, point.end)
                if len(stretch) < point.end - start:  # a shorter copy: more of it cannot be compared
                    return position
                if xxhash.xxh3_64_intdigest(stretch) != point.hash:
                    return -1
                start = position = point.end
        return position

    def _count_part(self, start: int) -> None:
        """Tally the lines of a shorter copy that lie in a batch which is done."""
        for piece in self._pieces(start):
            lines = normalize_line_ends(piece.lines)
            self.already.add(Tally(lines.count(b'\n') + int(lines != b'' and not lines.endswith(b'\n'))))

    def _behind_line_end(self, position: int) -> int:
        """Where new lines begin: the last line that was stored may have had no end then, and have one now."""
        if position and self.file.read(position - 1, position) != b'\n':
            ending = self.file.read(position, position + 2)
            position += len(ending) - len(ending.removeprefix(b'\r').removeprefix(b'\n'))
        return position

    def _pieces(self, start: int, end: int = sys.maxsize) -> Iterator[Chunk]:
        """Whole lines from a byte on, up to `end` or up to the last line of the log. A hole between two pieces is in neither."""
        rest, position, first = b'', start, start == 0
        buffer = bytearray(CHUNK)  # one for all: fresh memory costs more than reading into it
        view = memoryview(buffer)
        while True:
            wanted = min(CHUNK, end - position)
            read = self.file.read_into(view[:wanted], position)
            position += read
            last = read < wanted or position == end
            whole = last and (end < sys.maxsize or not (self.grows or self.file.damage))
            hole = 0 if rest else leading_nuls(buffer, read)
            start += hole
            cut = read if whole else last_end(buffer, hole, read)
            if cut > hole or (whole and rest):
                for piece in _parts(Chunk(start, b''.join((rest, view[hole:cut])), first)):
                    yield piece
                start, first, rest = piece.end, False, bytes(view[cut:read])
            else:
                rest += view[hole:read]
            if (at := rest.rfind(HOLE)) >= 0:  # half a line, and a hole behind it
                if half := rest[:at].rstrip(b'\0'):
                    yield Chunk(start, half, first)
                    first = False
                start, rest = start + at + len(HOLE), rest[at + len(HOLE) :]
            if len(rest) > LONGEST_LINE:
                longest = f'{LONGEST_LINE >> 20} MB'
                raise InputError(f'{self.file.name}: the line at byte {start:,} is longer than {longest}', 'import an access log')
            if last:
                if start and rest.endswith(b'\r') and self.file.read(start - 1, start) == b'\r':  # as the line before it
                    yield Chunk(start, rest)
                    rest = b''
                self.left = int(bool(rest.strip(b'\0')))
                return
            if hole == read and start == position:
                start = position = min(self.file.data_from(position), end)


def _parts(piece: Chunk) -> Iterator[Chunk]:
    """The piece, in parts where its lines are so short that parsing all at once would take gigabytes."""
    size, at = len(piece.lines), 0
    lines = SAMPLED * piece.lines[::SAMPLED].count(b'\n')
    step = size // (1 + lines // MOST_LINES)
    while at < size:
        end = piece.lines.find(b'\n', at + step - 1) + 1 or size
        yield Chunk(piece.start + at, piece.lines[at:end], piece.first and at == 0) if end - at < size else piece
        at = end


def _marking_last(pieces: Iterator[Chunk]) -> Iterator[tuple[Chunk, bool]]:
    held = next(pieces, None)
    for piece in pieces:
        if held:
            yield held, False
        held = piece
    if held:
        yield held, True


def _head_length(name: str) -> int:
    """How many bytes the name of a log is the hash of; 0 for a name that is of no access log."""
    length = name.partition('~')[0].partition(':')[2]
    return int(length) if length.isdigit() else 0
