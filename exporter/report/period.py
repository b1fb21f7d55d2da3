"""Days and date-times as people write them, in a portal's time zone, and the periods between them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from exporter.errors import PeriodError

DEFAULT_DAYS = 14  # today included
DAY = timedelta(days=1)
FIRST, LAST = date(1970, 1, 3), date(2105, 12, 31)  # what ClickHouse's DateTime holds in every time zone


class Moment(NamedTuple):
    """A local day, from its beginning to that of the next, or a moment of it, which begins and ends at once."""

    text: str
    day: date
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Period:
    """start <= t < end; `first` and `last` are the days or date-times, in the portal's zone, by which it was asked for."""

    start: datetime
    end: datetime
    first: str
    last: str


def moment(option: str, text: str, zone: ZoneInfo) -> Moment:
    """Reads a day or date-time (ISO 8601), to the second. `option` names it in the PeriodError for what is none."""
    try:
        found = _moment(text, zone)
    except (ValueError, OverflowError):
        raise PeriodError(f'{option}: invalid day or date-time {text!r}', 'write 2026-11-01 or 2026-11-01T08:30:00') from None
    if not FIRST <= found.day <= LAST:
        raise PeriodError(f'{option}: {found.text} is not between {FIRST} and {LAST}', 'choose a day in this range')
    return found


def _moment(text: str, zone: ZoneInfo) -> Moment:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        written = datetime.fromisoformat(text).replace(microsecond=0)
        local = written.astimezone(zone) if written.tzinfo else written.replace(tzinfo=zone)
        at = local.astimezone(UTC)
        return Moment((local if written.tzinfo else written).isoformat(), local.date(), at, at)
    begins, ends = (datetime.combine(one, time(), zone).astimezone(UTC) for one in (day, day + DAY))
    return Moment(day.isoformat(), day, begins, ends)


def period(
    first: str | None, last: str | None, timezone: str, now: datetime, names: tuple[str, str] = ('--from', '--to')
) -> Period:
    """The period between two days or date-times of a time zone. A day given as the last is included whole.

    The default is today and the 13 days before it; without a first day, the 14 days that end with the last.
    `names` are what errors call the two. Raises PeriodError for what is no day or date-time, and for a period that ends
    before it begins.
    """
    from_name, to_name = names
    zone = ZoneInfo(timezone)
    to = moment(to_name, last or now.astimezone(zone).date().isoformat(), zone)
    since = moment(from_name, first or (to.day - (DEFAULT_DAYS - 1) * DAY).isoformat(), zone)
    if since.begins >= to.ends:
        mend = f'swap {from_name} and {to_name}' if last else f'add {to_name}'
        raise PeriodError(f'the period from {since.text} to {to.text} is empty or ends before it begins', mend)
    return Period(since.begins, to.ends, since.text, to.text)
