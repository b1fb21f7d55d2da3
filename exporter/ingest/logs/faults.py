"""Logs each fault of followed logs once when it begins and once when it ends."""

import os
from collections.abc import Callable, Container
from pathlib import Path

from exporter.ingest.logs.log_file import shown


class Faults:
    """The current faults by subject: a path of the settings or on the disk, or a part of the program."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self.log = log
        self.messages = dict[str, str]()

    def report(self, subject: str, error: object) -> None:
        """Logs a fault, unless it is logged already."""
        message = str(error)
        if isinstance(error, OSError) and error.filename:  # each attempt has another file name
            message = f'{Path(error.filename).parent}: {error.strerror}; fix it, then following continues by itself'
        if self.messages.get(subject) != message:
            self.messages[subject] = message
            self.log(message)

    def resolve(self, subject: str, state: str = 'can be read now') -> None:
        """Logs that a log is readable again, if it had a fault."""
        if self.messages.pop(subject, None):
            self.log(f'{shown(subject)}: {state}')

    def forget(self, subject: str) -> None:
        """Forgets the fault of a part of the program."""
        self.messages.pop(subject, None)

    def prune(self, permanent: Container[str]) -> None:
        """Forgets the faults of files that no longer exist, except for `permanent` subjects."""
        self.messages = {
            subject: message for subject, message in self.messages.items() if subject in permanent or os.path.lexists(subject)
        }
