"""Parses days and date-times in a portal's time zone, and makes periods of them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from exporter.errors import PeriodError

DEFAULT_DAYS = 14  # today included
DAY = timedelta(days=1)
FIRST, LAST = date(1970, 1, 3), date(2105, 12, 31)  # the days that ClickHouse's DateTime can hold in every time zone


class Moment(NamedTuple):
    """A local day, which ends when the next day begins; or a date-time, for which `begins` == `ends`. Both are in UTC."""

    text: str
    day: date
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Period:
    """start <= t < end, in UTC. `first` and `last` are the days or date-times that the user gave, in the portal's time zone."""

    start: datetime
    end: datetime
    first: str
    last: str


def moment(option: str, text: str, zone: ZoneInfo) -> Moment:
    """Parses a day or date-time (ISO 8601), to the second. Raises PeriodError, with `option`, if invalid or out of range."""
    try:
        parsed = _moment(text, zone)
    except (ValueError, OverflowError):
        raise PeriodError(f'{option}: invalid day or date-time {text!r}', 'write 2026-11-01 or 2026-11-01T08:30:00') from None
    if not FIRST <= parsed.day <= LAST:
        raise PeriodError(f'{option}: {parsed.text} is not between {FIRST} and {LAST}', 'choose a day in this range')
    return parsed


def _moment(text: str, zone: ZoneInfo) -> Moment:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        given = datetime.fromisoformat(text).replace(microsecond=0)
        local = given.astimezone(zone) if given.tzinfo else given.replace(tzinfo=zone)
        instant = local.astimezone(UTC)
        return Moment((local if given.tzinfo else given).isoformat(), local.date(), instant, instant)
    begins, ends = (datetime.combine(midnight, time(), zone).astimezone(UTC) for midnight in (day, day + DAY))
    return Moment(day.isoformat(), day, begins, ends)


def period(
    first: str | None, last: str | None, timezone: str, now: datetime, names: tuple[str, str] = ('--from', '--to')
) -> Period:
    """The period from `first` to `last`: days or date-times. A last day is included whole, a last date-time is not.

    By default, `last` is today and `first` is 13 days before `last`. Errors call the two by `names`. Raises PeriodError if one
    is invalid, or if the period is empty or ends before it begins.
    """
    from_name, to_name = names
    zone = ZoneInfo(timezone)
    end = moment(to_name, last or now.astimezone(zone).date().isoformat(), zone)
    start = moment(from_name, first or (end.day - (DEFAULT_DAYS - 1) * DAY).isoformat(), zone)
    if start.begins >= end.ends:
        remedy = f'swap {from_name} and {to_name}' if last else f'add {to_name}'
        raise PeriodError(f'the period from {start.text} to {end.text} is empty or ends before it begins', remedy)
    return Period(start.begins, end.ends, start.text, end.text)
