"""Every line of a batch is stored, skipped or rejected; a reject keeps its line unchanged."""

from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

import polars as pl
import pytest
from access_logs import DOMAIN, asked, assert_rollups_agree, line, log, paths
from files import DATA
from parsing import parse

from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.memo import Dictionary
from exporter.enrich.visitor import VisitorKey
from exporter.ingest import pipeline
from exporter.ingest.pipeline import ParsedChunk
from exporter.model.batch import Batch
from exporter.model.reject import Reject
from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.writer import Writer

CITIES = DATA / 'GeoLite2-City-Test.mmdb'
NOW = datetime(2026, 11, 23, tzinfo=UTC)
PORTAL = PortalRules(paths=('/api/*',))


@pytest.fixture
def ledger(database: ClickHouse) -> Ledger:
    return Ledger(database, 'key', None)


def batch(start: int, end: int) -> Batch:
    return Batch(DOMAIN, 'access_log', 'log:1024', start, end, 'access.log')


def chunk(lines: bytes, start: int = 0, of: Batch | None = None) -> ParsedChunk:
    return ParsedChunk(parse(lines, 'auto', NOW), of, start, lines)


def run(ledger: Ledger, rejected: RejectStore, *chunks: ParsedChunk) -> list[Tally]:
    """Returns the tally of each stored batch."""
    tallies: list[Tally] = []
    enrichment = Enrichment(DOMAIN, PORTAL, open_places(None), VisitorKey(b'k' * 32, is_shared=True))
    with Writer(ledger, tallies.append) as writer:
        read = pipeline.read_parts(chunks, enrichment)
        pipeline.put_batches(pipeline.complete_parts(read, enrichment), rejected, writer.put)
        writer.wait()
    return tallies


def test_each_line_is_stored_skipped_or_rejected(ledger: Ledger, database: ClickHouse, tmp_path: Path) -> None:
    lines = [
        line(0),
        'no log',
        line(1, request='GET /static/x.css HTTP/1.1'),
        line(2, ip='999.1.1.1'),
        line(3, request='OPTIONS /api/3 HTTP/1.1'),
        line(4, status='abc'),
        line(5),
    ]
    block = '\r\n'.join(lines).encode() + b'\n'
    rejected = RejectStore(tmp_path)
    one = batch(1_000, 1_000 + len(block))
    assert run(ledger, rejected, chunk(block, 1_000, one)) == [
        Tally(2, {'path': 1, 'method': 1}, {'format': 1, 'address': 1, 'status': 1})
    ]
    assert paths(database) == asked([0, 5])
    starts = [1_000 + block.index(text.encode()) for text in (lines[1], lines[3], lines[5])]
    assert list(rejected) == [
        Reject(reason, DOMAIN, 'access.log', start, text)
        for reason, start, text in zip(('format', 'address', 'status'), starts, (lines[1], lines[3], lines[5]), strict=True)
    ]
    [entry] = ledger.entries(DOMAIN, 'log:1024')
    assert entry.tally == Tally(2, {'path': 1, 'method': 1}, {'format': 1, 'address': 1, 'status': 1})
    assert_rollups_agree(database)


def test_batch_of_several_chunks(ledger: Ledger, database: ClickHouse, tmp_path: Path) -> None:
    first, second, third = log(range(10)), b'no log\n' + log(range(10, 20)), log(range(20, 30)) + b'none either\n'
    whole = batch(0, len(first + second + third))
    rejected = RejectStore(tmp_path)
    chunks = chunk(first), chunk(second, len(first)), chunk(third, len(first + second), whole)
    assert run(ledger, rejected, *chunks) == [Tally(30, {}, {'format': 2})]
    assert paths(database) == asked(range(30))
    assert [one.offset for one in rejected] == [len(first), whole.end - len(b'none either\n')]
    assert database.query('SELECT DISTINCT batch_id FROM calls') == [{'batch_id': whole.id}]


def test_batches_are_independent(ledger: Ledger, database: ClickHouse, tmp_path: Path) -> None:
    blocks = [log(range(5)) + b'x\n', log(range(5, 9)), log(range(9, 12)) + b'y\nz\n']
    starts = [0, len(blocks[0]), len(blocks[0] + blocks[1])]
    batches = [batch(start, start + len(block)) for start, block in zip(starts, blocks, strict=True)]
    tallies = run(ledger, RejectStore(tmp_path), *map(chunk, blocks, starts, batches))
    assert tallies == [Tally(5, {}, {'format': 1}), Tally(4), Tally(3, {}, {'format': 2})]
    stored = database.query('SELECT batch_id, count() AS calls FROM calls GROUP BY batch_id')
    assert {row['batch_id']: row['calls'] for row in stored} == {
        one.id: count.stored for one, count in zip(batches, tallies, strict=True)
    }
    assert len(list((tmp_path / 'rejected').iterdir())) == 2


