"""Log files: opens and unpacks them, knows them again, and cuts what is not stored yet into batches of whole lines."""

import bz2
import gzip
import io
import lzma
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import xxhash

from exporter.errors import InputError
from exporter.ledger import Batch, Checkpoint, Counts, Entry, Ledger

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SOURCE = 'access_log'
HEAD = 1_024  # bytes by which a log is known
FIRST, WHOLE = 8 << 20, 32 << 20  # bytes of a batch; the first is smaller, so that ClickHouse has work early
PIECE = 1 << 20  # bytes read at a time
LONGEST_LINE = 16 << 20
CHECKPOINTS = 64  # of a batch; where it has no more lines than that, each line has one
UNPACK: dict[bytes, Callable[[Any], Any]] = {
    b'\x1f\x8b': gzip.open,
    b'BZh': bz2.open,
    b'\xfd7zXZ\x00': lzma.open,
    b'\x28\xb5\x2f\xfd': zstd.open,
}
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstd.ZstdError, OSError)


class Block(NamedTuple):
    """A batch and its lines."""

    batch: Batch
    lines: bytes


class AccessLog:
    """An open log, unpacked. `-` is standard input. Raises InputError where it cannot be opened.

    After `blocks` is exhausted, `already` tells what became of the lines that were done before, `left` the number of last
    lines that are still being written (0 or 1), and `damage` why the log ends before its end, where it does.
    """

    def __init__(self, name: str, complete: bool = False) -> None:
        self.name = 'standard input' if name == '-' else name
        self.packed = _seekable(sys.stdin.buffer) if name == '-' else _opened(Path(name))
        self.size = self.packed.seek(0, io.SEEK_END)
        self.packed.seek(0)
        magic = self.packed.read(6)
        self.packed.seek(0)
        unpack = next((unpack for start, unpack in UNPACK.items() if magic.startswith(start)), None)
        self.file = unpack(self.packed) if unpack else self.packed
        self.grows = not (complete or unpack or name == '-')
        self.already = Counts()
        self.watch: Callable[[int], None] = lambda packed: None  # is told how many bytes of the file are read
        self.left = 0
        self.damage = ''

    def blocks(self, domain: str, ledger: Ledger) -> Iterator[Block]:
        """What is to be stored: batches that were begun but not done, exactly as they were, then what is new."""
        log, entries = self.known_as(domain, ledger)
        position = 0
        for entry in entries:
            position = entry.batch.end
            whole = self._read(position - 1, position) != b''
            if entry.counts and whole:
                self.already.add(entry.counts)
                continue
            lines = self._read(entry.batch.start, position)
            if entry.counts:  # this is a shorter copy
                self.left = int(self.grows and not lines.endswith(b'\n'))
                self.already.add(Counts(len(lines.splitlines()) - self.left))
                return
            if not whole:
                raise InputError(f'{self.name}: a longer copy of this log was being imported; import that one first')
            yield Block(entry.batch, lines)
        for start, lines in self._whole_lines(position):
            batch = Batch(domain, SOURCE, log, start, start + len(lines), self.name, checkpoints(start, lines))
            yield Block(batch, lines)

    def known_as(self, domain: str, ledger: Ledger) -> tuple[str, list[Entry]]:
        """The log's name in the ledger, and its batches there: of the logs that begin alike, the one whose content this is."""
        best: tuple[int, str, list[Entry]] | None = None
        for name in ledger.logs(domain):
            if (length := _head_length(name)) and self._fingerprint(length) == name.partition('~')[0]:
                entries = ledger.entries(domain, name)
                verified = self._verified(entries)
                if entries and verified is not None and (best is None or verified > best[0]):
                    best = verified, name, entries
        if best:
            return best[1], best[2]
        return ledger.new_log(domain, self._fingerprint(HEAD)), []

    def _verified(self, entries: list[Entry]) -> int | None:
        """Up to which byte the log holds what these batches held; None where it holds something else."""
        position = 0
        for entry in entries:
            start = entry.batch.start
            for point in entry.batch.checkpoints:
                stretch = self._read(start, point.end)
                if len(stretch) < point.end - start:  # a shorter copy: more cannot be compared
                    return position
                if xxhash.xxh3_64_intdigest(stretch) != point.hash:
                    return None
                start = position = point.end
        return position

    def _fingerprint(self, length: int) -> str:
        head = self._read(0, length)
        return f'{xxhash.xxh3_64_hexdigest(head)}:{len(head)}'

    def _whole_lines(self, position: int) -> Iterator[tuple[int, bytes]]:
        """Runs of whole lines from a position on, and where each begins."""
        if position and self._read(position - 1, position) != b'\n':  # the last line stored had no end yet: it has now
            ending = self._read(position, position + 2)
            position += len(ending) - len(ending.removeprefix(b'\r').removeprefix(b'\n'))
        self.file.seek(position)
        pieces: list[bytes] = []
        size, wanted = 0, FIRST
        while piece := self._piece(PIECE):
            cut = piece.rfind(b'\n') + 1
            size += len(piece)
            if cut and size >= wanted:
                lines = b''.join([*pieces, piece[:cut]])
                yield position, lines
                position += len(lines)
                pieces, size, wanted = [piece[cut:]], len(piece) - cut, WHOLE
                self.watch(self.packed.tell())
            elif size > wanted + LONGEST_LINE:
                raise InputError(
                    f'{self.name}: no line ends within {LONGEST_LINE >> 20} MB from byte {position} on; is this a log?'
                )
            else:
                pieces.append(piece)
        lines = b''.join(pieces)
        end = lines.rfind(b'\n') + 1 if self.grows or self.damage else len(lines)
        self.left = int(end < len(lines))
        if end:
            yield position, lines[:end]

    def _read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`, or to where the log ends."""
        self.file.seek(start)
        pieces = []
        while start < end and (piece := self._piece(end - start)):
            pieces.append(piece)
            start += len(piece)
        return b''.join(pieces)

    def _piece(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end of the log, also where it ends too early."""
        try:
            return cast(io.BufferedReader, self.file).read1(min(size, PIECE))
        except DAMAGE as error:
            self.damage = (
                f'{self.name}: damaged or cut short after {self.file.tell():,} bytes ({error}); import it again when it is whole'
            )
            return b''

    def close(self) -> None:
        """Closes the file."""
        self.file.close()
        self.packed.close()


def checkpoints(start: int, lines: bytes) -> tuple[Checkpoint, ...]:
    """Hashes of stretches of a batch that begins at `start`, each ending with a line."""
    few = lines.count(b'\n') <= CHECKPOINTS
    step = 1 if few else -(-len(lines) // CHECKPOINTS)
    points, view, at = [], memoryview(lines), 0
    while at < len(lines):
        end = lines.find(b'\n', at + step - 1) + 1 or len(lines)
        points.append(Checkpoint(start + end, xxhash.xxh3_64_intdigest(view[at:end])))
        at = end
    return tuple(points)


def _head_length(name: str) -> int:
    """How many bytes the name of a log is the hash of; 0 for a name that is of no access log."""
    length = name.partition('~')[0].partition(':')[2]
    return int(length) if length.isdigit() else 0


def _opened(path: Path) -> BinaryIO:
    try:
        return _seekable(path.open('rb'))
    except IsADirectoryError as error:
        raise InputError(f'{path}: this is a directory; name the logs in it, as {path}/*.log') from error
    except OSError as error:
        raise InputError(f'{path}: cannot read the log ({error.strerror}); name a file that is there and may be read') from error


def _seekable(file: BinaryIO) -> BinaryIO:
    """The file, or where it is a pipe a copy of it: whether its lines are stored already is known only after reading them."""
    if file.seekable():
        return file
    copy = tempfile.TemporaryFile()  # noqa: SIM115  # the log closes it
    shutil.copyfileobj(file, copy, PIECE)
    return cast(BinaryIO, copy)
