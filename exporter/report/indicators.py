"""The seven indicators of a portal over a period, read from the public views."""

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
ABOUT = ('domain', 'from', 'to', 'timezone')
NUMBERS = ('calls', 'total_users', 'calls_per_user', 'anonymous_users_percent', 'mobile_users_percent')
BESIDES = ('unlocated_calls', 'crawler_calls')


@dataclass(frozen=True)
class Portal:
    """A portal that has calls, and from which day to which."""

    domain: str
    timezone: str
    first_day: date
    last_day: date


def portals(database: ClickHouse) -> list[Portal]:
    """The portals that have calls. Raises EngineError."""
    rows = database.query('SELECT domain, timezone, first_day, last_day FROM domains ORDER BY domain')
    return [Portal(**row) for row in rows]


def numbers(database: ClickHouse, domain: str, start: int, end: int) -> Row:
    """The view `summary` of one portal from `start` to `end`, in Unix seconds, without crawlers. Raises EngineError."""
    [row] = database.query(f'SELECT * FROM summary{_of(domain, start, end, False)}')
    return row


def chosen(named: str | None, known: list[Portal], option: str = '--domain') -> Portal:
    """The portal that is meant: the one named, or the only one. `option` is how one names it.

    Raises PeriodError, naming those that there are, where it is not clear.
    """
    if not known:
        raise PeriodError('there are no calls yet', 'run usage-exporter import or usage-exporter demo')
    matching = [portal for portal in known if portal.domain == named] if named else known
    if len(matching) == 1:
        return matching[0]
    names = ', '.join(portal.domain for portal in known)
    if named:
        raise PeriodError(f'{named} has no calls', f'choose a portal that has calls: {names}')
    raise PeriodError('several portals have calls', f'choose one with {option}: {names}')


def zones(known: list[Portal], otherwise: Callable[[str], str]) -> Callable[[str], ZoneInfo]:
    """Tells the time zone of a portal: that of its calls, or before there are any that of the settings, `otherwise`."""
    of_calls = {portal.domain: portal.timezone for portal in known}
    return lambda domain: ZoneInfo(of_calls.get(domain) or otherwise(domain))


def fetch(database: ClickHouse, domain: str, timezone: str, asked: Period, crawlers: bool = False) -> Report:
    """The report of one portal, crawlers left out unless asked for. Raises EngineError."""
    view = _of(domain, int(asked.start.timestamp()), int(asked.end.timestamp()), crawlers)
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


def _of(domain: str, start: int, end: int, crawlers: bool) -> str:
    return f"(domains=['{domain}'], from={start}, to={end}, crawlers={int(crawlers)})"


def as_csv(report: Report) -> str:
    """The report as CSV: a line for each value, with the day, user or place that it is of; no value is an empty field."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator='\n')
    lines.writerow([*ABOUT, 'indicator', 'of', 'value', 'latitude', 'longitude'])
    about = [report[name] for name in ABOUT]

    def line(indicator: str, value: object, of: str = '', latitude: object = '', longitude: object = '') -> None:
        lines.writerow([*about, indicator, of, value, latitude, longitude])

    for row in report['activity']:
        line('activity', row['calls'], row['day'])
    for name in NUMBERS:
        line(name, report[name])
    for row in report['top_users']:
        line('top_users', row['calls'], row['user'])
    for row in report['map']:
        place = f'{row["city"]}, {row["country"]}' if row['city'] else row['country']
        line('map', row['calls'], place, row['latitude'], row['longitude'])
    for name in BESIDES:
        line(name, report[name])
    return text.getvalue()
