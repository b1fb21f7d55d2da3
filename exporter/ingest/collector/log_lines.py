"""Turns the body of a request into the lines of a log, and reads them in their format; pure."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import polars as pl

from exporter.errors import InputError, TooLarge
from exporter.ingest.collector.body import JSON, JSON_ERRORS, Element, elements
from exporter.ingest.collector.calls import ElementReject
from exporter.ingest.formats import Lines
from exporter.ingest.formats.lines import normalize_line_ends
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.formats.wrappers import complete_end
from exporter.ingest.split import split
from exporter.model.reject import Reason

MOST_LINES = 100_000  # in one request
CHUNK = 3 << 20  # bytes that are parsed at a time: parsing takes fifteen times its size
# Cloudflare Logpush uploads this before it accepts a destination:
# https://developers.cloudflare.com/logs/get-started/enable-destinations/http/
TEST_CONTENTS = ('test', 'tests')
LONGEST_TEST_UPLOAD = 200  # bytes

# What is wrong with a rejected line: the field of a call, and the detail for people.
DETAILS = {
    Reason.TIMESTAMP: ('timestamp', 'invalid time, or before 1990 or more than a day in the future'),
    Reason.ADDRESS: ('ip', 'neither an IP address nor a host name'),
    Reason.STATUS: ('status', 'not a number from 100 to 999'),
    Reason.BYTES: ('bytes', 'neither a size nor -'),
}
NOT_IN_FORMAT = '', 'the line is in no known format, or not in the format of the other lines; give the format'


class LogLines(NamedTuple):
    """The lines of a request, in chunks. The frames number the lines in the whole request, from 0."""

    chunks: Sequence[tuple[str, Lines]]  # the portal and its lines; '' for the lines of no portal
    texts: Sequence[bytes]  # of all lines
    fault: str = ''  # why no line is in a format

    @property
    def only_rejects(self) -> bool:
        """Whether every line is rejected."""
        return all(lines.calls.is_empty() and lines.skipped.is_empty() for _, lines in self.chunks)

    @property
    def have_hosts(self) -> bool:
        """Whether a line tells the requested host."""
        return any((lines.calls['host'] != '').any() for _, lines in self.chunks)

    def of(self, domain: str) -> 'LogLines':
        """Returns all lines as those of one portal."""
        return self._replace(chunks=[(domain, lines) for _, lines in self.chunks])

    def by_host(self, portal: Callable[[str], str]) -> 'LogLines':
        """Returns each line as one of the portal that `portal` returns for its host."""
        return self._replace(chunks=[part for _, lines in self.chunks for part in split(lines, portal)])

    def rejects(self, rejected: pl.DataFrame, domain: str) -> Iterator[ElementReject]:
        """Yields the rejects of lines that are rejected: `line` and `reason`."""
        for line, reason in rejected.sort('line').iter_rows():
            field, detail = DETAILS.get(Reason(reason), NOT_IN_FORMAT)
            text = self.texts[line].strip(b'\0').removesuffix(b'\r').decode(errors='replace')
            yield ElementReject(line, field, Reason(reason), detail, domain, text)


def is_test_upload(body: bytes) -> bool:
    """Whether the body is what Cloudflare Logpush uploads to test a destination."""
    if len(body) > LONGEST_TEST_UPLOAD:
        return False
    try:
        value = msgspec.json.decode(body)
    except JSON_ERRORS:
        return False
    return isinstance(value, dict) and value.keys() <= {'content', 'filename'} and value.get('content') in TEST_CONTENTS


def read(body: bytes, media_type: str, now: datetime, reader: LogReader) -> LogLines:
    """Reads the lines of a body. A JSON value, or each value of a JSON array, is one line; other bodies are lines.

    The lines are of no portal yet. `now` bounds which timestamps are valid.
    Raises InputError for an empty body, TooLarge for more than MOST_LINES lines.
    """
    text = normalize_line_ends(_join_values(body) if media_type == JSON else body)
    texts = text.removesuffix(b'\n').split(b'\n')
    if not text.strip():
        raise InputError('the body is empty', 'send one log line per line')
    if len(texts) > MOST_LINES:
        raise TooLarge(f'the request holds {len(texts):,} lines, the limit is {MOST_LINES:,}', 'split it into several requests')
    chunks, first = list[Lines](), 0
    for chunk in _cut(text):
        lines = _read_chunk(chunk, now, reader)
        chunks.append(Lines(*(frame.with_columns(pl.col('line') + first) for frame in lines)))
        first += chunk.count(b'\n')
    fault = _fault(next(_cut(text)), now, reader) if all(lines.no_format for lines in chunks) else ''
    return LogLines([('', lines) for lines in chunks], texts, fault)


def _join_values(body: bytes) -> bytes:
    """Returns the values of a JSON body, one per line: of an array its elements; a text stands for itself.

    Some shippers send lines of JSON as application/json: these stay as they are.
    """
    try:
        return b'\n'.join(map(_line, elements(body, JSON)))
    except InputError:
        return body


def _line(element: Element) -> bytes:
    value = bytes(element)
    if value.startswith(b'"'):
        value = msgspec.json.decode(value, type=str).encode()
    return b' '.join(value.splitlines())  # in JSON, line ends are only between values


def _cut(text: bytes) -> Iterator[bytes]:
    """Yields chunks of whole lines."""
    start = 0
    while start < len(text):
        end = text.find(b'\n', start + CHUNK) + 1 or len(text)
        if end < len(text):
            end = start + (complete_end(text[start:end]) or end - start)
        yield text[start:end]
        start = end


def _read_chunk(chunk: bytes, now: datetime, reader: LogReader) -> Lines:
    try:
        return reader.read(chunk, now)
    except InputError:
        if reader.format is None:
            raise
    reader.is_auto = False  # lines of JSON that are no calls stand between the calls: they are rejected
    try:
        return reader.read(chunk, now)
    finally:
        reader.is_auto = True


def _fault(chunk: bytes, now: datetime, reader: LogReader) -> str:
    try:
        reader.read(chunk, now, 'the body', first=True)
    except InputError as error:
        return str(error)
    return ''
