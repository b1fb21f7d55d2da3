"""Accepted batches on disk, in their order, until the engine has them: what was accepted survives a crash.

A batch that has an identity of its own is a file. Small requests share one, a segment: each group of them is appended with one
fsync, and the segment is sealed before it is stored, so that what is stored under its name never changes.
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
from exporter.model.balance import SpoolBalance
from exporter.model.batch import Batch
from exporter.model.reject import Reject
from exporter.model.tally import Tally
from exporter.spool.quarantine import Quarantine
from exporter.spool.segment import SOURCE, Header, IdempotencyKey, Part, Segment, Spooled, encode_frame, frames
from exporter.system.files import hold, sync, write

TRIED = 64 << 10  # bytes that are written to find out whether the disk takes them
SEGMENT = 16 << 20  # bytes at which a segment is sealed


class Spool:
    """The files of one directory, of which they fill at most `most_bytes`. Its methods may be called by several threads.

    Raises SettingsError where another process uses the directory, OSError where it cannot be used.
    """

    def __init__(self, directory: Path, most_bytes: int, key_id: str, geo_date: date | None) -> None:
        self.directory, self.most_bytes = directory, most_bytes
        self.key_id, self.geo_date = key_id, geo_date
        self.balance = SpoolBalance()
        self.taken = Tally()  # what became of all lines and calls since the start
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._quarantine = Quarantine(directory)
        try:
            self._held = hold(directory / 'lock')
        except BlockingIOError:
            raise SettingsError(
                f'{directory}: another usage-exporter uses this spool', 'stop it, or choose another USAGE_DATA_DIR'
            ) from None
        self.log = f'{SOURCE}-{_identity(directory)}'
        self._lock = threading.RLock()
        self._files = list[Spooled]()
        self._given_up = list[Batch]()
        self._open: Segment | None = None
        self._last = 0
        self._recover()

    def put(self, batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
        """Accepts a batch that has an identity. It is on the disk when this returns. Raises SpoolFull, OSError."""
        header = Header({batch.domain: tally}, self.key_id, self.geo_date, batch)
        frame = encode_frame(header, calls)
        with self._lock:
            self._make_room(len(frame))
            path = self._new_path()
            write(path, frame)
            insort(self._files, Spooled(path, len(frame), (header,)))
            self._accepted(header, len(frame))

    def append(
        self,
        calls: pl.DataFrame,
        tally: Mapping[str, Tally],
        keys: Sequence[IdempotencyKey] = (),
        rejects: Sequence[Reject] = (),
    ) -> None:
        """Accepts calls of several requests and portals, `counts` by portal. They are on the disk when this returns.

        Raises SpoolFull, OSError.
        """
        header = Header(dict(tally), self.key_id, self.geo_date, None, tuple(keys), tuple(rejects))
        frame = encode_frame(header, calls)
        with self._lock:
            self._make_room(len(frame))
            if self._open and (self._open.ended or self._open.size >= SEGMENT):
                self.seal()  # before, not after: what is on the disk must not be told as refused
            if self._open is None:
                self._open = Segment(self._new_path().with_suffix('.open'))
            self._open.append(header, frame)
            self._accepted(header, len(frame))

    def seal(self) -> None:
        """Ends the open segment, so that what is in it can be stored. Raises OSError."""
        with self._lock:
            if self._open:
                self._seal(self._open)
                self._open = None

    def takes(self) -> bool:
        """Whether there is room for more, and the disk takes it: that is tried, since nobody may send while it is not so."""
        tried = self.directory / 'tried'
        with self._lock, suppress(OSError):
            write(tried, bytes(TRIED))
            tried.unlink()
            return self.balance.bytes < self.most_bytes
        return False

    def oldest(self) -> Spooled | None:
        """The file that is to be stored next."""
        with self._lock:
            return self._files[0] if self._files else None

    def waiting(self) -> list[tuple[Batch, Tally]]:
        """The batches with an identity that are accepted and not yet done in the ledger, those in quarantine too."""
        with self._lock:
            headers = [header for file in self._files for header in file.headers] + list(self._quarantine.refused.values())
        return [(header.batch, header.tallies[header.batch.domain]) for header in headers if header.batch]

    def keys(self) -> list[IdempotencyKey]:
        """The idempotency keys of what is not yet done."""
        with self._lock:
            headers = [header for file in self._files for header in file.headers]
            return [key for header in headers + (self._open.headers if self._open else []) for key in header.keys]

    def done(self, file: Spooled, quarantined: int = 0) -> None:
        """Removes a file of which the engine has all calls on its disk, but for those in quarantine. Raises OSError."""
        with self._lock:
            file.path.unlink()
            self._gone(file, stored=file.calls - quarantined)
            sync(self.directory)

    def give_up(self, file: Spooled) -> None:
        """Removes a batch of which another process stores lines, since it read the same log. Raises OSError."""
        with self._lock:
            file.path.unlink()
            self._gone(file)
            self._given_up += [header.batch for header in file.headers if header.batch]
            sync(self.directory)

    def given_up(self) -> list[Batch]:
        """The batches that were given up since this was asked: their logs may hold lines that nobody has stored."""
        with self._lock:
            batches, self._given_up = self._given_up, []
        return batches

    def set_aside(self, file: Spooled) -> None:
        """Puts a damaged file into quarantine as it is. Raises OSError."""
        with self._lock:
            self._quarantine.set_aside(file)
            self._gone(file)

    def refuse(self, part: Part, reason: str) -> None:
        """Puts a batch that the engine does not take into quarantine. Until its file is done it waits too. Raises OSError."""
        with self._lock:
            self.balance = self.balance.plus(bytes=self._quarantine.keep(part, reason))

    def is_quarantined(self, batch: Batch) -> bool:
        """Whether a batch is in quarantine."""
        with self._lock:
            return self._quarantine.holds(batch)

    def release(self) -> int:
        """Lets what is in quarantine be stored again; gives the number of calls. Raises OSError."""
        with self._lock:
            calls = 0
            for path in list(self._quarantine.refused):
                file = self._quarantine.release(path, self._new_path())
                insort(self._files, file)
                calls += file.calls
            self.balance = self.balance.plus(quarantined=-calls, waiting=calls)
        return calls

    def close(self) -> None:
        """Seals what is open, and lets another process use the directory. Raises OSError."""
        self.seal()
        os.close(self._held)

    def _recover(self) -> None:
        """Takes up what an earlier process left."""
        for draft in self.directory.rglob('*.draft'):
            draft.unlink()
        for path in sorted(self.directory.glob('*.batch')):
            self._files.append(Spooled(path, path.stat().st_size, tuple(frame.header for frame in frames(path))))
        for path in self.directory.glob('*.open'):
            self._seal(Segment(path))
        self._last = max((file.number for file in self._files), default=0)
        waiting = sum(file.calls for file in self._files)
        quarantined = self._quarantine.calls
        size = sum(path.stat().st_size for path in self.directory.rglob('*.batch'))
        self.balance = SpoolBalance(0, waiting, quarantined, size)

    def _seal(self, segment: Segment) -> None:
        path = segment.path.with_suffix('.batch')
        if segment.seal(path):
            insort(self._files, Spooled(path, segment.size, tuple(segment.headers)))

    def _gone(self, file: Spooled, stored: int = 0) -> None:
        """Lets go of a file, before its directory is on the disk: where that fails, it must not be looked for again."""
        self._files.remove(file)
        more = self._quarantine.calls - self.balance.quarantined
        self.balance = self.balance.plus(waiting=-file.calls, stored=stored, quarantined=more, bytes=-file.size)

    def _accepted(self, header: Header, size: int) -> None:
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
        self._last = max(time.time_ns(), self._last + 1)
        return self.directory / f'{self._last:020}.batch'


def _identity(directory: Path) -> str:
    """8 hexadecimal digits that tell this spool's batches from those of others; made once."""
    path = directory / 'id'
    if not path.exists():
        write(path, secrets.token_hex(4).encode())
    return path.read_text()
