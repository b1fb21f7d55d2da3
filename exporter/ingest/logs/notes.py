"""Writes notes for the next process: until when each followed log was read, and the targets of links. They hold no positions.

Without the notes, `serve` checks fewer rotated logs. Which lines are stored is in the ledger and the spool.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from exporter.system.files import write

EVERY = 60  # seconds between two writes, unless more than the time has changed
KEPT = 30 * 86_400  # seconds after which the note of a log that is no longer followed is removed


class Note(NamedTuple):
    """When a log was last read to its end, in Unix seconds; its current and former real paths."""

    read_until: float
    targets: tuple[str, ...]


Log = tuple[str, str]  # the portal, and the path


class Notes:
    """The notes in a file; an unreadable file counts as empty."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.written = 0.0
        try:
            rows = json.loads(file.read_bytes())
            self.notes = {(str(domain), str(path)): Note(float(read), tuple(map(str, to))) for domain, path, read, to in rows}
        except (OSError, ValueError, TypeError):
            self.notes = dict[Log, Note]()

    def get(self, domain: str, path: str) -> Note | None:
        """Returns the note of a log."""
        return self.notes.get((domain, path))

    def keep(self, followed: Mapping[Log, Note], now: float) -> None:
        """Writes the current notes, if it is time. Raises OSError."""
        others = {log: note for log, note in self.notes.items() if log in followed or note.read_until > now - KEPT}
        notes = {**others, **followed}
        changed = {log: note.targets for log, note in notes.items()} != {log: note.targets for log, note in self.notes.items()}
        if changed or now - self.written > EVERY:
            rows = [(*log, *note) for log, note in notes.items()]
            write(self.file, json.dumps(rows).encode())
            self.notes, self.written = notes, now
