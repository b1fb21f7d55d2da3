"""Recognizes the format of a log from its first and its last lines. Locks nothing: another process may read the log."""

import os
from pathlib import Path

from exporter.errors import InputError
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs.batches import Chunk
from exporter.ingest.logs.log_file import DAMAGE, shown, unpacker_of
from exporter.ingest.logs.parse_chunks import parse_chunks

SAMPLE = 128 << 10  # bytes that are read at each end: hundreds of lines


def recognize(path: str, reader: LogReader) -> str:
    """Returns the name of the format in which the log ends, as the summary of an import shows it; '' if it has no whole line.

    Only the first lines of a compressed log are read. Raises InputError for an unreadable file, and if no line is in a format.
    """
    try:
        head, tail = _ends(Path(path))
    except DAMAGE as error:
        raise InputError(f'{shown(path)}: cannot read the log ({error})', 'name an intact log that you may read') from error
    chunks = [(Chunk(0, head, first=True), None), (Chunk(len(head), tail), None)]
    for _ in parse_chunks([chunk for chunk in chunks if chunk[0].lines], shown(path), reader):
        pass
    return reader.shown_name if head else ''


def _ends(path: Path) -> tuple[bytes, bytes]:
    """Reads the whole lines at the beginning and at the end. Raises one of DAMAGE."""
    with path.open('rb') as file:
        if unpack := unpacker_of(file):
            with unpack(file) as content:
                return _to_line_end(content.read(SAMPLE)), b''
        head = file.read(SAMPLE)
        file.seek(max(len(head), os.fstat(file.fileno()).st_size - SAMPLE))
        return _to_line_end(head), _to_line_end(file.read(SAMPLE).partition(b'\n')[2])


def _to_line_end(content: bytes) -> bytes:
    return content[: content.rfind(b'\n') + 1].lstrip(b'\0')
