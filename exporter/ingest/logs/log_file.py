"""Opens a log file, compressed or not, or standard input; reads decompressed bytes from any offset."""

import bz2
import errno
import fcntl
import gzip
import io
import logging
import lzma
import os
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from exporter.errors import ConcurrentImport, InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

UNPACK: dict[bytes, Callable[[Any], Any]] = {
    b'\x1f\x8b': gzip.open,
    b'BZh': bz2.open,
    b'\xfd7zXZ\x00': lzma.open,
    b'\x28\xb5\x2f\xfd': zstd.open,
}
LONGEST_MAGIC = max(map(len, UNPACK))
CHUNK = 1 << 20
NULS, NOT_NUL = bytes(1 << 16), re.compile(rb'[^\0]')
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstd.ZstdError, OSError)

log = logging.getLogger(__name__)


class LogFile:
    """An open log; `-` is standard input. Raises InputError if it cannot be opened.

    `size` is the compressed size in bytes. `grows` tells whether more may be written to the last line. `damage` is the error
    if the log ends early.
    """

    def __init__(self, name: str) -> None:
        self.name = 'standard input' if name == '-' else shown(name)
        self.damage: InputError | None = None
        self.compressed = _standard_input() if name == '-' else _open(Path(name))
        self.size = self.compressed.seek(0, io.SEEK_END)
        self.compressed.seek(0)
        unpack = unpacker_of(self.compressed)
        self.file: Any = unpack(self.compressed) if unpack else self.compressed
        self.is_compressed_file = unpack is not None
        self.end = sys.maxsize  # of the part that can be decompressed
        if unpack:
            self._verify()
        self.grows = not (unpack or name == '-')

    def is_empty(self) -> bool:
        """Whether the log is complete and has no bytes, or only NUL bytes."""
        start = self.skip_nuls(0)
        return not self.read(start, start + 1) and not self.damage

    def read(self, start: int, end: int) -> bytes:
        """Reads the bytes from `start` to `end`, or to the end of the log."""
        buffer = memoryview(bytearray(end - start))
        return bytes(buffer[: self.read_into(buffer, start)])

    def read_into(self, buffer: memoryview, start: int) -> int:
        """Fills `buffer` with the bytes from `start` on; returns their number, which is less at the end of the log."""
        filled = 0
        buffer = buffer[: max(0, self.end - start)]
        try:
            self.file.seek(start)
            while filled < len(buffer) and (count := self.file.readinto1(buffer[filled:])):
                filled += count
        except DAMAGE as error:
            end = f'{start + filled:,} bytes'
            what = f'{self.name}: damaged or cut short after {end} ({error})'
            self.damage = InputError(what, 'import it again when it is complete')
        return filled

    def skip_nuls(self, start: int, end: int = sys.maxsize) -> int:
        """Returns the offset of the first byte from `start` on that is not NUL; at most `end` or the end of the log."""
        buffer = bytearray(CHUNK)
        while True:
            wanted = min(CHUNK, end - start)
            read = self.read_into(memoryview(buffer)[:wanted], start)
            start += (nuls := leading_nuls(buffer, read))
            if nuls < wanted or start == end:
                return start
            start = min(self.next_data(start), end)

    def next_data(self, start: int) -> int:
        """Returns the offset of the next data from `start` on: a sparse file gives it without reading."""
        if self.is_compressed_file:
            return start
        try:  # opened again to have its own position
            with Path(f'/proc/self/fd/{self.compressed.fileno()}').open('rb', buffering=0) as file:
                try:
                    return os.lseek(file.fileno(), start, os.SEEK_DATA)
                except OSError as error:
                    return max(start, os.fstat(file.fileno()).st_size) if error.errno == errno.ENXIO else start
        except OSError:
            return start

    def _verify(self) -> None:
        """Reads a compressed log to its end, where its checksums are.

        Raises InputError if it is damaged. The data before a cut are correct, and so are those of a gzip file with trailing
        data: gunzip, too, accepts it with a warning.
        """
        buffer = bytearray(CHUNK)
        end = 0
        try:
            while read := self.file.readinto1(buffer):
                end += read
        except gzip.BadGzipFile as error:
            if not str(error).startswith('Not a gzipped file'):  # a later member is damaged; the first one begins as gzip does
                self._fail_damaged(error)
            self.end = end
            log.warning('%s: ignored the data after the gzip stream', self.name)
        except EOFError as error:
            self.damage = InputError(f'{self.name}: cut short ({error})', 'import it again when it is complete')
        except DAMAGE as error:
            self._fail_damaged(error)
        self.file.seek(0)

    def _fail_damaged(self, error: BaseException) -> NoReturn:
        self.close()
        raise InputError(f'{self.name}: damaged ({error}), nothing of it is stored', 'import an intact copy') from error

    @property
    def position(self) -> int:
        """The number of compressed bytes read."""
        return self.compressed.tell()

    def close(self) -> None:
        """Closes the file."""
        self.file.close()
        self.compressed.close()


def leading_nuls(buffer: bytearray, end: int) -> int:
    """Returns the number of NUL bytes at the start of the buffer, at most `end`."""
    position = 0
    while position + len(NULS) <= end and buffer.startswith(NULS, position):
        position += len(NULS)
    match = NOT_NUL.search(buffer, position, end)
    return match.start() if match else end


def shown(name: str) -> str:
    """Returns a file name as valid UTF-8 text."""
    return name.encode(errors='replace').decode()


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed, according to its content; False if it cannot be read."""
    try:
        with path.open('rb') as file:
            return unpacker_of(file) is not None
    except OSError:
        return False


def unpacker_of(file: BinaryIO) -> Callable[[Any], Any] | None:
    """Returns what opens the compressed content of a file, None for another file. Both are then read from the beginning."""
    start = file.read(LONGEST_MAGIC)
    file.seek(0)
    return next((unpack for magic, unpack in UNPACK.items() if start.startswith(magic)), None)


def _standard_input() -> BinaryIO:
    if sys.stdin is None or sys.stdin.closed:
        raise InputError('standard input: it is closed', 'redirect a log to it, as in usage-exporter import - < access.log')
    return _seekable(sys.stdin.buffer)


def _open(path: Path) -> BinaryIO:
    try:
        file = path.open('rb')
        _lock(file)
        return _seekable(file)
    except BlockingIOError:
        file.close()
        raise ConcurrentImport(
            f'{path}: another import of this log is under way', 'wait until it ends (a log that serve follows needs no import)'
        ) from None
    except IsADirectoryError as error:
        raise InputError(f'{path}: this is a directory', f'name the logs in it, for example {path}/*.log') from error
    except OSError as error:
        raise InputError(f'{path}: cannot read the log ({error.strerror})', 'name an existing file that you may read') from error


def _lock(file: BinaryIO) -> None:
    """Locks the file against other imports while it is open. Raises BlockingIOError if another import reads it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # not every file system has locks: then the ledger detects it
        pass


def _seekable(file: BinaryIO) -> BinaryIO:
    """Returns the file, or a copy of a pipe: its start must be read twice to find out which lines are stored."""
    if file.seekable():
        return file
    copy = tempfile.TemporaryFile()  # noqa: SIM115  # the log closes it
    try:
        shutil.copyfileobj(file, copy)
        copy.flush()
    except OSError as error:
        raise InputError(
            f'{tempfile.gettempdir()}: cannot write a copy of the log ({error.strerror})', 'set TMPDIR to another directory'
        ) from error
    return cast(BinaryIO, copy)
