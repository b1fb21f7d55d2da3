"""Exact counts have no error, and are refused where the calls are gone."""

from datetime import date

import pytest
from known_calls import DOMAIN, ZONE, selection

from exporter.errors import PeriodError
from exporter.report import divisions, exact, indicators
from exporter.report.part import ALL, Part
from exporter.store.clickhouse import ClickHouse

USERS = 120_000  # more than the estimates count without an error
CALLS = f"""
INSERT INTO calls (timestamp, domain, timezone, day, hour, user_id, visitor, dataset_id, action, file)
WITH toDateTime('2026-11-05 12:00:00', 'UTC') AS noon
SELECT noon, '{DOMAIN}', '{ZONE}', noon, noon, if(number % 4 = 0, 'user ' || number, ''), sipHash64(number), 'trees', 'download', 1
FROM (SELECT intDiv(number, 2) AS number FROM numbers({2 * USERS}))
"""


def test_users_and_downloads_are_exact(database: ClickHouse) -> None:
    database.command(CALLS)
    trees = selection(Part('trees', '', ''))
    for part in (ALL, trees.part):
        chosen = selection(part)
        estimated, exactly = (
            indicators.fetch(database, DOMAIN, ZONE, chosen.period, part=part, count_exactly=count) for count in (False, True)
        )
        assert estimated.total_users != exactly.total_users == USERS
        assert (exactly.calls_per_user, exactly.anonymous_users_percent) == (2, 75)
        assert estimated.calls == exactly.calls == 2 * USERS
    assert isinstance(exactly, indicators.PartReport)
    assert exactly.downloads == USERS
    for by in divisions.BY:
        [row] = [row for row in divisions.rows(database, selection(ALL), by, True) if row['calls']]
        assert (row['users'], row['downloads']) == (USERS, USERS), by
    [row] = divisions.rows(database, trees, 'month')
    assert USERS not in (row['users'], row['downloads'])


def test_a_period_with_deleted_calls_is_refused(database: ClickHouse) -> None:
    database.insert_rows('retention', [{'at': '2026-11-19 00:00:00', 'calls_from': date(2026, 11, 10)}], token='retention')
    for count in (
        lambda first: exact.counts(database, selection(ALL, first=first)),
        lambda first: exact.divided(database, selection(ALL, first=first), 'dataset'),
    ):
        with pytest.raises(PeriodError) as caught:
            count('2026-11-09')
        assert str(caught.value) == (
            'calls before 2026-11-10 were deleted, so exact counts exist only from this day on; '
            'begin the period on 2026-11-10 or later'
        )
        assert count('2026-11-10') is not None
        assert count('2026-11-10T00:00:00+01:00') is not None
