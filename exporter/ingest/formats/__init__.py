"""Parses bytes into columns: one module for each family of log formats; pure."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import polars as pl

from exporter.model.reject import Reason, Skip

REASONS = {'line': pl.UInt32, 'reason': pl.String}  # of input that is not counted
NONE = pl.DataFrame(schema=REASONS)

# What the formats call the parts of a call, as texts. A request is given whole (`request`), or as its `method` and `target`,
# which may lack the `query`.
TEXT_FIELDS = (
    'time', 'ip', 'forwarded', 'host', 'user', 'request', 'method', 'target', 'query', 'status', 'bytes', 'referrer', 'agent',
    'duration',
)  # fmt: skip


class Lines(NamedTuple):
    """The lines of a chunk. Each line is in one of the three frames, under its number in the chunk, from 0."""

    calls: pl.DataFrame  # `line`, the SOURCE_COLUMNS, and the columns that the steps of the pipeline add
    rejected: pl.DataFrame = NONE
    skipped: pl.DataFrame = NONE

    @property
    def no_format(self) -> bool:
        """Whether there are lines and none of them is in the format: all are rejected for that, or messages of other programs."""
        reasons = {*self.rejected['reason'], *self.skipped['reason']} - {Skip.BLANK, Skip.COMMENT}
        return self.calls.is_empty() and bool(reasons) and reasons <= {Reason.FORMAT, Skip.OTHER_OUTPUT}


class Time(StrEnum):
    """How a format writes times."""

    CLF = 'clf'  # 29/Nov/2026:03:01:23 +0100, also with a fraction of the second; without an offset: of `log_timezone`
    ISO = 'iso'  # ISO 8601; without an offset: of `log_timezone`
    UNIX = 'unix'  # since 1970, in seconds, milliseconds, microseconds or nanoseconds, which the size tells
    CTIME = 'ctime'  # Sun Nov 29 03:11:08 2026, of `log_timezone`


class Escape(StrEnum):
    """How a format writes quotes, backslashes and bytes that are not printable ASCII."""

    NONE = 'none'
    BACKSLASH = 'backslash'  # \\xHH (nginx, Apache), \\" \\\\ \\t \\n \\r (Apache, Tomcat, gunicorn), \\uHHHH (Tomcat)
    HASH = 'hash'  # #HH in upper case (HAProxy)


@dataclass(frozen=True)
class Format:
    """A log format. `read` takes the texts of lines and returns a row of text fields for each, null in every column if the line
    is not in the format; a field without a value is null or -, an empty one is ''."""

    name: str  # as `log_format` takes it
    read: Callable[[pl.Series], pl.DataFrame]
    time: Time = Time.CLF
    escape: Escape = Escape.NONE
    seconds: float = 1.0  # the unit of `duration`
    only_forwarded: bool = False  # the address is logged in the header's place: its last entry is the peer
    notes: tuple[str, ...] = ()  # variables that are skipped, for the summary
    has_messages: bool = False  # whether other messages stand between the calls
    evidence: str = ''  # a field without which most lines are in a more general format
