"""Keeps rejected input for a limited time, with its reason and origin, readable by the owner only."""

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
    """The kept rejects of one batch."""

    path: Path
    batch_id: str
    rejects: list[Reject]


class RejectStore:
    """A directory with one file for the rejects of each batch; a batch that is read again replaces its file.

    The files take at most `most_bytes` of the disk and are kept for `days`. Any thread may call any method.
    """

    def __init__(self, data_dir: Path, most_bytes: float = math.inf, days: float = math.inf) -> None:
        self.directory = data_dir / 'rejected'
        self.most_bytes, self.days = most_bytes, days
        self._sizes: dict[Path, int] | None = None  # of each file, the oldest first; None until read
        self._lock = threading.Lock()

    def keep(self, batch_id: str, rejects: Iterable[Reject]) -> None:
        """Writes the rejects of a batch to the disk. Call it before the ledger records the batch as done. Raises OSError.

        If there is no room, it deletes the oldest rejects and logs a warning.
        """
        content, discarded = _encode(batch_id, rejects, self.most_bytes)
        if discarded:
            logger.warning('rejected input: discarded %s lines of one batch, which exceed rejected_bytes', discarded)
        with self._lock:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._path(batch_id)
            sizes = self._file_sizes()
            sizes.pop(path, None)
            self._make_room(len(content))
            write(path, content)
            sizes[path] = len(content)

    def replace(self, kept: BatchRejects, rejects: list[Reject]) -> None:
        """Replaces the rejects of a batch by those that remain; their age stays. Raises OSError."""
        with self._lock:
            if not rejects:
                kept.path.unlink()
                sync(self.directory)
                return
            times = kept.path.stat()
            write(kept.path, _encode(kept.batch_id, rejects, math.inf)[0])
            os.utime(kept.path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def remove(self, batch_id: str) -> None:
        """Deletes the rejects of a batch, and the plan to retry them. Raises OSError."""
        with self._lock:
            path = self._path(batch_id)
            for file in (path.with_suffix('.plan'), path):
                file.unlink(missing_ok=True)
            if self._sizes:
                self._sizes.pop(path, None)
            if self.directory.exists():
                sync(self.directory)

    def remove_old(self) -> None:
        """Deletes rejects older than `days`. Raises OSError."""
        with self._lock:
            self._sizes = None  # an import in another process writes to the same directory
            self._make_room(0)

    def batches(self) -> Iterator[BatchRejects]:
        """Yields the rejects of each batch, the oldest first."""
        for path in self._by_age():
            if kept := self.read(path):
                yield kept

    def read(self, path: Path) -> BatchRejects | None:
        """Returns the rejects of a file, or None if they are gone or too old."""
        if self._too_old(path):
            return None
        try:
            head, *lines = path.read_text(encoding='ascii').splitlines()
        except FileNotFoundError:  # another process has just deleted it
            return None
        return BatchRejects(path, json.loads(head)['batch_id'], [Reject(**json.loads(line)) for line in lines])

    def __iter__(self) -> Iterator[Reject]:
        """Yields all rejects, the oldest batch first."""
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

    def _file_sizes(self) -> dict[Path, int]:
        if self._sizes is None:
            self._sizes = {path: path.stat().st_size for path in self._by_age()}
        return self._sizes

    def _too_old(self, path: Path) -> bool:
        with suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime > self.days * DAY
        return True

    def _make_room(self, needed: int) -> None:
        sizes, deleted = self._file_sizes(), 0
        total = sum(sizes.values()) + needed
        for path in list(sizes):
            over = total > self.most_bytes
            if not over and not self._too_old(path):
                break
            deleted += over
            path.unlink(missing_ok=True)
            total -= sizes.pop(path)
        if deleted:
            logger.warning('rejected input: deleted the rejects of the %s oldest batches to stay within rejected_bytes', deleted)


def _encode(batch_id: str, rejects: Iterable[Reject], most_bytes: float) -> tuple[bytes, int]:
    """Returns the content of a batch's file, and how many rejects did not fit."""
    lines = [json.dumps({'batch_id': batch_id}) + '\n']
    size, discarded = len(lines[0]), 0
    for reject in rejects:
        line = json.dumps(asdict(reject)) + '\n'
        if discarded or size + len(line) > most_bytes:
            discarded += 1
        else:
            lines.append(line)
            size += len(line)
    return ''.join(lines).encode('ascii'), discarded
