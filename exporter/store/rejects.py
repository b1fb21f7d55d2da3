"""Rejected input: kept as it came, with its reason and origin, in the data directory, for its owner only, and not for ever."""

import hashlib
import json
import logging
import math
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from exporter.model.reject import Reject
from exporter.system.files import sync, write

DAY = 86_400  # seconds

logger = logging.getLogger(__name__)


class BatchRejects(NamedTuple):
    """The rejects of one batch that are still kept."""

    path: Path
    batch_id: str
    rejects: list[Reject]


class RejectStore:
    """The directory of rejects: one file a batch, so that a batch that is read again replaces its own.

    They take at most `most_bytes` of the disk and are kept for `days`. Its methods may be called by several threads.
    """

    def __init__(self, data_dir: Path, most_bytes: float = math.inf, days: float = math.inf) -> None:
        self.directory = data_dir / 'rejected'
        self.most_bytes, self.days = most_bytes, days
        self._sizes: dict[Path, int] | None = None  # of the files, the oldest first
        self._lock = threading.Lock()

    def keep(self, batch_id: str, rejects: Iterable[Reject]) -> None:
        """Writes the rejects of one batch to the disk, before the ledger says that it is done. Raises OSError.

        Where there is no room, the oldest go. What goes is said in the program's log.
        """
        content, left_out = _content(batch_id, rejects, self.most_bytes)
        if left_out:
            logger.warning('rejected input: discarded %s lines of one batch, which exceed rejected_bytes', left_out)
        with self._lock:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._path(batch_id)
            sizes = self._known()
            sizes.pop(path, None)
            self._make_room(len(content))
            write(path, content)
            sizes[path] = len(content)

    def replace(self, kept: BatchRejects, rejects: list[Reject]) -> None:
        """Puts what is left of a batch's rejects in their place; they are not kept longer for it. Raises OSError."""
        with self._lock:
            if not rejects:
                kept.path.unlink()
                sync(self.directory)
                return
            age = kept.path.stat()
            write(kept.path, _content(kept.batch_id, rejects, math.inf)[0])
            os.utime(kept.path, ns=(age.st_atime_ns, age.st_mtime_ns))

    def remove(self, batch_id: str) -> None:
        """Removes the rejects of a batch, and what was to become of them. Raises OSError."""
        with self._lock:
            path = self._path(batch_id)
            for one in (path.with_suffix('.plan'), path):
                one.unlink(missing_ok=True)
            if self._sizes:
                self._sizes.pop(path, None)
            if self.directory.exists():
                sync(self.directory)

    def remove_old(self) -> None:
        """Removes what was kept long enough. Raises OSError."""
        with self._lock:
            self._sizes = None  # imports keep theirs in the same directory
            self._make_room(0)

    def batches(self) -> Iterator[BatchRejects]:
        """What is kept, the oldest batch first."""
        for path in self._by_age():
            if kept := self.read(path):
                yield kept

    def read(self, path: Path) -> BatchRejects | None:
        """The rejects of a file; None where they are not kept any more."""
        if self._too_old(path):
            return None
        try:
            head, *lines = path.read_text(encoding='ascii').splitlines()
        except FileNotFoundError:  # another process has just removed it
            return None
        return BatchRejects(path, json.loads(head)['batch_id'], [Reject(**json.loads(line)) for line in lines])

    def __iter__(self) -> Iterator[Reject]:
        """All rejects, the oldest batch first."""
        for kept in self.batches():
            yield from kept.rejects

    def _path(self, batch_id: str) -> Path:
        return self.directory / f'{hashlib.blake2b(batch_id.encode(), digest_size=12).hexdigest()}.jsonl'

    def _by_age(self) -> list[Path]:
        ages = dict[Path, int]()
        for path in self.directory.glob('*.jsonl'):
            with suppress(FileNotFoundError):
                ages[path] = path.stat().st_mtime_ns
        return sorted(ages, key=lambda path: ages[path])

    def _known(self) -> dict[Path, int]:
        if self._sizes is None:
            self._sizes = {path: path.stat().st_size for path in self._by_age()}
        return self._sizes

    def _too_old(self, path: Path) -> bool:
        with suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime > self.days * DAY
        return True

    def _make_room(self, needed: int) -> None:
        sizes, full = self._known(), 0
        total = sum(sizes.values()) + needed
        for path in list(sizes):
            over = total > self.most_bytes
            if not over and not self._too_old(path):
                break
            full += over
            path.unlink(missing_ok=True)
            total -= sizes.pop(path)
        if full:
            logger.warning('rejected input: deleted the rejects of the %s oldest batches to stay within rejected_bytes', full)


def _content(batch_id: str, rejects: Iterable[Reject], most_bytes: float) -> tuple[bytes, int]:
    """The file of a batch, and how many of its rejects are not in it."""
    lines = [json.dumps({'batch_id': batch_id}) + '\n']
    size, left_out = len(lines[0]), 0
    for reject in rejects:
        line = json.dumps(asdict(reject)) + '\n'
        if left_out or size + len(line) > most_bytes:
            left_out += 1
        else:
            lines.append(line)
            size += len(line)
    return ''.join(lines).encode('ascii'), left_out
