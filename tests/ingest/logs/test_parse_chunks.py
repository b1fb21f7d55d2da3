"""A log becomes the same calls, skips and rejects however many of its lines are usual."""

from datetime import UTC, datetime, timedelta
from itertools import accumulate

from access_logs import line

from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey
from exporter.ingest.formats.reader import MANY_LINES, LogReader
from exporter.ingest.logs.batches import Chunk
from exporter.ingest.logs.parse_chunks import parse_chunks
from exporter.ingest.pipeline import read_parts
from exporter.model.batch import Batch

LINES = 2 * MANY_LINES // len(line(0))  # of a chunk
OTHER_FORMAT = '{"time": "%s", "remote_addr": "192.0.2.7", "request": "GET /api/x HTTP/1.1", "status": 200}'


def other(number: int) -> str:
    """Returns a line that is not usual, of one of seven kinds."""
    now = datetime.now(UTC) - timedelta(days=1)
    kinds = [
        'no log at all',
        '',
        line(number, request=r'GET /api/\x41 HTTP/1.1'),
        line(number, request='-'),
        line(number, status='abc'),
        line(number, ip='999.1.1.1'),
        OTHER_FORMAT % now.isoformat(timespec='seconds'),
    ]
    return kinds[number % len(kinds)]


def test_other_lines_are_read_once_with_their_offsets() -> None:
    texts = [[line(n) for n in range(LINES)] for _ in range(4)]
    for number, at in enumerate([(0, 1), (1, 0), (1, LINES - 1), (2, 7), (2, 8), (2, 9), (3, 0)]):
        texts[at[0]][at[1]] = other(number)
    blocks = [''.join(f'{text}\n' for text in of_chunk).encode() for of_chunk in texts]
    starts = list(accumulate(map(len, blocks), initial=100))
    batches = [Batch('d', 's', 'l', 100, starts[3]), Batch('d', 's', 'l', starts[3], starts[4])]
    ends = {2: batches[0], 3: batches[1]}
    chunks = [(Chunk(starts[number], block), ends.get(number)) for number, block in enumerate(blocks)]
    results = []
    for has_usual_lines in (True, False):
        reader = LogReader()
        if not has_usual_lines:
            reader.usual_lines = None
        reader.read(f'{line(0)}\n'.encode(), datetime.now(UTC))
        enrichment = Enrichment('d', PortalRules(), open_places(None), VisitorKey(b'k' * 32, is_shared=True))
        parts = list(read_parts(parse_chunks(iter(chunks), 'access.log', reader), enrichment))
        assert [(part.batch.start, part.batch.format) for part in parts if part.batch] == [
            (100, 'combined'),
            (starts[3], 'combined'),
        ]
        results.append([(sorted(map(str, part.calls.rows())), part.skipped, sorted(part.rejects)) for part in parts])
    assert results[0] == results[1]
    rejects = [reject for _, _, rejects in results[0] for reject in rejects]
    assert sorted(reason for reason, _, _ in rejects) == ['address', 'format', 'status']
    for _, offset, text in rejects:
        assert b''.join(blocks)[offset - starts[0] :].startswith(f'{text}\n'.encode())
