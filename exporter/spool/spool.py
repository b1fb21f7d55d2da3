"""The spool: keeps accepted batches on the disk, in order, until the engine has stored them.

A batch of a log has an identity and a file of its own. Requests share a segment: each group of requests is appended as one record
with one fsync. A segment is sealed before it is stored, so that its content never changes under its name.
"""

import os
import secrets
import threading
import time
from bisect import insort
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import polars as pl

from exporter.errors import SettingsError, SpoolFull
from exporter.model import counting_rules
from exporter.model.balance import SpoolBalance
from exporter.model.batch import Batch
from exporter.model.reject import Reject
from exporter.model.tally import Tally
from exporter.spool.quarantine import Quarantine
from exporter.spool.segment import SOURCE, Header, IdempotencyKey, Segment, SpooledBatch, SpoolFile, encode_record, read_records
from exporter.system.files import hold, sync, write

PROBE = 64 << 10  # bytes; written to test the disk
SEGMENT = 16 << 20  # bytes; a larger segment is sealed


class Spool:
    """The files of one directory; they take at most `most_bytes` of the disk.

    Any thread may call any method. The constructor raises SettingsError if another process uses the directory, and OSError.
    """

    def __init__(self, directory: Path, most_bytes: int, key_id: str, geo_date: date | None) -> None:
        self.directory, self.most_bytes = directory, most_bytes
        self.key_id, self.geo_date = key_id, geo_date
        self.balance = SpoolBalance()
        self.taken = Tally()  # of all lines and calls accepted since the start
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._quarantine = Quarantine(directory)
        try:
            self._lock_descriptor = hold(directory / 'lock')
        except BlockingIOError:
            raise SettingsError(
                f'{directory}: another usage-exporter uses this spool', 'stop it, or choose another USAGE_DATA_DIR'
            ) from None
        self.log = f'{SOURCE}-{_identity(directory)}'
        self._lock = threading.RLock()
        self._files = list[SpoolFile]()  # sealed, the oldest first
        self._given_up = list[Batch]()
        self._open: Segment | None = None
        self._last_number = 0
        self._recover()

    def put(self, batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
        """Writes a batch that has an identity to the disk. Raises SpoolFull, OSError."""
        header = Header({batch.domain: tally}, self.key_id, self.geo_date, batch, rules=counting_rules.VERSION)
        record = encode_record(header, calls)
        with self._lock:
            self._make_room(len(record))
            path = self._new_path()
            write(path, record)
            insort(self._files, SpoolFile(path, len(record), (header,)))
            self._count_accepted(header, len(record))

    def append(
        self,
        calls: pl.DataFrame,
        tallies: Mapping[str, Tally],
        keys: Sequence[IdempotencyKey] = (),
        rejects: Sequence[Reject] = (),
    ) -> None:
        """Writes calls of several requests and portals to the disk; `tallies` has the tally of each portal.

        Raises SpoolFull, OSError.
        """
        header = Header(
            dict(tallies), self.key_id, self.geo_date, None, tuple(keys), tuple(rejects), rules=counting_rules.VERSION
        )
        record = encode_record(header, calls)
        with self._lock:
            self._make_room(len(record))
            if self._open and (self._open.ended or self._open.size >= SEGMENT):
                self.seal()  # before the append: once the record is on the disk, an error would report it as refused
            if self._open is None:
                self._open = Segment(self._new_path().with_suffix('.open'))
            self._open.append(header, record)
            self._count_accepted(header, len(record))

    def seal(self) -> None:
        """Seals the open segment, so that it can be stored. Raises OSError."""
        with self._lock:
            if self._open:
                self._seal(self._open)
                self._open = None

    def has_room(self) -> bool:
        """Whether the spool can accept calls. Writes a file to find out: clients may send nothing until this is true again."""
        probe = self.directory / 'tried'
        with self._lock, suppress(OSError):
            write(probe, bytes(PROBE))
            probe.unlink()
            return self.balance.bytes < self.most_bytes
        return False

    def oldest(self) -> SpoolFile | None:
        """Returns the next file to store."""
        with self._lock:
            return self._files[0] if self._files else None

    def waiting(self) -> list[tuple[Batch, Tally]]:
        """Returns the batches with an identity that the ledger does not have as done yet, including quarantined ones."""
        with self._lock:
            headers = [header for file in self._files for header in file.headers] + list(self._quarantine.headers.values())
        return [(header.batch, header.tallies[header.batch.domain]) for header in headers if header.batch]

    def keys(self) -> list[IdempotencyKey]:
        """Returns the idempotency keys of the calls that wait in the spool."""
        with self._lock:
            headers = [header for file in self._files for header in file.headers]
            return [key for header in headers + (self._open.headers if self._open else []) for key in header.keys]

    def done(self, file: SpoolFile, quarantined: int = 0) -> None:
        """Removes a file after the engine has stored its calls, except `quarantined` calls. Raises OSError."""
        with self._lock:
            file.path.unlink()
            self._forget(file, stored=file.calls - quarantined)
            sync(self.directory)

    def give_up(self, file: SpoolFile) -> None:
        """Removes a batch, because another process reads the same log and stores some of its lines. Raises OSError."""
        with self._lock:
            file.path.unlink()
            self._forget(file)
            self._given_up += [header.batch for header in file.headers if header.batch]
            sync(self.directory)

    def given_up(self) -> list[Batch]:
        """Returns the batches given up since the last call of this: their logs may hold lines that nobody has stored."""
        with self._lock:
            batches, self._given_up = self._given_up, []
        return batches

    def set_aside(self, file: SpoolFile) -> None:
        """Quarantines a damaged file unchanged. Raises OSError."""
        with self._lock:
            self._quarantine.set_aside(file)
            self._forget(file)

    def quarantine(self, spooled: SpooledBatch, error: str) -> None:
        """Quarantines a batch that the engine refuses. Its calls count as waiting until its file is done. Raises OSError."""
        with self._lock:
            self.balance = self.balance.plus(bytes=self._quarantine.keep(spooled, error))

    def is_quarantined(self, batch: Batch) -> bool:
        """Whether the batch is quarantined."""
        with self._lock:
            return self._quarantine.holds(batch)

    def release(self) -> int:
        """Moves quarantined batches back into the spool; returns the number of their calls. Raises OSError."""
        with self._lock:
            calls = 0
            for path in list(self._quarantine.headers):
                file = self._quarantine.release(path, self._new_path())
                insort(self._files, file)
                calls += file.calls
            self.balance = self.balance.plus(quarantined=-calls, waiting=calls)
        return calls

    def close(self) -> None:
        """Seals the open segment and unlocks the directory for other processes. Raises OSError."""
        self.seal()
        os.close(self._lock_descriptor)

    def _recover(self) -> None:
        """Takes over the files that an earlier process left."""
        for draft in self.directory.rglob('*.draft'):
            draft.unlink()
        for path in sorted(self.directory.glob('*.batch')):
            self._files.append(SpoolFile(path, path.stat().st_size, tuple(record.header for record in read_records(path))))
        for path in self.directory.glob('*.open'):
            self._seal(Segment(path))
        self._last_number = max((file.number for file in self._files), default=0)
        waiting = sum(file.calls for file in self._files)
        quarantined = self._quarantine.calls
        size = sum(path.stat().st_size for path in self.directory.rglob('*.batch'))
        self.balance = SpoolBalance(0, waiting, quarantined, size)

    def _seal(self, segment: Segment) -> None:
        path = segment.path.with_suffix('.batch')
        if segment.seal(path):
            insort(self._files, SpoolFile(path, segment.size, tuple(segment.headers)))

    def _forget(self, file: SpoolFile, stored: int = 0) -> None:
        """Removes a file from the list. Call it before the directory is synced: if that fails, the file is gone nevertheless."""
        self._files.remove(file)
        newly_quarantined = self._quarantine.calls - self.balance.quarantined
        self.balance = self.balance.plus(waiting=-file.calls, stored=stored, quarantined=newly_quarantined, bytes=-file.size)

    def _count_accepted(self, header: Header, size: int) -> None:
        self.balance = self.balance.plus(waiting=header.calls, bytes=size)
        for tally in header.tallies.values():
            self.taken.add(tally)

    def _make_room(self, size: int) -> None:
        if self.balance.bytes + size > self.most_bytes:
            raise SpoolFull(
                f'{self.directory}: the spool is full ({self.balance.bytes >> 20} MB)',
                'look for database errors in the log, or raise USAGE_SPOOL_BYTES',
            )

    def _new_path(self) -> Path:
        self._last_number = max(time.time_ns(), self._last_number + 1)
        return self.directory / f'{self._last_number:020}.batch'


def _identity(directory: Path) -> str:
    """Returns the spool's id, 8 random hexadecimal digits, which makes its batches' names unique; creates it once."""
    path = directory / 'id'
    if not path.exists():
        write(path, secrets.token_hex(4).encode())
    return path.read_text()
