"""The period before has as many days, ends where the calls end, and is compared only if all of its calls are known."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_calls import CALLS, DOMAIN, FIRST, LAST, ZONE, selection
from page_portal import portal  # noqa: F401

from exporter.page import content
from exporter.report import indicators
from exporter.report.indicators import Portal
from exporter.report.part import ALL, Part
from exporter.report.period import period
from exporter.store.clickhouse import ClickHouse

PARIS = ZoneInfo(ZONE)
NOW = datetime(2026, 11, 15, 10, 30, tzinfo=UTC)
PORTAL = Portal(DOMAIN, ZONE, date(2026, 10, 20), date(2026, 11, 18))


@given(st.dates(date(2024, 1, 1), date(2026, 12, 1)), st.integers(1, 400))
def test_whole_days_are_compared_with_as_many_whole_days_before(first: date, days: int) -> None:
    this = period(str(first), str(first + timedelta(days - 1)), ZONE, NOW)
    before = content.period_before(this, PARIS, this.end)
    assert before.end == this.start
    assert before.start.astimezone(PARIS) == datetime(*(first - timedelta(days)).timetuple()[:3], tzinfo=PARIS)


def test_a_period_is_compared_as_far_as_its_calls_are_known() -> None:
    this = period('2026-11-09', '2026-11-15', ZONE, NOW)
    before = content.period_before(this, PARIS, NOW)
    assert before.start == datetime(2026, 11, 1, 23, tzinfo=UTC)
    assert before.end == NOW - timedelta(days=7) + timedelta(seconds=1)
    hours = period('2026-11-09T08:00', '2026-11-09T12:00', ZONE, NOW)
    assert content.period_before(hours, PARIS, NOW).end == hours.end - timedelta(days=1)


@pytest.mark.parametrize('part', [ALL, Part('id-of-trees', 'Trees', 'City')])
def test_the_report_before_is_that_of_its_period(portal: ClickHouse, part: Part) -> None:
    found = content.fetch(portal, PORTAL, selection(part, first='2026-11-08', last='2026-11-14'))
    expected = indicators.fetch(portal, DOMAIN, ZONE, period('2026-11-01', '2026-11-07', ZONE, NOW), part=part)
    assert found.before
    assert (found.before.calls, found.before.total_users) == (expected.calls, expected.total_users)
    assert found.before.calls > 0
    assert content.fetch(portal, PORTAL, selection(part, first='2026-10-22')).before is None


def test_a_part_has_no_table_of_itself(portal: ClickHouse) -> None:
    everything, publisher, dataset = (
        content.fetch(portal, PORTAL, selection(part))
        for part in (ALL, Part(publisher='City'), Part('id-of-trees', 'Trees', 'City'))
    )
    assert [len(everything.publishers), len(publisher.publishers), len(dataset.publishers)] == [2, 0, 0]
    assert [row['dataset'] for row in publisher.datasets] == ['id-of-trees']
    assert dataset.datasets == []
    assert all(row['dataset'] and row['calls'] for row in everything.datasets)


def test_deleted_calls_prevent_what_needs_them(database: ClickHouse) -> None:
    database.insert_rows('calls', [call.row() for call in CALLS], token='calls')
    database.insert_rows('retention', [{'at': '2026-11-18 00:00:00', 'calls_from': '2026-11-05'}], token='retention')
    week = {'first': '2026-11-08', 'last': '2026-11-14'}
    assert content.fetch(database, PORTAL, selection(ALL, **week)).before  # type: ignore[arg-type]
    assert not content.fetch(database, PORTAL, selection(Part('trees', '', ''), **week)).before  # type: ignore[arg-type]
    assert not content.fetch(database, PORTAL, selection(ALL, **week), count_exactly=True).before  # type: ignore[arg-type]
    assert content.fetch(database, PORTAL, selection(ALL, first=FIRST, last=LAST)).removed_before == date(2026, 11, 5)
    hours = selection(ALL, first='2026-11-05T08:00', last='2026-11-05T12:00')
    assert content.fetch(database, PORTAL, hours).before is None


def test_the_first_and_last_call_are_those_of_the_ledger(database: ClickHouse) -> None:
    database.insert_rows('calls', [call.row() for call in CALLS], token='calls')
    found = content.fetch(database, PORTAL, selection(ALL))
    assert (found.first_call.isoformat(), found.last_call.isoformat()) == (
        '2026-10-20T00:00:00+02:00',
        '2026-11-18T23:59:59+01:00',
    )
    batch = {'batch_id': 'a', 'state': 'done', 'at': NOW, 'domain': DOMAIN, 'stored': 440}
    times = {'first_timestamp': '2026-10-20 00:30:00', 'last_timestamp': '2026-11-18 14:13:00'}
    database.insert_rows('batches', [batch | times], token='batches')
    found = content.fetch(database, PORTAL, selection(ALL))
    assert (found.first_call, found.last_call) == (
        datetime(2026, 10, 20, 0, 30, tzinfo=UTC),
        datetime(2026, 11, 18, 14, 13, tzinfo=UTC),
    )
