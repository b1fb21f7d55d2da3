"""Parses the chunks of an access log, and refuses a file that is no log as a whole."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from exporter.ingest.formats.access_log import parse
from exporter.ingest.formats.lines import separated
from exporter.ingest.logs import batches
from exporter.ingest.logs.foreign import NoLog
from exporter.ingest.pipeline import Chunk
from exporter.model.batch import Batch


def parsed(chunks: Iterable[tuple[batches.Chunk, Batch | None]], name: str, log_format: str) -> Iterator[Chunk]:
    """Parses what is to be stored of the log of that name. Raises NoLog if its first chunk is of no log."""
    for chunk, batch in chunks:
        text = separated(chunk.lines)
        lines = parse(text, log_format, datetime.now(UTC))
        if chunk.first and lines.no_format:
            raise _no_log(name, text, log_format)
        yield Chunk(lines, batch, chunk.start, text)


def _no_log(name: str, text: bytes, log_format: str) -> NoLog:
    first = text.partition(b'\n')[0][:60]
    if not first.isascii() or any(byte < 32 for byte in first.strip()):
        return NoLog(f'{name}: this is not text', 'import an access log')
    wanted = 'in the common or the combined format' if log_format == 'auto' else f'in the {log_format} format'
    return NoLog(f'{name}: none of its lines is {wanted}', 'import an access log, or choose --log-format')
