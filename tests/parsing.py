"""Parses lines of a log in one call."""

from datetime import datetime

from exporter.ingest.formats import Lines
from exporter.ingest.formats.reader import LogReader

FORMATS = ('auto', 'combined', 'common')


def parse(chunk: bytes, log_format: str, now: datetime) -> Lines:
    """What a new reader makes of whole lines."""
    return LogReader(log_format).read(chunk, now)
