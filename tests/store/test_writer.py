"""The writer stores batches in order, each once, and raises what it cannot store."""

import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from access_logs import DOMAIN, assert_rollups_agree

from exporter.errors import EngineError
from exporter.model.batch import Batch
from exporter.model.call import COLUMNS, TIMESTAMP, categorical
from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.writer import EncodedBatch, Writer

START = datetime(2024, 12, 31, 12, tzinfo=UTC)


def batch(start: int, end: int) -> Batch:
    return Batch(DOMAIN, 'access_log', 'log:1024', start, end)


def calls(of: Batch, chunks: int = 1, months: int = 1) -> pl.DataFrame:
    """Makes as many calls as the batch has bytes, over `months` months, in `chunks` chunks of memory."""
    line = pl.col('line')
    moments = pl.Series([START + timedelta(days=31 * month) for month in range(months)], dtype=TIMESTAMP)
    timestamp = pl.lit(moments).gather(line % months)
    values = {column.name: pl.lit(0 if column.type.is_numeric() else '') for column in COLUMNS} | {
        'timestamp': timestamp,
        'day': timestamp.dt.date(),
        'hour': timestamp.dt.epoch('s'),
        'domain': pl.lit(of.domain),
        'timezone': pl.lit('UTC'),
        'user_id': (line % 7).cast(pl.String),
        'visitor': line,
        'device': pl.lit('phone'),
        'client': pl.lit('browser'),
        'action': pl.lit('query'),
        'path': line.cast(pl.String),
        'batch_id': pl.lit(of.id),
    }
    frame = pl.select(line=pl.int_range(of.start, of.end)).select(
        value.cast(categorical(column.name) if column.categorical else column.type).alias(column.name)
        for column, value in ((column, values[column.name]) for column in COLUMNS)
    )
    step = -(-len(frame) // chunks)
    return pl.concat([frame[start : start + step] for start in range(0, len(frame), step)], rechunk=False)


@pytest.fixture
def ledger(database: ClickHouse) -> Ledger:
    return Ledger(database, 'key', None)


def store(ledger: Ledger, of: Batch, rows: pl.DataFrame) -> None:
    with Writer(ledger, lambda _: None) as writer:
        writer.put(of, rows, Tally(len(rows)))
        writer.wait()


def stored(database: ClickHouse) -> list[str]:
    return [row['path'] for row in database.query('SELECT path FROM calls ORDER BY toUInt64(path)')]


def test_batches_are_stored_and_reported_in_order(ledger: Ledger, database: ClickHouse) -> None:
    tallies: list[Tally] = []
    batches = [batch(start, start + 10) for start in range(0, 50, 10)]
    with Writer(ledger, tallies.append) as writer:
        for each in batches:
            writer.put(each, calls(each), Tally(10, {'path': each.start}))
        writer.wait()
        assert tallies == [Tally(10, {'path': each.start}) for each in batches]
    assert stored(database) == [str(number) for number in range(50)]
    assert [entry.batch for entry in ledger.entries(DOMAIN, 'log:1024')] == batches
    rows = database.query('SELECT state, start FROM batches ORDER BY at, start, state')
    assert [(row['state'], row['start']) for row in rows] == [
        (state, each.start) for each in batches for state in ('begun', 'done')
    ]


def test_the_end_waits_for_the_current_insert(ledger: Ledger, database: ClickHouse) -> None:
    with Writer(ledger, lambda _: time.sleep(0.2)) as writer:
        writer.put(batch(0, 10), calls(batch(0, 10)), Tally(10))
    assert len(stored(database)) == 10


def test_a_batch_without_calls_is_done(ledger: Ledger) -> None:
    sent = batch(0, 10)
    with Writer(ledger, lambda _: None) as writer:
        writer.put(sent, calls(sent).clear(), Tally(0, {'path': 8}, {'format': 2}))
        writer.wait()
    assert [entry.tally for entry in ledger.entries(DOMAIN, 'log:1024')] == [Tally(0, {'path': 8}, {'format': 2})]


def test_a_batch_sent_again_counts_once(ledger: Ledger, database: ClickHouse) -> None:
    sent = batch(0, 100)
    for _ in range(3):
        store(ledger, sent, calls(sent, months=14))
    assert stored(database) == [str(number) for number in range(100)]
    assert_rollups_agree(database)


@pytest.mark.slow
def test_a_batch_sent_again_in_other_chunks_counts_once(ledger: Ledger, database: ClickHouse) -> None:
    """A replay may cut its lines elsewhere, and ClickHouse compares the record batches of large inserts."""
    sent = batch(0, 700_000)
    few = ['timestamp', 'day', 'hour', 'domain', 'batch_id']  # all columns would take 200 MB more
    store(ledger, sent, calls(sent, chunks=4).select(few))
    store(ledger, sent, calls(sent, chunks=5).select(few))
    [row] = database.query('SELECT count() AS calls, (SELECT sum(calls) FROM days) AS days FROM calls')
    assert row == {'calls': 700_000, 'days': 700_000}


@pytest.mark.slow
def test_a_batch_of_many_months_is_stored(ledger: Ledger, database: ClickHouse) -> None:
    """One batch may hold all months of a small portal."""
    sent = batch(0, 500)
    store(ledger, sent, calls(sent, months=110))
    assert len(stored(database)) == 500
    assert_rollups_agree(database)


def test_a_batch_that_fails_raises_and_stays_begun(ledger: Ledger, database: ClickHouse) -> None:
    first, second, third = batch(0, 10), batch(10, 20), batch(20, 30)
    tallies: list[Tally] = []
    wrong = calls(second).with_columns(device=pl.lit('abacus').cast(categorical('device')))

    def put_all(writer: Writer) -> None:
        writer.put(first, calls(first), Tally(10))
        writer.put(second, wrong, Tally(10))
        writer.put(third, calls(third), Tally(10))

    with Writer(ledger, tallies.append) as writer, pytest.raises(EngineError, match='abacus'):
        put_all(writer)
    assert tallies == [Tally(10)]
    assert stored(database) == [str(number) for number in range(10)]
    assert [entry.tally for entry in ledger.entries(DOMAIN, 'log:1024')] == [Tally(10), None]


def test_nothing_is_left_behind(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on the disk, where a kill would leave it, nor in memory."""
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    before = set(tmp_path.iterdir())
    first, second, third = batch(0, 10), batch(10, 20), batch(20, 30)
    with closing(EncodedBatch(first, calls(first), Tally(10))):
        assert len(in_memory()) == 1
    with suppress(EngineError), Writer(ledger, lambda _: None) as writer:
        writer.put(first, calls(first), Tally(10))
        writer.put(second, calls(second).rename({'status': 'abacus'}), Tally(10))
        writer.put(third, calls(third), Tally(10))
    assert set(tmp_path.iterdir()) == before
    assert in_memory() == []


def in_memory() -> list[Path]:
    """The descriptors of encoded batches in memory."""
    descriptors = []
    for descriptor in Path('/proc/self/fd').iterdir():
        with suppress(FileNotFoundError):
            if 'memfd:calls' in str(descriptor.readlink()):
                descriptors.append(descriptor)
    return descriptors
