"""What the engine refuses: kept beside the spool with the engine's words, until it is tried again."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from exporter.model.batch import Batch
from exporter.model.reject import Reject
from exporter.spool.segment import Header, Part, Spooled, encode_frame, frames
from exporter.system.files import sync, write

NAME = 'quarantine'  # of the directory, in that of the spool


class Quarantine:
    """A directory of batches. `refused` are their headers. Raises OSError where it cannot be used."""

    def __init__(self, spool: Path) -> None:
        self.directory = spool / NAME
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.refused = {path: frame.header for path in self.directory.glob('*.batch') for frame in frames(path)}
        self._damaged = 0  # calls in files that were set aside since the start

    @property
    def calls(self) -> int:
        """How many calls are here."""
        return self._damaged + sum(header.calls for header in self.refused.values())

    def holds(self, batch: Batch) -> bool:
        """Whether a batch is here."""
        return self._path(batch) in self.refused

    def keep(self, part: Part, reason: str) -> int:
        """Keeps a batch; gives its size in bytes. Raises OSError."""
        header = Header({part.batch.domain: part.tally}, part.header.key_id, part.header.geo_date, part.batch, refused=reason)
        frame, path = encode_frame(header, part.calls), self._path(part.batch)
        write(path, frame)
        self.refused[path] = header
        return len(frame)

    def set_aside(self, file: Spooled) -> None:
        """Takes a damaged file as it is. Raises OSError."""
        file.path.rename(self.directory / f'{file.path.stem}.damaged')
        self._damaged += file.calls

    def release(self, path: Path, to: Path) -> Spooled:
        """Gives a batch back under another name. Raises OSError."""
        path.rename(to)
        sync(to.parent)
        return Spooled(to, to.stat().st_size, (self.refused.pop(path),))

    def _path(self, batch: Batch) -> Path:
        return self.directory / f'{hashlib.blake2b(batch.id.encode(), digest_size=12).hexdigest()}.batch'


def in_quarantine(spool: Path) -> Iterator[Reject]:
    """What the engine has refused: a reject for each batch, with the engine's words; and each file that is damaged."""
    for path in sorted((spool / NAME).glob('*.batch')):
        for frame in frames(path):
            if batch := frame.header.batch:
                yield Reject('refused', batch.domain, batch.origin or batch.id, batch.start, frame.header.refused)
    for path in sorted((spool / NAME).glob('*.damaged')):
        yield Reject('damaged', '', str(path), 0, 'cannot read this file; restore it from a backup or remove it')
