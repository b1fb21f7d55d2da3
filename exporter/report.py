"""The seven indicators of a portal over a period, read from the public views."""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from exporter.clickhouse import ClickHouse
from exporter.errors import PeriodError

DEFAULT_DAYS = 14  # today included
Report = dict[str, Any]  # the keys that `report --format json` prints


@dataclass(frozen=True)
class Portal:
    """A portal that has calls, and from which day to which."""

    domain: str
    timezone: str
    first_day: date
    last_day: date


@dataclass(frozen=True)
class Period:
    """start <= t < end; `first` and `last` are the days or date-times, in the portal's zone, by which it was asked for."""

    start: datetime
    end: datetime
    first: str
    last: str


def portals(database: ClickHouse) -> list[Portal]:
    """The portals that have calls. Raises EngineError."""
    rows = database.query('SELECT domain, timezone, first_day, last_day FROM domains ORDER BY domain')
    return [Portal(**row) for row in rows]


def period(first: str | None, last: str | None, timezone: str, now: datetime) -> Period:
    """Reads days or date-times (ISO 8601) in the portal's time zone. A day given as the last is included whole.

    The default is today and the 13 days before it; without a first day, the 14 days that end with the last.
    Raises PeriodError for what is no day or date-time, and for a period that ends before it begins.
    """
    zone = ZoneInfo(timezone)
    last = last or now.astimezone(zone).date().isoformat()
    end_day, end = _moment('--to', last, zone)
    first = first or (end_day - timedelta(days=DEFAULT_DAYS - 1)).isoformat()
    _, start = _moment('--from', first, zone)
    if _is_day(last):
        end = _midnight(end_day + timedelta(days=1), zone)
    if start >= end:
        raise PeriodError(f'the period from {first} to {last} ends before it begins; swap --from and --to')
    return Period(start, end, first, last)


def fetch(database: ClickHouse, domain: str, timezone: str, asked: Period, crawlers: bool = False) -> Report:
    """The report of one portal, crawlers left out unless asked for. Raises EngineError."""
    start, end = (int(moment.timestamp()) for moment in (asked.start, asked.end))
    view = f"(domains=['{domain}'], from={start}, to={end}, crawlers={int(crawlers)})"
    [summary] = database.query(f'SELECT * FROM summary{view}')
    return {
        'domain': domain,
        'from': asked.first,
        'to': asked.last,
        'timezone': timezone,
        'calls': summary['calls'],
        'activity': database.query(f'SELECT toString(day) AS day, calls FROM activity{view} ORDER BY activity.day'),
        'total_users': summary['total_users'],
        'calls_per_user': summary['calls_per_user'],
        'anonymous_users_percent': summary['anonymous_users_percent'],
        'mobile_users_percent': summary['mobile_users_percent'],
        'top_users': database.query(f'SELECT user, calls FROM top_users{view}'),
        'map': database.query(f'SELECT country, city, latitude, longitude, calls FROM map_of_calls{view}'),
        'unlocated_calls': summary['unlocated_calls'],
        'crawler_calls': summary['crawler_calls'],
    }


def as_csv(report: Report) -> str:
    """The report as CSV: a line for each value, with the day, user or place that it is of."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator='\n')
    lines.writerow(['indicator', 'of', 'value', 'latitude', 'longitude'])
    lines.writerows(('activity', row['day'], row['calls'], '', '') for row in report['activity'])
    for name in ('calls', 'total_users', 'calls_per_user', 'anonymous_users_percent', 'mobile_users_percent'):
        lines.writerow([name, '', '' if report[name] is None else report[name], '', ''])
    lines.writerows(('top_users', row['user'], row['calls'], '', '') for row in report['top_users'])
    lines.writerows(('map', place(row), row['calls'], row['latitude'], row['longitude']) for row in report['map'])
    lines.writerows((name, '', report[name], '', '') for name in ('unlocated_calls', 'crawler_calls'))
    return text.getvalue()


def place(row: dict[str, Any]) -> str:
    """A place of the map in words."""
    return f'{row["city"]}, {row["country"]}' if row['city'] else str(row['country'])


def _is_day(text: str) -> bool:
    return len(text) == len('2026-11-01')


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _moment(option: str, text: str, zone: ZoneInfo) -> tuple[date, datetime]:
    """The local day of a day or date-time, and the moment it begins or is."""
    try:
        moment = datetime.fromisoformat(text)
        local = moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
        return local.date(), local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PeriodError(f'{option}: {text!r} is no day; write it as 2026-11-01 or 2026-11-01T08:30:00') from None
