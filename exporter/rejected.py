"""Rejected input: kept as it came, with its reason and origin, in the data directory, for its owner only."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from exporter.durable import write


@dataclass(frozen=True)
class Reject:
    """One input that could not be counted."""

    reason: str
    domain: str
    origin: str  # the log's name when it was read
    offset: int  # of its first byte in the unpacked log
    text: str  # as it came; bytes that are not UTF-8 are kept as surrogates


class Rejected:
    """The directory of rejects: one file a batch, so that a batch that is read again replaces its own."""

    def __init__(self, data_dir: Path) -> None:
        self.directory = data_dir / 'rejected'

    def keep(self, batch_id: str, rejects: Iterable[Reject]) -> None:
        """Writes the rejects of one batch to the disk, before the ledger says that it is done. Raises OSError."""
        text = ''.join(json.dumps(asdict(reject)) + '\n' for reject in rejects)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / f'{hashlib.blake2b(batch_id.encode(), digest_size=12).hexdigest()}.jsonl'
        write(path, text.encode('ascii'))

    def __iter__(self) -> Iterator[Reject]:
        """All rejects, the oldest batch first."""
        for path in sorted(self.directory.glob('*.jsonl'), key=lambda path: path.stat().st_mtime_ns):
            for line in path.read_text(encoding='ascii').splitlines():
                yield Reject(**json.loads(line))
