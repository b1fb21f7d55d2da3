"""Days and date-times are parsed in the portal's time zone and make a period."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import PeriodError
from exporter.report.period import Period, moment, period

NOW = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
ZONES = ('UTC', 'Europe/Paris', 'America/Sao_Paulo', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Kiritimati')


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_the_default_is_the_last_14_days_today_included() -> None:
    assert period(None, None, 'UTC', NOW) == Period(utc(2026, 11, 10), utc(2026, 11, 24), '2026-11-10', '2026-11-23')
    in_paris = period(None, None, 'Europe/Paris', NOW)  # where it is the 24th already
    assert (in_paris.first, in_paris.last) == ('2026-11-11', '2026-11-24')
    assert (in_paris.start, in_paris.end) == (utc(2026, 11, 10, 23), utc(2026, 11, 24, 23))


def test_a_last_day_alone_ends_14_days_and_a_first_day_alone_lasts_until_today() -> None:
    assert period(None, '2026-03-14', 'UTC', NOW).first == '2026-03-01'
    assert period(None, '2026-03-14T08:00', 'UTC', NOW).first == '2026-03-01'
    assert period('2026-11-20', None, 'UTC', NOW) == Period(utc(2026, 11, 20), utc(2026, 11, 24), '2026-11-20', '2026-11-23')


@given(st.dates(date(1971, 1, 1), date(2105, 12, 30)), st.integers(0, 400), st.sampled_from(ZONES))
def test_days_are_included_whole_also_when_clocks_change(first: date, days: int, zone: str) -> None:
    last = min(first + timedelta(days), date(2105, 12, 31))
    parsed = period(first.isoformat(), last.isoformat(), zone, NOW)
    before, first_moment = (
        moment.astimezone(ZoneInfo(zone)).date() for moment in (parsed.start - timedelta(seconds=1), parsed.start)
    )
    assert (before, first_moment) == (first - timedelta(1), first)
    last_moment, after = (moment.astimezone(ZoneInfo(zone)).date() for moment in (parsed.end - timedelta(seconds=1), parsed.end))
    assert (last_moment, after) == (last, last + timedelta(1))


@pytest.mark.parametrize(('day', 'hours'), [('2026-03-29', 23), ('2026-10-25', 25), ('2026-11-01', 24)])
def test_days_on_which_the_clocks_change_are_longer_or_shorter(day: str, hours: int) -> None:
    parsed = period(day, day, 'Europe/Paris', NOW)
    assert parsed.end - parsed.start == timedelta(hours=hours)


def test_date_times_are_exact_to_the_second_and_the_last_is_not_included() -> None:
    parsed = period('2026-11-01T08:15:01', '2026-11-01T08:15:02', 'Europe/Paris', NOW)
    assert parsed == Period(utc(2026, 11, 1, 7, 15, 1), utc(2026, 11, 1, 7, 15, 2), '2026-11-01T08:15:01', '2026-11-01T08:15:02')


def test_an_offset_is_converted_to_the_portals_zone() -> None:
    parsed = period('2026-11-01T08:00Z', '2026-11-01T12:00:00+02:00', 'Europe/Paris', NOW)
    assert (parsed.start, parsed.end) == (utc(2026, 11, 1, 8), utc(2026, 11, 1, 10))
    assert (parsed.first, parsed.last) == ('2026-11-01T09:00:00+01:00', '2026-11-01T11:00:00+01:00')


def test_a_day_written_without_dashes_is_a_day() -> None:
    assert period('20261101', '20261102', 'UTC', NOW) == period('2026-11-01', '2026-11-02', 'UTC', NOW)


@pytest.mark.parametrize(
    ('first', 'last', 'message'),
    [
        ('2026-11-02', '2026-11-01', 'swap --from and --to'),
        ('2026-11-01T08:00', '2026-11-01T08:00', 'is empty'),
        ('2026-12-24', None, 'add --to'),
        ('yesterday', None, "--from: invalid day or date-time 'yesterday'; write 2026-11-01"),
        (None, '2026-02-30', "--to: invalid day or date-time '2026-02-30'"),
        ('2026-11-01T25:00', None, '--from'),
        ('1900-01-01', None, '--from: 1900-01-01 is not between 1970-01-03 and 2105-12-31'),
        ('2026-01-01', '2200-01-01', '--to: 2200-01-01 is not between'),
        ('0001-01-01', None, '--from'),
        (None, '9999-12-31', '--to'),
    ],
)
def test_an_invalid_period_is_an_error_of_one_line(first: str | None, last: str | None, message: str) -> None:
    with pytest.raises(PeriodError) as error:
        period(first, last, 'Europe/Paris', NOW)
    assert message in str(error.value)
    assert '\n' not in str(error.value)


@given(st.text(max_size=30))
def test_any_text_is_a_day_or_a_period_error(text: str) -> None:
    try:
        parsed = moment('--from', text, ZoneInfo('Europe/Paris'))
    except PeriodError:
        return
    assert parsed.begins <= parsed.ends
