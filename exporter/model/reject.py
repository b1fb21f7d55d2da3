"""Input that is not counted: the reasons to skip or reject it, and the reject."""

from dataclasses import dataclass
from enum import StrEnum


class Skip(StrEnum):
    """Why valid input is not counted. A closed set."""

    PATH = 'path'  # not an API call according to the setting `paths`
    METHOD = 'method'  # OPTIONS: a CORS preflight request
    STATIC = 'static'  # a file of the web pages: a style sheet, a script, an image, a font
    IGNORED = 'ignored'  # by the setting `ignore`: a health check, monitoring, one's own script
    BLANK = 'blank'  # an empty line
    COMMENT = 'comment'  # a line that begins with #
    NO_REQUEST = 'no_request'  # no valid HTTP request: a port scan, a client that sent nothing
    OTHER_OUTPUT = 'other_output'  # a message of the server or of another program
    HOST = 'host'  # the requested host belongs to no portal


class Reason(StrEnum):
    """Why input is rejected. A closed set."""

    FORMAT = 'format'  # the line does not match the log's format, or the element is not a JSON object
    TIMESTAMP = 'timestamp'  # invalid, before 1990, or more than a day in the future
    ADDRESS = 'address'  # neither an IP address nor, in a log, a host name
    STATUS = 'status'  # not a number from 100 to 999
    BYTES = 'bytes'  # neither a number nor -
    MISSING_FIELD = 'missing_field'  # a required field is missing
    UNKNOWN_FIELD = 'unknown_field'  # unknown field
    VALUE = 'value'  # wrong type, too long or too large
    DOMAIN = 'domain'  # invalid domain name
    FORBIDDEN = 'forbidden'  # the token does not allow this portal


@dataclass(frozen=True)
class Reject:
    """A rejected line or call."""

    reason: str
    domain: str
    origin: str  # the log's name when it was read
    offset: int  # of the first byte in the uncompressed log
    text: str  # the input, unchanged; bytes that are not UTF-8 become surrogates
