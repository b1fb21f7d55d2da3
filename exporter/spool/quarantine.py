"""The quarantine: batches that the engine refuses, kept with its error until they are stored again; and damaged files."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from exporter.model.batch import Batch
from exporter.model.reject import Reject
from exporter.spool.segment import SpooledBatch, SpoolFile, encode_record, read_records
from exporter.system.files import sync, write

NAME = 'quarantine'  # of the directory inside the spool


class Quarantine:
    """The directory of quarantined batches. `headers` holds the header of each file.

    Not thread-safe: the spool calls it under its lock. The constructor raises OSError.
    """

    def __init__(self, spool: Path) -> None:
        self.directory = spool / NAME
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.headers = {path: record.header for path in self.directory.glob('*.batch') for record in read_records(path)}
        self._damaged = 0  # calls in the damaged files set aside since the start

    @property
    def calls(self) -> int:
        """The number of quarantined calls."""
        return self._damaged + sum(header.calls for header in self.headers.values())

    def holds(self, batch: Batch) -> bool:
        """Whether the batch is quarantined."""
        return self._path(batch) in self.headers

    def keep(self, spooled: SpooledBatch, error: str) -> int:
        """Writes a batch with the engine's error; returns its size in bytes. Raises OSError."""
        batch = spooled.batch
        header = msgspec.structs.replace(spooled.header, batch=batch, refused=error)
        record, path = encode_record(header, spooled.calls), self._path(batch)
        write(path, record)
        self.headers[path] = header
        return len(record)

    def set_aside(self, file: SpoolFile) -> None:
        """Moves a damaged file here unchanged. Raises OSError."""
        file.path.rename(self.directory / f'{file.path.stem}.damaged')
        self._damaged += file.calls

    def release(self, path: Path, target: Path) -> SpoolFile:
        """Moves a batch back into the spool as `target`. Raises OSError."""
        path.rename(target)
        sync(target.parent)
        return SpoolFile(target, target.stat().st_size, (self.headers.pop(path),))

    def _path(self, batch: Batch) -> Path:
        return self.directory / f'{hashlib.blake2b(batch.id.encode(), digest_size=12).hexdigest()}.batch'


def list_quarantined(spool: Path) -> Iterator[Reject]:
    """Yields a reject for each quarantined batch, with the engine's error, and one for each damaged file."""
    for path in sorted((spool / NAME).glob('*.batch')):
        for record in read_records(path):
            if batch := record.header.batch:
                yield Reject('refused', batch.domain, batch.origin or batch.id, batch.start, record.header.refused)
    for path in sorted((spool / NAME).glob('*.damaged')):
        yield Reject('damaged', '', str(path), 0, 'cannot read this file; restore it from a backup or remove it')
