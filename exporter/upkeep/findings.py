"""What a look at one part of a set-up found."""

from dataclasses import dataclass
from enum import StrEnum

from exporter.errors import ExporterError


class Level(StrEnum):
    """How much a finding matters."""

    OK = 'ok'
    NOTE = 'note'  # nothing is wrong; there is something to do
    FAULT = 'fault'


@dataclass(frozen=True)
class Finding:
    """One part of the set-up, how it is, and what mends it or is to be done next."""

    level: Level
    part: str
    state: str
    mend: str = ''


def ok(part: str, state: str) -> Finding:
    """A part that is well."""
    return Finding(Level.OK, part, state)


def note(part: str, state: str, step: str) -> Finding:
    """A part that waits for a next step."""
    return Finding(Level.NOTE, part, state, step)


def fault(part: str, state: str, mend: str) -> Finding:
    """A part that does not work, or not rightly."""
    return Finding(Level.FAULT, part, state, mend)


def told(part: str, error: ExporterError) -> Finding:
    """The fault that an error tells of: what is wrong; and its remedy."""
    return fault(part, error.what, error.remedy or 'see the log of the server, or run the command again with --debug')