def put(enrichment: Enrichment, rejected: RejectStore, blocks: list[bytes]) -> tuple[pl.DataFrame, Tally]:
    """Puts a batch of several chunks; returns its calls, with texts as such, and its tally."""
    starts = [0, *accumulate(map(len, blocks))]
    batches = [*[None] * (len(blocks) - 1), batch(0, starts[-1])]
    results: list[tuple[pl.DataFrame, Tally]] = []
    read = pipeline.read_parts(map(chunk, blocks, starts, batches), enrichment)
    complete = pipeline.complete_parts(read, enrichment)
    pipeline.put_batches(complete, rejected, lambda _, calls, tally: results.append((calls, tally)))
    [(calls, tally)] = results
    return calls.cast({pl.Categorical: pl.String}), tally


@pytest.mark.parametrize('part_rows', [1, 25, 1_000])
@pytest.mark.parametrize('remembered', [0, 12, 45])
def test_parts_of_a_batch_whose_texts_have_other_numbers_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_rows: int, remembered: int
) -> None:
    """A dictionary begins again within a batch, also within a part of it."""
    blocks = [log(range(start, start + 10)) for start in range(0, 120, 10)]
    blocks += [log(range(5)) + f'{line(7, ip="999.1.1.1")}\n{line(8, request="GET /x HTTP/1.1")}\nno log\n'.encode(), *blocks[:3]]
    expected, kept = (
        Enrichment(DOMAIN, PORTAL, open_places(CITIES), VisitorKey(b'k' * 32, is_shared=True)),
        RejectStore(tmp_path / 'expected'),
    )
    calls, tally = put(expected, kept, blocks)
    enrichment, rejected = (
        Enrichment(DOMAIN, PORTAL, open_places(CITIES), VisitorKey(b'k' * 32, is_shared=True)),
        RejectStore(tmp_path / 'parts'),
    )
    enrichment.texts = {name: Dictionary(remembered) for name in enrichment.texts}
    for memo in (enrichment.valid_addresses, enrichment.addresses, enrichment.agents):
        memo.dictionary = Dictionary(remembered)
    monkeypatch.setattr(pipeline, 'PART_ROWS', part_rows)
    for _ in range(2):  # then some texts have another number than the first time
        joined, tally_of_parts = put(enrichment, rejected, blocks)
        assert joined.equals(calls)
        assert tally_of_parts == tally
    assert list(rejected) == list(kept)
    assert calls['visitor'].n_unique() > 100


def test_batch_without_calls_is_done(ledger: Ledger, tmp_path: Path) -> None:
    block = f'{line(0, request="GET / HTTP/1.1")}\nno log\n'.encode()
    assert run(ledger, RejectStore(tmp_path), chunk(block, 0, batch(0, len(block)))) == [Tally(0, {'path': 1}, {'format': 1})]
    [entry] = ledger.entries(DOMAIN, 'log:1024')
    assert entry.tally == Tally(0, {'path': 1}, {'format': 1})


def test_a_rejected_line_is_kept_byte_by_byte(ledger: Ledger, tmp_path: Path) -> None:
    odd = b'\xff\xfe caf\xe9 \x00 \x1b[31m\ttab "quote" \\ \xe2\x80\xa8 \xc2\x85 \x0c end'
    block = log([0]) + odd + b'\n' + log([1])
    rejected = RejectStore(tmp_path)
    run(ledger, rejected, chunk(block, 0, batch(0, len(block))))
    [kept] = rejected
    assert kept.text.encode(errors='surrogateescape') == odd


def test_rejects_are_on_the_disk_before_the_batch_is_done(ledger: Ledger, tmp_path: Path) -> None:
    """Otherwise a done batch, which is never read again, could lose them."""
    rejected = RejectStore(tmp_path / 'file' / 'is no directory')
    (tmp_path / 'file').touch()
    block = log([0]) + b'no log\n'
    with pytest.raises(OSError, match='Not a directory'):
        run(ledger, rejected, chunk(block, 0, batch(0, len(block))))
    assert not [entry for entry in ledger.entries(DOMAIN, 'log:1024') if entry.tally]
