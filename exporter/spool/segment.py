"""Spool files: a sequence of records, each a header and calls as an Arrow IPC stream, checked by a hash."""

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
from exporter.model import counting_rules
from exporter.model.batch import Batch
from exporter.model.call import COLUMNS, categorical, failed
from exporter.model.reject import Reject, Skip
from exporter.model.tally import Tally
from exporter.system.files import sync

LENGTHS = struct.Struct('<4sIQQ')  # magic, length of the header, length of the calls, hash of both (xxh3, 64 bits)
MAGIC = b'UXF1'
FORMAT = 6  # of the calls in a record; each new column of a call, and each new meaning of a value, raises it
SOURCE = 'collector'  # source of the batches that requests share
SKIPPED_TOTAL = re.compile(rb'("stored":\d+,"skipped":)(\d+)')  # headers of earlier versions have no reasons for skipping
SPOOLED = [column for column in COLUMNS if column.name != 'batch_id']
TYPES = {column.name: categorical(column.name) if column.categorical else column.type for column in SPOOLED}


class IdempotencyKey(msgspec.Struct, frozen=True):
    """The idempotency key of a request: its scope (the token), a digest of the request body, and the answer."""

    scope: str
    key: str
    digest: str
    answer: dict[str, Any]


class Header(msgspec.Struct, frozen=True):
    """The metadata of a record; `tallies` has the tally of each portal."""

    tallies: dict[str, Tally] = msgspec.field(name='counts')  # the name in spool files
    key_id: str  # identifies the secret that the visitor hashes were made with
    geo_date: date | None  # date of the geolocation data
    batch: Batch | None = None  # None for calls of requests, which share a segment
    keys: tuple[IdempotencyKey, ...] = ()
    rejects: tuple[Reject, ...] = ()
    refused: str = ''  # the engine's error, if the batch is quarantined
    format: int = 1  # `encode_record` sets it; records of the first version have none
    rules: int = counting_rules.EARLIEST  # the version that counted the calls; records of earlier programs have none

    @property
    def calls(self) -> int:
        """The number of calls in the record."""
        return sum(tally.stored for tally in self.tallies.values())


class Record(NamedTuple):
    """A record of a spool file: its header, and the byte range [start, end) of its calls."""

    header: Header
    start: int
    end: int


def encode_record(header: Header, calls: pl.DataFrame) -> bytes:
    """Returns the bytes of a record."""
    stream = io.BytesIO()
    calls.rechunk().write_ipc_stream(stream, compat_level=pl.CompatLevel.oldest())
    head, body = msgspec.json.encode(msgspec.structs.replace(header, format=FORMAT)), stream.getvalue()
    return LENGTHS.pack(MAGIC, len(head), len(body), _hash(head, body)) + head + body


def read_records(path: Path) -> Iterator[Record]:
    """Yields the records of a file in order, and stops before the first one that is damaged or cut short.

    Raises InputError if a record has a correct hash and an unknown header: another version wrote it, and it must not be cut off.
    Raises OSError.
    """
    with path.open('rb') as file:
        size = os.fstat(file.fileno()).st_size
        while len(lengths := file.read(LENGTHS.size)) == LENGTHS.size:
            magic, head_length, body_length, expected_hash = LENGTHS.unpack(lengths)
            start = file.tell() + head_length
            if magic != MAGIC or start + body_length > size:
                return
            head, body = file.read(head_length), file.read(body_length)
            if _hash(head, body) != expected_hash:
                return
            try:
                header = msgspec.json.decode(SKIPPED_TOTAL.sub(_count_by_reason, head), type=Header)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise InputError(
                    f'{path}: written by another version of usage-exporter ({error})',
                    'start that version to store the file, or remove the file',
                ) from None
            yield Record(header, start, start + body_length)


