"""The ledger knows of every batch what it covers and what became of it, and tells what was begun from what is done."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ConcurrentImport
from exporter.model.batch import Batch, Checkpoint, Entry
from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger

DOMAIN, LOG = 'data.example.org', 'd717c86ab4c5c297:1024'
FIRST, LAST = datetime(2025, 5, 17, 10, 5, 3, 123_000, UTC), datetime(2025, 5, 18, tzinfo=UTC)


@pytest.fixture
def ledger(database: ClickHouse) -> Ledger:
    return Ledger(database, 'a1b2c3d4', date(2026, 2, 4))


def batch(start: int, end: int, log: str = LOG, **other: Any) -> Batch:
    points = tuple(Checkpoint(at, 2**64 - at) for at in range(start + 10, end + 1, 10))
    return Batch(DOMAIN, 'access_log', log, start, end, "it's a log, é\n.gz", points, **other)


def test_a_batch_is_begun_and_then_done(ledger: Ledger) -> None:
    one, tally = batch(0, 100), Tally(90, {'path': 5, 'blank': 1}, {'format': 3, 'status': 2})
    assert ledger.entries(DOMAIN, LOG) == []
    ledger.begin(one)
    assert ledger.entries(DOMAIN, LOG) == [Entry(one, None)]
    ledger.done(one, tally, FIRST, LAST)
    assert ledger.entries(DOMAIN, LOG) == [Entry(one, tally)]


def test_batches_come_in_the_order_of_the_log(ledger: Ledger) -> None:
    batches = [batch(start, start + 100) for start in (0, 100, 200, 1_000)]
    for one in batches[::-1]:
        ledger.begin(one)
    ledger.done(batches[2], Tally(1), FIRST, LAST)
    assert [entry.batch for entry in ledger.entries(DOMAIN, LOG)] == batches
    assert [entry.tally for entry in ledger.entries(DOMAIN, LOG)] == [None, None, Tally(1), None]


def test_saying_it_again_changes_nothing(ledger: Ledger) -> None:
    one, tally = batch(0, 100), Tally(90, {'path': 5}, {'format': 3})
    for _ in range(3):
        ledger.begin(one)
        ledger.done(one, tally, FIRST, LAST)
    assert ledger.entries(DOMAIN, LOG) == [Entry(one, tally)]
    assert ledger.database.query("SELECT count() AS rows FROM batches WHERE state = 'done'") == [{'rows': 1}]


@pytest.mark.slow
@pytest.mark.parametrize('done', [False, True], ids=['begun', 'done'])
def test_who_begins_second_with_some_of_the_same_lines_gives_way(ledger: Ledger, done: bool) -> None:
    first = batch(100, 200)
    ledger.begin(first)
    if done:
        ledger.done(first, Tally(5), FIRST, LAST)
    for other in (batch(0, 101), batch(199, 300), batch(100, 300), batch(120, 180)):
        for _ in range(2):
            with pytest.raises(ConcurrentImport, match='another import of this log is under way'):
                ledger.begin(other)
    assert [entry.batch for entry in ledger.entries(DOMAIN, LOG)] == [first]
    ledger.begin(first)
    ledger.begin(batch(0, 100))
    ledger.begin(batch(200, 300))
    ledger.begin(batch(100, 300, 'another log'))
    ledger.forget([first])
    ledger.begin(batch(120, 180))
    assert [entry.batch.start for entry in ledger.entries(DOMAIN, LOG)] == [0, 120, 200]


def test_who_gave_way_can_begin_again(ledger: Ledger) -> None:
    first, second = batch(0, 100), batch(0, 200)
    ledger.begin(first)
    with pytest.raises(ConcurrentImport):
        ledger.begin(second)
    ledger.forget([first])
    ledger.begin(second)
    assert ledger.entries(DOMAIN, LOG) == [Entry(second, None)]


def test_it_says_when_with_what_places_and_with_what_key(ledger: Ledger) -> None:
    ledger.begin(batch(0, 100))
    ledger.done(batch(0, 100), Tally(90), FIRST, LAST)
    [row] = ledger.database.query("SELECT *, abs(at - now()) < 60 AS just_now FROM batches WHERE state = 'done'")
    assert row['just_now']
    assert [row[name].replace(tzinfo=UTC) for name in ('first_timestamp', 'last_timestamp')] == [FIRST, LAST]
    assert (row['geo_date'], row['key_id']) == (date(2026, 2, 4), 'a1b2c3d4')
    assert (row['origin'], row['source'], row['batch_id']) == ("it's a log, é\n.gz", 'access_log', f'{DOMAIN}/{LOG}/0-100')


def test_a_batch_without_calls_has_no_moments(ledger: Ledger) -> None:
    ledger.done(batch(0, 100), Tally(0, {'path': 5}), None, None)
    [row] = ledger.database.query('SELECT first_timestamp, last_timestamp FROM batches')
    assert list(row.values()) == [None, None]


def test_a_forgotten_batch_is_none_and_its_log_has_a_new_name(ledger: Ledger) -> None:
    one = batch(0, 100)
    ledger.begin(one)
    ledger.done(one, Tally(90), FIRST, LAST)
    ledger.forget([one])
    assert ledger.entries(DOMAIN, LOG) == []
    assert ledger.logs(DOMAIN) == [LOG]
    second = ledger.new_log(DOMAIN, LOG)
    assert batch(0, 100, second).id != one.id
    ledger.begin(batch(0, 100, second))
    assert ledger.new_log(DOMAIN, LOG) not in (LOG, second)


def test_a_log_that_never_was_has_its_own_name(ledger: Ledger) -> None:
    assert ledger.new_log(DOMAIN, LOG) == LOG


def test_portals_know_nothing_of_each_other(ledger: Ledger) -> None:
    ledger.begin(batch(0, 100))
    ledger.done(batch(0, 100), Tally(1), FIRST, LAST)
    assert ledger.entries('other.example.org', LOG) == []
    assert ledger.logs('other.example.org') == []
    assert ledger.keys('other.example.org') == set()


def test_the_keys_are_those_of_what_is_stored(ledger: Ledger) -> None:
    assert ledger.keys(DOMAIN) == set()
    ledger.begin(batch(0, 100))
    assert ledger.keys(DOMAIN) == set()
    ledger.done(batch(0, 100), Tally(1), FIRST, LAST)
    Ledger(ledger.database, 'other', None).done(batch(100, 200), Tally(1), FIRST, LAST)
    assert ledger.keys(DOMAIN) == {'a1b2c3d4', 'other'}


COUNTS = st.builds(
    Tally,
    st.integers(0, 99),
    st.dictionaries(st.sampled_from(['path', 'method', 'blank']), st.integers(1, 99)),
    st.dictionaries(st.sampled_from(['format', 'status', 'bytes']), st.integers(1, 99)),
)


@given(st.lists(COUNTS))
def test_counts_add_up(parts: list[Tally]) -> None:
    total = Tally()
    for part in parts:
        total.add(part)
    assert total.stored == sum(part.stored for part in parts)
    assert total.skipped == sum((Counter(part.skipped) for part in parts), Counter())
    assert total.rejected == sum((Counter(part.rejected) for part in parts), Counter())
