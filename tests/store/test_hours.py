"""Hours of a pulled source are stored together; of a changed hour, the calls that are new are found."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from access_logs import DOMAIN
from pulled_calls import START, batch, calls, store

from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse
from exporter.store.hours import added_calls, store_hours
from exporter.store.ledger import Ledger
from exporter.store.rollups import differing


def test_hours_are_stored_together_also_without_calls(database: ClickHouse, tmp_path: Path) -> None:
    store(database, tmp_path, (batch(0), calls('a', 'b')), (batch(1), calls()), (batch(2), calls('c', hour=2)))
    assert database.query('SELECT batch_id, count() AS n FROM calls GROUP BY batch_id ORDER BY batch_id') == [
        {'batch_id': batch(0).id, 'n': 2},
        {'batch_id': batch(2).id, 'n': 1},
    ]
    done = database.query("SELECT stored, first_timestamp FROM batches WHERE state = 'done' ORDER BY start")
    assert [row['stored'] for row in done] == [2, 0, 1]
    assert done[1]['first_timestamp'] is None
    assert differing(database, DOMAIN) == []


def test_hours_replace_earlier_batches(database: ClickHouse, tmp_path: Path) -> None:
    store(database, tmp_path, (batch(0), calls('a', 'b')), (batch(1), calls('c', hour=1)))
    store(database, tmp_path, (batch(0, revision=1), calls('d')), replaced=[batch(0)])
    assert database.query('SELECT path FROM calls ORDER BY path') == [{'path': 'c'}, {'path': 'd'}]
    assert differing(database, DOMAIN) == []
    hour = Ledger(database).hours(DOMAIN, 'opendatasoft', START, START + 3_600)[START]
    assert (hour.is_stored, hour.revisions, hour.tally.stored, hour.next_revision) == (True, (1,), 1, 2)


def test_an_hour_has_the_lines_of_all_its_batches(database: ClickHouse, tmp_path: Path) -> None:
    ledger = Ledger(database)
    store_hours(ledger, tmp_path, [(batch(0), calls('a'), Tally(1, {'ignored': 2}, hidden_addresses=1))], ())
    store_hours(ledger, tmp_path, [(batch(0, revision=1), calls('b'), Tally(1, {'ignored': 1}))], ())
    hour = ledger.hours(DOMAIN, 'opendatasoft', START, START + 3_600)[START]
    assert (hour.tally, hour.revisions, hour.is_stored) == (Tally(2, {'ignored': 3}, {}, 1), (0, 1), True)
    ledger.begin_hours([batch(0, revision=2)])
    hour = ledger.hours(DOMAIN, 'opendatasoft', START, START + 3_600)[START]
    assert (hour.tally.stored, hour.is_stored) == (2, False)
    assert hour.begun
    assert abs(hour.begun - datetime.now(UTC)) < timedelta(minutes=1)


def test_late_calls_are_found_among_equal_ones(database: ClickHouse, tmp_path: Path) -> None:
    store(database, tmp_path, (batch(0), calls('a', 'a', 'b')), (batch(1), calls('c', hour=1)))

    def added(*paths: str) -> list[str] | None:
        found = added_calls(database, {START: ([batch(0)], calls(*paths))}).get(START)
        return None if found is None else found['path'].cast(pl.String).to_list()

    assert added('a', 'b', 'a') == []
    assert added('b', 'a', 'new', 'a', 'a') == ['new', 'a']
    assert added('a', 'b', 'new', 'new') is None


def test_what_settings_change_later_does_not_make_a_call_another(database: ClickHouse, tmp_path: Path) -> None:
    store(database, tmp_path, (batch(0), calls('a')))
    changed = calls('a', 'b').with_columns(country=pl.lit('FR'))
    assert added_calls(database, {START: ([batch(0)], changed)})[START]['path'].cast(pl.String).to_list() == ['b']
