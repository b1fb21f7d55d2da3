"""Input that is not counted: why it was skipped or rejected, and what is kept of a reject."""

from dataclasses import dataclass
from enum import StrEnum


class Skip(StrEnum):
    """Why an input was skipped: it is valid, and not counted. A closed set."""

    PATH = 'path'  # no API call, by the setting paths
    METHOD = 'method'  # OPTIONS: a browser's pre-flight
    BLANK = 'blank'  # an empty line
    COMMENT = 'comment'  # a line that begins with #


class Reason(StrEnum):
    """Why an input was rejected: a closed set."""

    FORMAT = 'format'  # the line is not in the log's format; the element is no JSON object
    TIMESTAMP = 'timestamp'  # no such moment, or one before the web or in the future
    ADDRESS = 'address'  # neither an IP address nor, in a log, a host name
    STATUS = 'status'  # not a number from 100 to 999
    BYTES = 'bytes'  # neither a size nor -
    MISSING_FIELD = 'missing_field'  # a field that a call cannot do without
    UNKNOWN_FIELD = 'unknown_field'  # a field that no call has
    VALUE = 'value'  # of a type that the field does not have, too long or too large
    DOMAIN = 'domain'  # no domain name
    FORBIDDEN = 'forbidden'  # a call of a portal that the token is not for


@dataclass(frozen=True)
class Reject:
    """One input that could not be counted."""

    reason: str
    domain: str
    origin: str  # the log's name when it was read
    offset: int  # of its first byte in the unpacked log
    text: str  # as it came; bytes that are not UTF-8 are kept as surrogates
