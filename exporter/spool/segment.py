"""A spooled file: frames, each a header and calls as an Arrow IPC stream, known to be whole by a hash."""

import io
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl
import xxhash

from exporter.errors import InputError
from exporter.model.batch import Batch
from exporter.model.call import COLUMNS, categorical
from exporter.model.reject import Reject, Skip
from exporter.model.tally import Tally
from exporter.system.files import sync

LENGTHS = struct.Struct('<4sIQQ')  # what it is, bytes of the header, bytes of the calls, hash of both
MAGIC = b'UXF1'
SOURCE = 'collector'  # of the batches that requests share
EARLIER = re.compile(rb'("stored":\d+,"skipped":)(\d+)')  # in headers of earlier versions, which knew no reasons of skipping
WORDS = {column.name: categorical(column.name) for column in COLUMNS if column.categorical and column.name != 'batch_id'}


class IdempotencyKey(msgspec.Struct, frozen=True):
    """An idempotency key that a request brought: whose, of which body (a digest), and what was answered."""

    scope: str
    key: str
    digest: str
    answer: dict[str, Any]


class Header(msgspec.Struct, frozen=True):
    """What a frame says of its calls; `tallies` by portal."""

    tallies: dict[str, Tally] = msgspec.field(name='counts')  # the name that spooled files have
    key_id: str  # which key made the visitors
    geo_date: date | None  # of the geolocation data
    batch: Batch | None = None  # where the calls have an identity of their own
    keys: tuple[IdempotencyKey, ...] = ()
    rejects: tuple[Reject, ...] = ()
    refused: str = ''  # why the engine does not take the batch, where it does not

    @property
    def calls(self) -> int:
        """How many calls the frame holds."""
        return sum(tally.stored for tally in self.tallies.values())


class Frame(NamedTuple):
    """A header, at which byte of the file its calls begin, and where they end."""

    header: Header
    start: int
    end: int


def encode_frame(header: Header, calls: pl.DataFrame) -> bytes:
    """The bytes of a frame."""
    stream = io.BytesIO()
    calls.rechunk().write_ipc_stream(stream, compat_level=pl.CompatLevel.oldest())
    head, body = msgspec.json.encode(header), stream.getvalue()
    return LENGTHS.pack(MAGIC, len(head), len(body), _hash(head, body)) + head + body


def frames(path: Path) -> Iterator[Frame]:
    """The whole frames of a file, in order; it ends before one that is damaged or cut short.

    Raises InputError for one that is whole and not understood: it is no damage, and must not be cut off. Raises OSError.
    """
    with path.open('rb') as file:
        size = os.fstat(file.fileno()).st_size
        while len(lengths := file.read(LENGTHS.size)) == LENGTHS.size:
            magic, head_length, body_length, hashed = LENGTHS.unpack(lengths)
            start = file.tell() + head_length
            if magic != MAGIC or start + body_length > size:
                return
            head, body = file.read(head_length), file.read(body_length)
            if _hash(head, body) != hashed:
                return
            try:
                header = msgspec.json.decode(EARLIER.sub(_with_reason, head), type=Header)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise InputError(
                    f'{path}: written by another version of usage-exporter ({error})',
                    'start that version to store the file, or remove the file',
                ) from None
            yield Frame(header, start, start + body_length)


