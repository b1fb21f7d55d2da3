"""The open logs that are followed: finds and opens the files of each log, and closes them when they are quiet."""

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from exporter.enrich.enrichment import Enrichment
from exporter.errors import InputError
from exporter.ingest.logs.entries import regular, same_log
from exporter.ingest.logs.faults import Faults
from exporter.ingest.logs.followed import COMPRESSING, DAY, Entry, Followed, being_compressed
from exporter.ingest.logs.log_file import is_compressed, shown
from exporter.ingest.logs.rotation import Listing
from exporter.ingest.logs.tail import FileId, State, Tail, file_id, state

QUIET = 600  # seconds without a change after which a log that was rotated away is closed
LAST_LINE = 20  # seconds without a change after which the last line of a log that was rotated away needs no end


class OpenLogs:
    """The files that are read, and those that were closed and have not changed since."""

    def __init__(self, enrichments: Mapping[str, Enrichment], written: Counter[str], faults: Faults) -> None:
        self.enrichments, self.written, self.faults = enrichments, written, faults
        self.tails = dict[FileId, tuple[Tail, Followed]]()  # the one that waits longest first
        self.rested = dict[FileId, tuple[State, int]]()  # closed ones: as they were, and the size from which they may be logs
        self.gone = dict[FileId, float]()  # open ones that no name leads to any more, and since when
        self.superseded = dict[FileId, float]()  # those that were rotated away, as another file has the name, and since when
        self.rotating = set[Followed]()  # those beside which a rotated log lies that may hold unread lines
        self.refused = dict[Followed, str]()  # those whose file another entry follows, and what was said of it
        self.named = set[FileId]()  # the files that were found last

    def find(self, all_followed: Sequence[Followed], now: float, end: float, behind: set[Followed]) -> None:
        """Opens what is new among the files; adds to `behind` the logs of which one waits to be opened."""
        listing, self.rotating = Listing(), set()
        own = {followed: stat for followed in all_followed if (stat := followed.look(now))}
        owners = self._owners(own)
        named, superseded = set(map(file_id, own.values())), set[FileId]()
        for followed in all_followed:
            if followed in self.refused:
                behind.add(followed)
                continue
            files = list(followed.rotated(listing))
            if files:
                self.rotating.add(followed)
            for path, stat in files:
                owner = owners.get(file_id(stat))
                named.add(file_id(stat))
                if followed.file_id and (owner is None or owner.entry is followed.entry):
                    superseded.add(file_id(stat))
                if owner is None:
                    self._take_up(path, stat, followed, now, end, behind)
            if followed in own:
                self._take_up(followed.path, own[followed], followed, now, end, behind)
        superseded |= {found for found, (_, followed) in self.tails.items() if followed.file_id not in (None, found)}
        self.superseded = {found: self.superseded.get(found, now) for found in superseded}
        self.named = named

    def _owners(self, own: Mapping[Followed, os.stat_result]) -> dict[FileId, Followed]:
        """Which log has which file. A file that an entry of the settings leads to already is refused to all others."""
        owners, refused = dict[FileId, Followed](), dict[Followed, str]()
        for followed, stat in own.items():
            first = owners.setdefault(file_id(stat), followed)
            _, holder = self.tails.get(file_id(stat), (None, first))
            other_portal = holder.entry.settings.domain != followed.entry.settings.domain
            other = holder if other_portal else first
            if other.entry is not followed.entry:
                refused[followed] = str(same_log(other.entry.settings, followed.entry.settings, followed.path))
                if followed not in self.refused:
                    self.faults.say(refused[followed])
        for followed in self.refused.keys() - refused.keys():
            self.faults.say(f'{shown(followed.path)}: no other entry in [[follow]] matches this log any more')
        self.refused = refused
        return owners

    def _take_up(
        self, path: str, stat: os.stat_result, followed: Followed, now: float, end: float, behind: set[Followed]
    ) -> None:
        """Opens a file, unless it is open, or was closed and has not changed."""
        if file_id(stat) in self.tails or self._rests(stat, now):
            return
        if being_compressed(path, stat, now) or time.monotonic() >= end or not self._open(path, stat, followed):
            behind.add(followed)

    def _open(self, path: str, stat: os.stat_result, followed: Followed) -> bool:
        settings = followed.entry.settings
        try:
            tail = Tail(path, settings.log_format, self.enrichments[settings.domain], self.written)
        except InputError as error:
            found = regular(path)
            if found is None or file_id(found) != file_id(stat):  # it was renamed meanwhile: the next poll finds both
                return False
            self.faults.wrong(path, error)
            if is_compressed(Path(path)):  # it costs much to look at it again
                self.rested[file_id(stat)] = state(stat), 0
            return False
        if tail.file_id in self.tails:  # it was renamed meanwhile
            tail.close()
            return False
        self.tails[tail.file_id] = tail, followed
        return True

    def is_rotated(self, entry: Entry) -> bool:
        """Whether a rotation may be why a log has no file: its file has another name, or a rotated log lies beside it."""
        named = (followed for tail, followed in self.tails.values() if tail.has_name)
        return any(
            followed.entry is entry and Path(followed.target or followed.path).parent.is_dir()
            for followed in (*named, *self.rotating)
        )

    def is_ending(self, tail: Tail, now: float) -> bool:
        """Whether a last line that has no end will get none: its log was rotated away, and is quiet. Not that of a copy of a log
        that is open too: what it lacks may be written there."""
        if not tail.left or any(other.name == tail.name for other, _ in self.tails.values() if other is not tail):
            return False
        since = self.superseded.get(tail.file_id)
        return now - max(tail.changed, since or 0.0) > (DAY if since is None else min(LAST_LINE, QUIET))

    def rest(self, now: float) -> None:
        """Closes what is read to its end and not written to any more; it is looked at again when it changes."""
        for found, (tail, followed) in list(self.tails.items()):
            gone = 0.0 if found in self.named else self.gone.setdefault(found, now)
            quiet = now - max(tail.changed, gone) > QUIET and (found != followed.file_id or not followed.named)
            if tail.finished:
                self.close(tail, 0 if tail.position or tail.log.position else 2 * tail.size)  # a copy that grows
            elif quiet and not tail.left:
                self.close(tail)
        self.gone = {found: since for found, since in self.gone.items() if found in self.tails and found not in self.named}
        self.rested = {found: rest for found, rest in self.rested.items() if found in self.named}

    def _rests(self, stat: os.stat_result, now: float) -> bool:
        """Whether a file that was closed is still as it was, or is being written and too little else to be looked at again."""
        before, enough = self.rested.get(file_id(stat), (None, 0))
        if before is None or state(stat) == before:
            return before is not None
        return before[0] <= stat.st_size < enough and now - stat.st_mtime < COMPRESSING

    def close(self, tail: Tail, enough: int = 0) -> None:
        """Closes a log until it changes, or has `enough` bytes."""
        del self.tails[tail.file_id]
        if tail.looked:
            self.rested[tail.file_id] = tail.looked, enough
        tail.close()
