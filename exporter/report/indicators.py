"""Reads the seven indicators of a portal over a period from the public views."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from exporter.errors import PeriodError
from exporter.report.period import Period
from exporter.store.clickhouse import ClickHouse, Row

Report = dict[str, Any]  # the keys that `report --format json` prints
SCOPE = ('domain', 'from', 'to', 'timezone')
NUMBERS = ('calls', 'total_users', 'calls_per_user', 'anonymous_users_percent', 'mobile_users_percent')
EXCLUDED = ('unlocated_calls', 'crawler_calls')


@dataclass(frozen=True)
class Portal:
    """A portal that has calls, with its time zone and the days of its first and last call."""

    domain: str
    timezone: str
    first_day: date
    last_day: date


def portals(database: ClickHouse) -> list[Portal]:
    """The portals that have calls. Raises EngineError."""
    rows = database.query('SELECT domain, timezone, first_day, last_day FROM domains ORDER BY domain')
    return [Portal(**row) for row in rows]


def numbers(database: ClickHouse, domain: str, start: int, end: int) -> Row:
    """The row of the view `summary` for one portal, start <= t < end in Unix seconds, without crawlers. Raises EngineError."""
    [row] = database.query(f'SELECT * FROM summary{_parameters(domain, start, end, False)}')
    return row


def chosen(domain: str | None, portals: list[Portal], option: str = '--domain') -> Portal:
    """The portal of this domain; without a domain, the only portal. `option` is the option that the error suggests.

    Raises PeriodError if no portal has calls, if this one has none, or if there are several to choose from.
    """
    if not portals:
        raise PeriodError('there are no calls yet', 'run usage-exporter import or usage-exporter demo')
    matching = [portal for portal in portals if portal.domain == domain] if domain else portals
    if len(matching) == 1:
        return matching[0]
    names = ', '.join(portal.domain for portal in portals)
    if domain:
        raise PeriodError(f'{domain} has no calls', f'choose a portal that has calls: {names}')
    raise PeriodError('several portals have calls', f'choose one with {option}: {names}')


def zones(portals: list[Portal], default: Callable[[str], str]) -> Callable[[str], ZoneInfo]:
    """A function from a domain to its time zone: that of its calls, or `default(domain)` while it has no calls."""
    of_calls = {portal.domain: portal.timezone for portal in portals}
    return lambda domain: ZoneInfo(of_calls.get(domain) or default(domain))


def fetch(database: ClickHouse, domain: str, timezone: str, period: Period, crawlers: bool = False) -> Report:
    """The report of one portal; `crawlers` says whether the calls of crawlers count. Raises EngineError."""
    parameters = _parameters(domain, int(period.start.timestamp()), int(period.end.timestamp()), crawlers)
    [summary] = database.query(f'SELECT * FROM summary{parameters}')
    return {
        'domain': domain,
        'from': period.first,
        'to': period.last,
        'timezone': timezone,
        'calls': summary['calls'],
        'activity': database.query(f'SELECT toString(day) AS day, calls FROM activity{parameters} ORDER BY activity.day'),
        'total_users': summary['total_users'],
        'calls_per_user': summary['calls_per_user'],
        'anonymous_users_percent': summary['anonymous_users_percent'],
        'mobile_users_percent': summary['mobile_users_percent'],
        'top_users': database.query(f'SELECT user, calls FROM top_users{parameters}'),
        'map': database.query(f'SELECT country, city, latitude, longitude, calls FROM map_of_calls{parameters}'),
        'unlocated_calls': summary['unlocated_calls'],
        'crawler_calls': summary['crawler_calls'],
    }


def _parameters(domain: str, start: int, end: int, crawlers: bool) -> str:
    return f"(domains=['{domain}'], from={start}, to={end}, crawlers={int(crawlers)})"


def as_csv(report: Report) -> str:
    """The report as CSV: a line for each value, with its day, user or place in `of`. A value that does not exist is empty."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator='\n')
    lines.writerow([*SCOPE, 'indicator', 'of', 'value', 'latitude', 'longitude'])
    scope = [report[name] for name in SCOPE]

    def line(indicator: str, value: object, of: str = '', latitude: object = '', longitude: object = '') -> None:
        lines.writerow([*scope, indicator, of, value, latitude, longitude])

    for row in report['activity']:
        line('activity', row['calls'], row['day'])
    for name in NUMBERS:
        line(name, report[name])
    for row in report['top_users']:
        line('top_users', row['calls'], row['user'])
    for row in report['map']:
        place = f'{row["city"]}, {row["country"]}' if row['city'] else row['country']
        line('map', row['calls'], place, row['latitude'], row['longitude'])
    for name in EXCLUDED:
        line(name, report[name])
    return text.getvalue()
