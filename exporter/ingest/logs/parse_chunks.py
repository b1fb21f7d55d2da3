"""Parses the chunks of an access log; refuses a file that is not an access log."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from exporter.errors import InputError
from exporter.ingest.formats.lines import normalize_line_ends
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs.batches import Chunk
from exporter.ingest.logs.foreign import NoLog
from exporter.ingest.pipeline import ParsedChunk
from exporter.model.batch import Batch


def parse_chunks(chunks: Iterable[tuple[Chunk, Batch | None]], name: str, reader: LogReader) -> Iterator[ParsedChunk]:
    """Parses the chunks of the log `name`. Each batch records the format in which it begins, and is read again in it.

    Raises NoLog if no line of the log's first chunk is in a format.
    """
    begins_in = ''
    for chunk, batch in chunks:
        if chunk.format and reader.is_auto:
            reader.resume(chunk.format)
        begins_in = begins_in or reader.name
        text = normalize_line_ends(chunk.lines)
        try:
            lines = reader.read(text, datetime.now(UTC), name, chunk.first)
        except InputError as error:
            raise _no_log(name, text) or NoLog(error.what, error.remedy) from None
        begins_in = begins_in or reader.name
        yield ParsedChunk(lines, replace(batch, format=begins_in) if batch else None, chunk.start, text)
        if batch:
            begins_in = ''


def _no_log(name: str, text: bytes) -> NoLog | None:
    first_line = text.partition(b'\n')[0][:60]
    if not first_line.isascii() or any(byte < 32 for byte in first_line.strip()):
        return NoLog(f'{name}: this is not text', 'import an access log')
    return None
