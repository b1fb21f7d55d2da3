"""What is wrong with followed logs: said once when it begins, and when it is well again."""

import os
from collections.abc import Callable, Container
from pathlib import Path

from exporter.ingest.logs.log_file import shown


class Faults:
    """What is wrong, by what it is wrong with: a path as in the settings or as on the disk, or a part of the program."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.said = dict[str, str]()

    def wrong(self, about: str, what: object) -> None:
        """Says what is wrong, unless it was said."""
        text = str(what)
        if isinstance(what, OSError) and what.filename:  # each try is another file
            text = f'{Path(what.filename).parent}: {what.strerror}; fix it, then following continues by itself'
        if self.said.get(about) != text:
            self.said[about] = text
            self.say(text)

    def well(self, about: str, state: str = 'can be read now') -> None:
        """Says that a log is well again, where something was wrong."""
        if self.said.pop(about, None):
            self.say(f'{shown(about)}: {state}')

    def over(self, about: str) -> None:
        """Forgets what was wrong with a part of the program."""
        self.said.pop(about, None)

    def keep(self, lasting: Container[str]) -> None:
        """Forgets what was wrong with files that are gone, unless they are `lasting`."""
        self.said = {about: what for about, what in self.said.items() if about in lasting or os.path.lexists(about)}
