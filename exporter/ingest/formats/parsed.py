"""The pieces of an access log, parsed; what is no log is refused as a whole."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from exporter.ingest.formats.access_log import parse
from exporter.ingest.formats.lines import separated
from exporter.ingest.logs.batches import Piece
from exporter.ingest.logs.foreign import NoLog
from exporter.ingest.pipeline import RawPiece
from exporter.model.batch import Batch


def parsed(pieces: Iterable[tuple[Piece, Batch | None]], name: str, log_format: str) -> Iterator[RawPiece]:
    """Parses what is to be stored of the log of that name. Raises NoLog where its first piece is of no log."""
    for piece, batch in pieces:
        lines = separated(piece.lines)
        found = parse(lines, log_format, datetime.now(UTC))
        if piece.first and found.no_format:
            raise NoLog(f'{name}: {_no_log(lines, log_format)}')
        yield RawPiece(found, batch, piece.start, lines)


def _no_log(lines: bytes, log_format: str) -> str:
    first = lines.partition(b'\n')[0][:60]
    if not first.isascii() or any(byte < 32 for byte in first.strip()):
        return 'this is no text; import an access log'
    wanted = 'in the common or the combined format' if log_format == 'auto' else f'in the {log_format} format'
    return f'none of its lines is {wanted}; import an access log, or choose --log-format'