class Segment:
    """A file that records are appended to. An existing file is continued after its last whole record.

    Not thread-safe: the spool calls it under its lock. The constructor raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        records = list(read_records(path))
        self.headers = [record.header for record in records]
        self.size = records[-1].end if records else 0
        self.ended = False  # True after a failed write, fsync or seal: then nothing more is appended
        sync(path.parent)

    def append(self, header: Header, record: bytes) -> None:
        """Appends a record and syncs it to the disk. If this raises OSError, the record is not part of the segment."""
        rest = memoryview(record)
        self.ended = True
        while rest:
            rest = rest[os.pwrite(self._file, rest, self.size + len(record) - len(rest)) :]
        os.fdatasync(self._file)
        self.ended = False
        self.headers.append(header)
        self.size += len(record)

    def seal(self, path: Path) -> bool:
        """Ends the segment and renames it to `path`; returns False if it was empty. After OSError it can be called again."""
        self.ended = True
        os.ftruncate(self._file, self.size)  # removes what a failed append or a crash left half-written
        os.fsync(self._file)
        if self.size:
            self.path = self.path.rename(path)
        else:
            self.path.unlink(missing_ok=True)
        sync(path.parent)
        os.close(self._file)
        return self.size > 0


@dataclass(frozen=True, order=True)
class SpoolFile:
    """A sealed spool file. Its name is the Unix time in nanoseconds at which it was created."""

    path: Path
    size: int = field(compare=False)  # bytes
    headers: tuple[Header, ...] = field(compare=False, repr=False)

    @property
    def number(self) -> int:
        """The name as a number."""
        return int(self.path.stem)

    @property
    def calls(self) -> int:
        """The number of calls in the file."""
        return sum(header.calls for header in self.headers)

    def batches(self, log: str) -> list['SpooledBatch']:
        """Returns the batches to store: the file's own batch, or one batch of `log` for each portal.

        Raises InputError if the file is damaged, OSError if it cannot be read.
        """
        contents = self._read()
        header, calls = contents[0]
        if header.batch:
            return [SpooledBatch(header.batch, calls, header, [])]
        calls = pl.concat([calls for _, calls in contents])
        tallies: dict[str, Tally] = {}
        for header, _ in contents:
            for domain, tally in header.tallies.items():
                tallies.setdefault(domain, Tally()).add(tally)
        return [
            SpooledBatch(
                Batch(domain, SOURCE, log, self.number, self.number + 1),
                calls.filter(pl.col('domain') == domain),
                Header({domain: tallies[domain]}, header.key_id, header.geo_date, rules=header.rules),
                [reject for header, _ in contents for reject in header.rejects if reject.domain == domain],
            )
            for domain in sorted(tallies)
        ]

    def _read(self) -> list[tuple[Header, pl.DataFrame]]:
        records = list(read_records(self.path))
        end = records[-1].end if records else 0
        if not end or end != self.path.stat().st_size:
            raise InputError(f'{self.path}: damaged after byte {end:,}', 'restore it from a backup or remove it')
        with self.path.open('rb') as file:
            return [(record.header, _read_calls(file, record)) for record in records]


class SpooledBatch(NamedTuple):
    """A batch of a spool file, ready to be stored, with its rejects."""

    batch: Batch
    calls: pl.DataFrame
    header: Header
    rejects: list[Reject]

    @property
    def tally(self) -> Tally:
        """What became of the batch's lines."""
        return self.header.tallies[self.batch.domain]


def _read_calls(file: io.BufferedReader, record: Record) -> pl.DataFrame:
    file.seek(record.start)
    stream = io.BytesIO(file.read(record.end - record.start))
    try:
        calls = _upgrade(pl.read_ipc_stream(stream), record.header.format).select(*TYPES)
        # each record has its own dictionaries: polars concatenates them only as texts
        calls = calls.cast({pl.Categorical: pl.String}).cast(TYPES)  # type: ignore[arg-type]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:  # OSError: invalid stream format
        raise InputError(
            f'{file.name}: invalid calls at byte {record.start:,}', 'restore it from a backup or remove it'
        ) from error
    if len(calls) != record.header.calls:
        raise InputError(
            f'{file.name}: {len(calls)} calls at byte {record.start:,}, but the header says {record.header.calls}',
            'restore it from a backup or remove it',
        )
    return calls


def _upgrade(calls: pl.DataFrame, record_format: int) -> pl.DataFrame:
    """Returns the calls of a record of an earlier version as this version would have made them."""
    if record_format == FORMAT:
        return calls
    if record_format < 2:
        calls = calls.with_columns(pl.col('status', 'duration_ms').replace(0, None))  # 0 meant unknown
    if record_format < 4:
        calls = calls.with_columns(failed=failed())
    lacking = [column for column in SPOOLED if column.name not in calls.columns]
    return calls.with_columns(pl.lit(column.unknown, column.type).alias(column.name) for column in lacking)


def _count_by_reason(skipped: re.Match[bytes]) -> bytes:
    """Replaces a total of skipped lines by counts by reason: earlier versions skipped nearly all of them by their path."""
    return skipped[1] + (b'{}' if skipped[2] == b'0' else b'{"%s":%s}' % (Skip.PATH.encode(), skipped[2]))


def _hash(head: bytes, body: bytes) -> int:
    digest = xxhash.xxh3_64(head)
    digest.update(body)
    return digest.intdigest()
