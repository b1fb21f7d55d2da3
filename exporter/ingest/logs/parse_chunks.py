"""Parses the chunks of an access log; refuses a file that is not an access log."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from exporter.ingest.formats.access_log import parse
from exporter.ingest.formats.lines import normalize_line_ends
from exporter.ingest.logs.batches import Chunk
from exporter.ingest.logs.foreign import NoLog
from exporter.ingest.pipeline import ParsedChunk
from exporter.model.batch import Batch


def parse_chunks(chunks: Iterable[tuple[Chunk, Batch | None]], name: str, log_format: str) -> Iterator[ParsedChunk]:
    """Parses the chunks of the log `name`. Raises NoLog if no line of its first chunk is in the format."""
    for chunk, batch in chunks:
        text = normalize_line_ends(chunk.lines)
        lines = parse(text, log_format, datetime.now(UTC))
        if chunk.first and lines.no_format:
            raise _no_log(name, text, log_format)
        yield ParsedChunk(lines, batch, chunk.start, text)


def _no_log(name: str, text: bytes, log_format: str) -> NoLog:
    first_line = text.partition(b'\n')[0][:60]
    if not first_line.isascii() or any(byte < 32 for byte in first_line.strip()):
        return NoLog(f'{name}: this is not text', 'import an access log')
    expected = 'in the common or the combined format' if log_format == 'auto' else f'in the {log_format} format'
    return NoLog(f'{name}: none of its lines is {expected}', 'import an access log, or choose --log-format')
