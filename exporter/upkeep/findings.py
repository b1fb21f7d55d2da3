"""The findings of `check`."""

from dataclasses import dataclass
from enum import StrEnum

from exporter.errors import ExporterError


class Level(StrEnum):
    """How much a finding matters."""

    OK = 'ok'
    NOTE = 'note'  # no fault, but a next step
    FAULT = 'fault'


@dataclass(frozen=True)
class Finding:
    """The state of one part of the set-up; `remedy` fixes a fault or is the next step."""

    level: Level
    part: str
    state: str
    remedy: str = ''


def ok(part: str, state: str) -> Finding:
    """A part without a fault."""
    return Finding(Level.OK, part, state)


def note(part: str, state: str, step: str) -> Finding:
    """A part without a fault that needs a next step."""
    return Finding(Level.NOTE, part, state, step)


def fault(part: str, state: str, remedy: str) -> Finding:
    """A part that does not work, or gives wrong results."""
    return Finding(Level.FAULT, part, state, remedy)


def fault_of(part: str, error: ExporterError) -> Finding:
    """The fault that an error describes."""
    return fault(part, error.what, error.remedy or 'see the log of the server, or run the command again with --debug')
