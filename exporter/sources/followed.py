"""Which files a log that is followed is in: the one of its name, and what it was rotated to."""

import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from exporter.config import Follow
from exporter.sources.log_file import is_packed
from exporter.sources.tail import Key, key

ROTATION = 120  # seconds for which what a log was renamed or copied to is looked for
PACKING = 10  # seconds without a change after which a packed log is whole


class Followed:
    """A log by its name. `named`: in the settings, else it fits a pattern there.

    At times it was rotated while nobody followed it, or copied and cut. Then the files beside it that were written to since it
    was last read to its end are meant too.
    """

    def __init__(self, settings: Follow, named: bool = True) -> None:
        self.settings, self.named = settings, named
        self.read_until = 0.0  # Unix seconds: what was written before then is taken
        self._since, self._until = 0.0, 0.0
        self.key: Key | None = None  # of the file that has the name

    def rotated(self, now: float) -> None:
        """Looks for what the log was rotated to, from now on for a while."""
        if now >= self._until:
            self._since = self.read_until
        self._until = now + ROTATION

    def files(self, now: float) -> Iterator[tuple[str, os.stat_result]]:
        """The files that are there, but those that are being packed."""
        path = self.settings.path
        found = _stat(path)
        if found and key(found) != self.key:
            self.key = key(found)
            self.rotated(now)
        if now < self._until:
            for name in sorted(glob.glob(f'{glob.escape(path)}[.-]*')):  # noqa: PTH207  # of a whole path
                if (beside := _stat(name)) and beside.st_mtime >= self._since and not _being_packed(name, beside, now):
                    yield name, beside
        if found and not _being_packed(path, found, now):
            yield path, found


class Fitting:
    """The logs that fit a pattern of the settings; each is followed as if it was named."""

    def __init__(self, settings: Follow) -> None:
        self.settings = settings
        self.names = set[str]()

    def new(self) -> Iterator[Followed]:
        """Those that are there for the first time."""
        there = {name for name in glob.glob(self.settings.path) if _stat(name)}  # noqa: PTH207  # of a whole path
        for name in sorted(there - self.names):
            yield Followed(self.settings.model_copy(update={'path': name}), named=False)
        self.names = there


def _stat(path: str) -> os.stat_result | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    # opening a pipe waits for who writes; in web servers' images the log is a link to their standard output
    return found if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) else None


def _being_packed(path: str, found: os.stat_result, now: float) -> bool:
    return now - found.st_mtime < PACKING and is_packed(Path(path))