class Segment:
    """A file to which frames are appended. One that is there ends with its last whole frame. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        found = list(frames(path))
        self.headers = [frame.header for frame in found]
        self.size = found[-1].end if found else 0
        self.ended = False  # nothing more is trusted to a file of which a write or fsync failed, or the seal
        sync(path.parent)

    def append(self, header: Header, frame: bytes) -> None:
        """Adds a frame; it is on the disk when this returns. Raises OSError: then the frame is no part of the segment."""
        rest = memoryview(frame)
        self.ended = True
        while rest:
            rest = rest[os.pwrite(self._file, rest, self.size + len(frame) - len(rest)) :]
        os.fdatasync(self._file)
        self.ended = False
        self.headers.append(header)
        self.size += len(frame)

    def seal(self, path: Path) -> bool:
        """Ends the segment under another name; False where nothing was in it. Raises OSError; it can then be tried again."""
        self.ended = True
        os.ftruncate(self._file, self.size)  # without what an append that failed, or a crash, left half-written
        os.fsync(self._file)
        if self.size:
            self.path = self.path.rename(path)
        else:
            self.path.unlink(missing_ok=True)
        sync(path.parent)
        os.close(self._file)
        return self.size > 0


@dataclass(frozen=True, order=True)
class Spooled:
    """A sealed file. Its name is the nanosecond at which it was begun."""

    path: Path
    size: int = field(compare=False)  # bytes
    headers: tuple[Header, ...] = field(compare=False, repr=False)

    @property
    def number(self) -> int:
        """The name as a number."""
        return int(self.path.stem)

    @property
    def calls(self) -> int:
        """How many calls it holds."""
        return sum(header.calls for header in self.headers)

    def parts(self, log: str) -> list['Part']:
        """What is stored of it: its batch, or as batches of `log` one for each portal.

        Raises InputError where the file is damaged, OSError where it cannot be read.
        """
        found = self._read()
        header, calls = found[0]
        if header.batch:
            return [Part(header.batch, calls, header, [])]
        calls = pl.concat([calls for _, calls in found])
        tally: dict[str, Tally] = {}
        for header, _ in found:
            for domain, some in header.tallies.items():
                tally.setdefault(domain, Tally()).add(some)
        return [
            Part(
                Batch(domain, SOURCE, log, self.number, self.number + 1),
                calls.filter(pl.col('domain') == domain),
                Header({domain: tally[domain]}, header.key_id, header.geo_date),
                [reject for header, _ in found for reject in header.rejects if reject.domain == domain],
            )
            for domain in sorted(tally)
        ]

    def _read(self) -> list[tuple[Header, pl.DataFrame]]:
        found = list(frames(self.path))
        end = found[-1].end if found else 0
        if not end or end != self.path.stat().st_size:
            raise InputError(f'{self.path}: damaged after byte {end:,}', 'restore it from a backup or remove it')
        with self.path.open('rb') as file:
            return [(frame.header, _calls(file, frame)) for frame in found]


class Part(NamedTuple):
    """A batch of a file as it is to be stored, and what was rejected beside it."""

    batch: Batch
    calls: pl.DataFrame
    header: Header
    rejects: list[Reject]

    @property
    def tally(self) -> Tally:
        """What became of the batch's lines."""
        return self.header.tallies[self.batch.domain]


def _calls(file: io.BufferedReader, frame: Frame) -> pl.DataFrame:
    file.seek(frame.start)
    stream = io.BytesIO(file.read(frame.end - frame.start))
    try:
        calls = pl.read_ipc_stream(stream).select(column.name for column in COLUMNS if column.name != 'batch_id')
        # each dictionary comes back as one of its own: only texts can be put together
        calls = calls.cast(dict.fromkeys(WORDS, pl.String())).cast(WORDS)  # type: ignore[arg-type]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:  # OSError: of the stream's own format
        raise InputError(
            f'{file.name}: invalid calls at byte {frame.start:,}', 'restore it from a backup or remove it'
        ) from error
    if len(calls) != frame.header.calls:
        raise InputError(
            f'{file.name}: {len(calls)} calls at byte {frame.start:,}, but the header says {frame.header.calls}',
            'restore it from a backup or remove it',
        )
    return calls


def _with_reason(skipped: re.Match[bytes]) -> bytes:
    return skipped[1] + (b'{}' if skipped[2] == b'0' else b'{"%s":%s}' % (Skip.PATH.encode(), skipped[2]))


def _hash(head: bytes, body: bytes) -> int:
    hashing = xxhash.xxh3_64(head)
    hashing.update(body)
    return hashing.intdigest()
