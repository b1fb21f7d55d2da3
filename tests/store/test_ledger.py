"""The ledger records the range and the tally of every batch, and whether it is begun or done."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ConcurrentImport
from exporter.model.batch import Batch, Checkpoint, Entry, Log
from exporter.model.counting_rules import VERSION
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
    head: dict[str, Any] = {'head': LOG, 'head_bytes': 1024} if log == LOG else {}
    return Batch(DOMAIN, 'access_log', log, start, end, "it's a log, é\n.gz", points, **head | other)


def test_a_batch_is_begun_and_then_done(ledger: Ledger) -> None:
    first, tally = batch(0, 100), Tally(90, {'path': 5, 'blank': 1}, {'format': 3, 'status': 2})
    assert ledger.entries(DOMAIN, LOG) == []
    ledger.begin(first)
    assert ledger.entries(DOMAIN, LOG) == [Entry(first, None)]
    ledger.done(first, tally, FIRST, LAST)
    assert ledger.entries(DOMAIN, LOG) == [Entry(first, tally)]


def test_batches_come_in_the_order_of_the_log(ledger: Ledger) -> None:
    batches = [batch(start, start + 100) for start in (0, 100, 200, 1_000)]
    for entry in batches[::-1]:
        ledger.begin(entry)
    ledger.done(batches[2], Tally(1), FIRST, LAST)
    assert [entry.batch for entry in ledger.entries(DOMAIN, LOG)] == batches
    assert [entry.tally for entry in ledger.entries(DOMAIN, LOG)] == [None, None, Tally(1), None]


def test_recording_a_batch_again_changes_nothing(ledger: Ledger) -> None:
    first, tally = batch(0, 100), Tally(90, {'path': 5}, {'format': 3})
    for _ in range(3):
        ledger.begin(first)
        ledger.done(first, tally, FIRST, LAST)
    assert ledger.entries(DOMAIN, LOG) == [Entry(first, tally)]
    assert ledger.database.query("SELECT count() AS rows FROM batches WHERE state = 'done'") == [{'rows': 1}]


@pytest.mark.slow
@pytest.mark.parametrize('done', [False, True], ids=['begun', 'done'])
def test_the_second_of_two_overlapping_batches_gives_way(ledger: Ledger, done: bool) -> None:
    first = batch(100, 200)
    ledger.begin(first)
    if done:
        ledger.done(first, Tally(5), FIRST, LAST)
    for overlapping in (batch(0, 101), batch(199, 300), batch(100, 300), batch(120, 180)):
        for _ in range(2):
            with pytest.raises(ConcurrentImport, match='another import of this log is under way'):
                ledger.begin(overlapping)
    assert [entry.batch for entry in ledger.entries(DOMAIN, LOG)] == [first]
    ledger.begin(first)
    ledger.begin(batch(0, 100))
    ledger.begin(batch(200, 300))
    ledger.begin(batch(100, 300, 'another log'))
    ledger.forget([first])
    ledger.begin(batch(120, 180))
    assert [entry.batch.start for entry in ledger.entries(DOMAIN, LOG)] == [0, 120, 200]


def test_a_batch_that_gave_way_can_begin_again(ledger: Ledger) -> None:
    first, second = batch(0, 100), batch(0, 200)
    ledger.begin(first)
    with pytest.raises(ConcurrentImport):
        ledger.begin(second)
    ledger.forget([first])
    ledger.begin(second)
    assert ledger.entries(DOMAIN, LOG) == [Entry(second, None)]


def test_a_row_has_its_time_its_geolocation_date_and_its_key_id(ledger: Ledger) -> None:
    ledger.begin(batch(0, 100))
    ledger.done(batch(0, 100), Tally(90), FIRST, LAST)
    [row] = ledger.database.query("SELECT *, abs(at - now()) < 60 AS just_now FROM batches WHERE state = 'done'")
    assert row['just_now']
    assert [row[name].replace(tzinfo=UTC) for name in ('first_timestamp', 'last_timestamp')] == [FIRST, LAST]
    assert (row['geo_date'], row['key_id']) == (date(2026, 2, 4), 'a1b2c3d4')
    assert (row['origin'], row['source'], row['batch_id']) == ("it's a log, é\n.gz", 'access_log', f'{DOMAIN}/{LOG}/0-100')


def test_a_batch_without_calls_has_no_times(ledger: Ledger) -> None:
    ledger.done(batch(0, 100), Tally(0, {'path': 5}), None, None)
    [row] = ledger.database.query('SELECT first_timestamp, last_timestamp FROM batches')
    assert list(row.values()) == [None, None]


def test_a_forgotten_batch_has_no_entry_and_its_log_gets_a_new_name(ledger: Ledger) -> None:
    first = batch(0, 100)
    ledger.begin(first)
    ledger.done(first, Tally(90), FIRST, LAST)
    ledger.forget([first])
    assert ledger.entries(DOMAIN, LOG) == []
    assert ledger.logs(DOMAIN) == [Log(LOG, LOG, 1024)]
    second = Log.new(LOG, 1024, ledger.logs(DOMAIN))
    again = second.batch(DOMAIN, 'access_log', 0, 100)
    assert again.id != first.id
    ledger.begin(again)
    assert {log.attempt for log in ledger.logs(DOMAIN)} == {0, 1}
    assert second in ledger.logs(DOMAIN)
    assert Log.new(LOG, 1024, ledger.logs(DOMAIN)).name not in (LOG, second.name)
    assert ledger.entries(DOMAIN, second.name) == [Entry(again, None)]


def test_a_new_log_keeps_its_name(ledger: Ledger) -> None:
    assert Log.new(LOG, 1024, ledger.logs(DOMAIN)).name == LOG


def test_logs_of_an_earlier_program_are_known_by_their_names(ledger: Ledger) -> None:
    names = [
        '0123456789abcdef:512',
        '0123456789abcdef:512~2',
        '2026-11-02',
        '2026-11-02~1',
        'retry 3 of 0123456789abcdef:512~2',
        '5f',
    ]
    for name in names:
        ledger.begin(batch(0, 100, name))
    logs = [Log(names[0], names[0], 512), Log(names[1], names[0], 512, 2), Log(names[2], names[2]), Log(names[3], names[2], 0, 1)]
    logs += [Log(names[4], attempt=3, retried_log=names[1]), Log(names[5])]
    assert sorted(ledger.logs(DOMAIN), key=lambda log: names.index(log.name)) == logs


def test_portals_are_independent(ledger: Ledger) -> None:
    ledger.begin(batch(0, 100))
    ledger.done(batch(0, 100), Tally(1), FIRST, LAST)
    assert ledger.entries('other.example.org', LOG) == []
    assert ledger.logs('other.example.org') == []
    assert ledger.key_ids('other.example.org') == set()


def test_key_ids_are_those_of_stored_batches(ledger: Ledger) -> None:
    assert ledger.key_ids(DOMAIN) == set()
    ledger.begin(batch(0, 100))
    assert ledger.key_ids(DOMAIN) == set()
    ledger.done(batch(0, 100), Tally(1), FIRST, LAST)
    Ledger(ledger.database, 'other', None).done(batch(100, 200), Tally(1), FIRST, LAST)
    assert ledger.key_ids(DOMAIN) == {'a1b2c3d4', 'other'}


TALLIES = st.builds(
    Tally,
    st.integers(0, 99),
    st.dictionaries(st.sampled_from(['path', 'method', 'blank']), st.integers(1, 99)),
    st.dictionaries(st.sampled_from(['format', 'status', 'bytes']), st.integers(1, 99)),
)


@given(st.lists(TALLIES))
def test_tallies_add_up(tallies: list[Tally]) -> None:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    assert total.stored == sum(tally.stored for tally in tallies)
    assert total.skipped == sum((Counter(tally.skipped) for tally in tallies), Counter())
    assert total.rejected == sum((Counter(tally.rejected) for tally in tallies), Counter())


def counted_by(ledger: Ledger, since: date = date(2025, 1, 1), timezone: str = 'UTC') -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in ledger.counted_by(DOMAIN, since, timezone)]


def test_the_rows_record_the_counting_rules(ledger: Ledger) -> None:
    earlier, first, second = Ledger(ledger.database, 'a1b2c3d4', None, 1), batch(0, 100), batch(100, 200)
    earlier.begin(first)
    earlier.done(first, Tally(90), FIRST, FIRST)
    earlier.begin(second)  # interrupted, and counted again by the rules of a later program
    ledger.begin(second)
    ledger.done(second, Tally(80), LAST, LAST)
    rows = ledger.database.query('SELECT start, toString(state) AS state, rules FROM batches ORDER BY start, state, rules')
    assert [tuple(row.values()) for row in rows] == [
        (0, 'begun', 1),
        (0, 'done', 1),
        (100, 'begun', 1),
        (100, 'begun', VERSION),
        (100, 'done', VERSION),
    ]
    first_day, last_day = FIRST.date(), LAST.date()
    assert counted_by(ledger) == [(1, first_day, first_day), (VERSION, last_day, last_day)]
    assert counted_by(ledger, timezone='America/Lima')[1] == (VERSION, first_day, first_day)
    assert counted_by(ledger, since=last_day) == [(VERSION, last_day, last_day)]
    ledger.forget([first])
    assert counted_by(ledger) == [(VERSION, last_day, last_day)]
