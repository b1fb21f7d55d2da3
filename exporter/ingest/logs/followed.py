"""Which files a log that is followed is in: the one of its name, what it was rotated to, and where a link led to before."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from exporter.config import Follow
from exporter.errors import InputError
from exporter.ingest.logs.entries import absence, files, is_name, regular
from exporter.ingest.logs.log_file import is_compressed
from exporter.ingest.logs.notes import Note
from exporter.ingest.logs.rotation import Listing, between, hops
from exporter.ingest.logs.tail import FileId, file_id

ROTATION = 120  # seconds: what was last written to so long before the log was last read to its end may be unread
COMPRESSING = 10  # seconds without a change after which a packed log is whole
DAY = 86_400  # seconds; for so long a file that a link led to is looked at, from its last change on


class Entry:
    """A table `[[follow]]`: a log by its name, or the logs that fit a pattern. `named`: it is known to be a name."""

    def __init__(self, settings: Follow, named: bool) -> None:
        self.settings = settings
        self.named = named
        self.names = set[str]()  # of the logs that are followed
        self.seen = False  # whether there ever was a file
        self.absent: float | None = None  # since when there is none

    def new(self, now: float) -> 'Iterator[Followed]':
        """The logs that are there for the first time. A log that the settings name is, even before its file is."""
        path = self.settings.path
        self.named = self.named or is_name(path)
        there = ({path} if regular(path) else set()) if self.named else files(path)
        names = {path} if self.named else there
        for name in sorted(names - self.names):
            yield Followed(self, name)
        self.names = names
        self.seen |= bool(there)
        self.absent = None if there else self.absent or now

    @property
    def absence(self) -> InputError:
        """Why there is no file, and what to do."""
        return absence(self.settings.path)


class Followed:
    """A log by its name.

    It may have been rotated while nobody looked. Then the files beside it that were written to since it was last read to its end
    are meant too, and if it is a link, the files to which it led before.
    """

    def __init__(self, entry: Entry, path: str) -> None:
        self.entry, self.path = entry, path
        self.read_until = 0.0  # Unix seconds: what was written before then is taken
        self.floor = 0.0  # Unix seconds: rotated logs that were last written to before then are not meant
        self.file_id: FileId | None = None  # of the file that has the name, None while there is none
        self.target = ''  # where the name leads to through links
        self.before = dict[str, float]()  # where it led to earlier, and since when it does not

    @property
    def named(self) -> bool:
        """Whether the settings name it; else it fits a pattern there."""
        return self.entry.named

    def look(self, now: float) -> os.stat_result | None:
        """The file that has the name, if there is one."""
        found = regular(self.path)
        self.file_id = file_id(found) if found else None
        if found and (target := os.path.realpath(self.path)) != self.target:
            if self.target:
                self.before |= dict.fromkeys((self.target, *between(self.target, target)), now)
            self.before.pop(target, None)
            self.target = target
        return found

    def rotated(self, listing: Listing) -> Iterator[tuple[str, os.stat_result]]:
        """The other files that may hold lines of the log which nobody has read."""
        since = max(self.floor, self.read_until - ROTATION)
        places = dict.fromkeys((*hops(Path(self.path)), *map(Path, (self.target or self.path, *self.before))))
        beside = (str(path) for place in places for path in listing.beside(place))
        for name in dict.fromkeys((*self.before, *beside)):
            if (found := regular(name)) and found.st_mtime >= since and file_id(found) != self.file_id:
                yield name, found
                if name in self.before:  # it is still written to
                    self.before[name] = max(self.before[name], found.st_mtime)
        self.before = {name: last for name, last in self.before.items() if last > self.read_until - DAY}

    def note(self) -> Note:
        """What `resume` is to be given by the next process."""
        return Note(self.read_until, (self.target, *self.before) if self.target else ())

    def resume(self, note: Note) -> None:
        """Takes up what the process before has noted."""
        self.read_until = note.read_until
        self.target, *before = note.targets or ('',)
        self.before = dict.fromkeys(before, time.time())


def being_compressed(path: str, found: os.stat_result, now: float) -> bool:
    """Whether a file is packed, and may not be whole yet."""
    return now - found.st_mtime < COMPRESSING and is_compressed(Path(path))
