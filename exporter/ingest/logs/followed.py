"""Finds the files of a followed log: the file of its name, its rotated files, and former targets of a link."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from exporter.config import Follow
from exporter.errors import InputError
from exporter.ingest.logs.entries import absence, files, is_name, regular
from exporter.ingest.logs.log_file import is_compressed
from exporter.ingest.logs.notes import Note
from exporter.ingest.logs.rotation import Listing, link_chain, targets_between
from exporter.ingest.logs.tail import FileId, file_id

ROTATION = 120  # seconds: a file written to until so long before the log was read to its end may hold unread lines
COMPRESSING = 10  # seconds without a change after which a compressed log is complete
DAY = 86_400  # seconds after its last change during which a former target of a link is checked


class Entry:
    """A table `[[follow]]`: a log by its name, or the logs that match a pattern. `named`: its path is a name."""

    def __init__(self, settings: Follow, named: bool) -> None:
        self.settings = settings
        self.named = named
        self.names = set[str]()  # of the followed logs
        self.ever_found = False  # whether a file ever existed
        self.missing_since: float | None = None  # Unix seconds; None while there is a file

    def new_logs(self, now: float) -> 'Iterator[Followed]':
        """Yields the logs that are new. A log that the settings name is new even before its file exists."""
        path = self.settings.path
        self.named = self.named or is_name(path)
        existing = ({path} if regular(path) else set()) if self.named else files(path)
        names = {path} if self.named else existing
        for name in sorted(names - self.names):
            yield Followed(self, name)
        self.names = names
        self.ever_found |= bool(existing)
        self.missing_since = None if existing else self.missing_since or now

    @property
    def missing_error(self) -> InputError:
        """The error for an entry without a file."""
        return absence(self.settings.path)


class Followed:
    """A followed log, identified by its path.

    It may have been rotated between two polls, or while the program was stopped. So its files include those beside it that
    were written to since it was last read to its end and, if it is a link, its former targets.
    """

    def __init__(self, entry: Entry, path: str) -> None:
        self.entry, self.path = entry, path
        self.read_until = 0.0  # Unix seconds: lines written before then are taken
        self.floor = 0.0  # Unix seconds: rotated logs last written to before then are ignored
        self.file_id: FileId | None = None  # of the file with this name; None if there is none
        self.target = ''  # the real path of the name
        self.former_targets = dict[str, float]()  # earlier targets, and the Unix seconds of the change

    @property
    def named(self) -> bool:
        """Whether the settings name it; otherwise it matches a pattern."""
        return self.entry.named

    def find_file(self, now: float) -> os.stat_result | None:
        """Returns the status of the file with this name; None if there is none."""
        stat = regular(self.path)
        self.file_id = file_id(stat) if stat else None
        if stat and (target := os.path.realpath(self.path)) != self.target:
            if self.target:
                self.former_targets |= dict.fromkeys((self.target, *targets_between(self.target, target)), now)
            self.former_targets.pop(target, None)
            self.target = target
        return stat

    def rotated(self, listing: Listing) -> Iterator[tuple[str, os.stat_result]]:
        """Yields the other files that may hold unread lines of the log."""
        since = max(self.floor, self.read_until - ROTATION)
        paths = dict.fromkeys((*link_chain(Path(self.path)), *map(Path, (self.target or self.path, *self.former_targets))))
        neighbours = (str(neighbour) for path in paths for neighbour in listing.beside(path))
        for name in dict.fromkeys((*self.former_targets, *neighbours)):
            if (stat := regular(name)) and stat.st_mtime >= since and file_id(stat) != self.file_id:
                yield name, stat
                if name in self.former_targets:  # something still writes to it
                    self.former_targets[name] = max(self.former_targets[name], stat.st_mtime)
        self.former_targets = {
            name: last_change for name, last_change in self.former_targets.items() if last_change > self.read_until - DAY
        }

    def note(self) -> Note:
        """Returns the note that the next process passes to `resume`."""
        return Note(self.read_until, (self.target, *self.former_targets) if self.target else ())

    def resume(self, note: Note) -> None:
        """Restores the state that an earlier process has noted."""
        self.read_until = note.read_until
        self.target, *former_targets = note.targets or ('',)
        self.former_targets = dict.fromkeys(former_targets, time.time())


def being_compressed(path: str, stat: os.stat_result, now: float) -> bool:
    """Whether a file is compressed and may be incomplete yet."""
    return now - stat.st_mtime < COMPRESSING and is_compressed(Path(path))
