"""Local days and hours: in time zones with offsets of quarter hours, and when clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.enrich.day import local_days
from exporter.model.call import TIMESTAMP

ZONES = [
    'UTC', 'Europe/Paris', 'America/New_York', 'America/St_Johns', 'Asia/Kathmandu', 'Asia/Kolkata', 'Australia/Lord_Howe',
    'Pacific/Chatham', 'Pacific/Kiritimati', 'Pacific/Marquesas', 'Pacific/Apia', 'Africa/Casablanca', 'America/Sao_Paulo', 'Etc/GMT+12',
]  # fmt: skip
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)).map(
    lambda moment: moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1_000 * 1_000)
)


def days_and_hours(moments: list[datetime], timezone: str) -> list[tuple[date, datetime]]:
    """The local day of each moment, and the moment at which its local hour began."""
    rows = local_days(pl.Series(moments, dtype=TIMESTAMP), timezone).select('day', 'hour').rows()
    return [(day, datetime.fromtimestamp(hour, UTC)) for day, hour in rows]


@settings(deadline=None)
@given(st.lists(MOMENTS, max_size=20), st.sampled_from(ZONES))
def test_days_and_hours_are_those_of_the_standard_library(moments: list[datetime], timezone: str) -> None:
    local = [moment.astimezone(ZoneInfo(timezone)) for moment in moments]
    assert days_and_hours(moments, timezone) == [
        (time.date(), moment - timedelta(minutes=time.minute, seconds=time.second, microseconds=time.microsecond))
        for moment, time in zip(moments, local, strict=True)
    ]


@pytest.mark.parametrize(
    ('timezone', 'day', 'hours'),
    [
        ('Europe/Paris', date(2025, 3, 30), 23),
        ('Europe/Paris', date(2025, 10, 26), 25),
        ('Europe/Paris', date(2025, 6, 1), 24),
        ('Asia/Kathmandu', date(2025, 6, 1), 24),
        ('Australia/Lord_Howe', date(2025, 4, 6), 24.5),
        ('America/Sao_Paulo', date(2018, 11, 4), 23),  # the clock skips midnight
    ],
)
def test_a_day_is_as_long_as_in_its_time_zone(timezone: str, day: date, hours: float) -> None:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    quarters = [noon + timedelta(minutes=15 * number) for number in range(-100, 100)]
    assert sum(local_day == day for local_day, _ in days_and_hours(quarters, timezone)) == hours * 4


def test_midnight_begins_a_day() -> None:
    midnight = datetime(2025, 6, 1, tzinfo=ZoneInfo('Asia/Kathmandu')).astimezone(UTC)
    before = midnight - timedelta(milliseconds=1)
    assert days_and_hours([before, midnight], 'Asia/Kathmandu') == [
        (date(2025, 5, 31), midnight - timedelta(hours=1)),
        (date(2025, 6, 1), midnight),
    ]
