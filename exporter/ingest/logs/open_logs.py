"""Opens the files of each followed log, and closes them when they are quiet."""

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from exporter.config import Memory
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.hosts import Hosts
from exporter.errors import InputError
from exporter.ingest.formats.reader import reader_of
from exporter.ingest.logs.division import Division
from exporter.ingest.logs.entries import regular, same_log
from exporter.ingest.logs.faults import Faults
from exporter.ingest.logs.followed import COMPRESSING, DAY, Entry, Followed, being_compressed
from exporter.ingest.logs.log_file import is_compressed, shown
from exporter.ingest.logs.rotation import Listing
from exporter.ingest.logs.tail import FileId, State, Tail, file_id, state

QUIET = 600  # seconds without a change after which a rotated log is closed
LAST_LINE = 20  # seconds without a change after which the last line of a rotated log is taken without its line end


class OpenLogs:
    """The open files, and the closed ones that have not changed since.

    Threads: used by the thread of the Follower only.
    """

    def __init__(
        self, enrichments: Mapping[str, Enrichment], hosts: Hosts, written: Counter[str], faults: Faults, memory: Memory
    ) -> None:
        self.enrichments, self.hosts, self.written, self.faults, self.memory = enrichments, hosts, written, faults, memory
        self.tails = dict[FileId, tuple[Tail, Followed]]()  # the one that has waited longest first
        self.closed = dict[FileId, tuple[State, int]]()  # closed files: their state, and the size from which they may be logs
        self.unnamed_since = dict[FileId, float]()  # open files without a name, in Unix seconds
        self.superseded_since = dict[FileId, float]()  # files whose name another file has, in Unix seconds
        self.rotating = set[Followed]()  # logs with a rotated file that may hold unread lines
        self.refused = dict[Followed, str]()  # logs whose file another entry follows, and the message
        self.present = set[FileId]()  # the files that the last poll found

    def open_new(self, all_followed: Sequence[Followed], now: float, deadline: float, unread: set[Followed]) -> None:
        """Opens new files; adds to `unread` the logs with a file that still has to be opened."""
        listing, self.rotating = Listing(), set()
        current_files = {followed: stat for followed in all_followed if (stat := followed.find_file(now))}
        owners = self._owners(current_files)
        present, superseded = set(map(file_id, current_files.values())), set[FileId]()
        for followed in all_followed:
            if followed in self.refused:
                unread.add(followed)
                continue
            files = list(followed.rotated(listing))
            if files:
                self.rotating.add(followed)
            for path, stat in files:
                owner = owners.get(file_id(stat))
                present.add(file_id(stat))
                if followed.file_id and (owner is None or owner.entry is followed.entry):
                    superseded.add(file_id(stat))
                if owner is None:
                    self._open_if_new(path, stat, followed, now, deadline, unread)
            if followed in current_files:
                self._open_if_new(followed.path, current_files[followed], followed, now, deadline, unread)
        superseded |= {file for file, (_, followed) in self.tails.items() if followed.file_id not in (None, file)}
        self.superseded_since = {file: self.superseded_since.get(file, now) for file in superseded}
        self.present = present

    def _owners(self, current_files: Mapping[Followed, os.stat_result]) -> dict[FileId, Followed]:
        """Returns the log of each file. A file that one entry follows is refused to all others."""
        owners, refused = dict[FileId, Followed](), dict[Followed, str]()
        for followed, stat in current_files.items():
            first = owners.setdefault(file_id(stat), followed)
            _, holder = self.tails.get(file_id(stat), (None, first))
            other_portal = holder.entry.settings.domain != followed.entry.settings.domain
            other_log = holder if other_portal else first
            if other_log.entry is not followed.entry:
                refused[followed] = str(same_log(other_log.entry.settings, followed.entry.settings, followed.path))
                if followed not in self.refused:
                    self.faults.log(refused[followed])
        for followed in self.refused.keys() - refused.keys():
            self.faults.log(f'{shown(followed.path)}: no other entry in [[follow]] matches this log any more')
        self.refused = refused
        return owners

    def _open_if_new(
        self, path: str, stat: os.stat_result, followed: Followed, now: float, deadline: float, unread: set[Followed]
    ) -> None:
        """Opens a file, unless it is open, or closed and unchanged."""
        if file_id(stat) in self.tails or self._is_unchanged(stat, now):
            return
        if being_compressed(path, stat, now) or time.monotonic() >= deadline or not self._open(path, stat, followed):
            unread.add(followed)

    def _open(self, path: str, stat: os.stat_result, followed: Followed) -> bool:
        settings = followed.entry.settings
        new_reader = partial(reader_of, self.enrichments[settings.domain].rules, settings.log_format)
        try:
            tail = Tail(path, Division(settings.domain, self.hosts), new_reader, self.enrichments, self.written, self.memory)
        except InputError as error:
            file = regular(path)
            if file is None or file_id(file) != file_id(stat):  # it was renamed in the meantime: the next poll finds both
                return False
            self.faults.report(path, error)
            if is_compressed(Path(path)):  # reading it again is expensive
                self.closed[file_id(stat)] = state(stat), 0
            return False
        if tail.file_id in self.tails:  # it was renamed in the meantime
            tail.close()
            return False
        self.tails[tail.file_id] = tail, followed
        return True

    def is_rotated(self, entry: Entry) -> bool:
        """Whether a rotation may explain a missing file: it has another name, or a rotated log is beside it."""
        with_name = (followed for tail, followed in self.tails.values() if tail.has_name)
        return any(
            followed.entry is entry and Path(followed.target or followed.path).parent.is_dir()
            for followed in (*with_name, *self.rotating)
        )

    def is_ending(self, tail: Tail, now: float) -> bool:
        """Whether a last line will get no line end: its log was rotated and is quiet.

        False for a copy of another open log: the rest of the line may be written there.
        """
        if not tail.left or any(other_log.names & tail.names for other_log, _ in self.tails.values() if other_log is not tail):
            return False
        since = self.superseded_since.get(tail.file_id)
        return now - max(tail.changed, since or 0.0) > (DAY if since is None else min(LAST_LINE, QUIET))

    def close_quiet(self, now: float) -> None:
        """Closes files that are read to their end and quiet; they are opened again when they change."""
        for file, (tail, followed) in list(self.tails.items()):
            unnamed = 0.0 if file in self.present else self.unnamed_since.setdefault(file, now)
            quiet = now - max(tail.changed, unnamed) > QUIET and (file != followed.file_id or not followed.named)
            if tail.finished:
                self.close(tail, 0 if tail.position else 2 * tail.size)  # a copy that grows
            elif quiet and not tail.left:
                self.close(tail)
        self.unnamed_since = {
            file: since for file, since in self.unnamed_since.items() if file in self.tails and file not in self.present
        }
        self.closed = {file: closed for file, closed in self.closed.items() if file in self.present}

    def _is_unchanged(self, stat: os.stat_result, now: float) -> bool:
        """Whether a closed file is unchanged, or is being written and still too small to be opened again."""
        closed_state, min_size = self.closed.get(file_id(stat), (None, 0))
        if closed_state is None or state(stat) == closed_state:
            return closed_state is not None
        return closed_state[0] <= stat.st_size < min_size and now - stat.st_mtime < COMPRESSING

    def close(self, tail: Tail, min_size: int = 0) -> None:
        """Closes a log until it changes, or reaches `min_size` bytes."""
        del self.tails[tail.file_id]
        if tail.start_state:
            self.closed[tail.file_id] = tail.start_state, min_size
        tail.close()
