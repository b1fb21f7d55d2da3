"""Reads the seven indicators of a portal over a period from the public views."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import msgspec

from exporter.errors import PeriodError
from exporter.report import exact
from exporter.report.part import ALL, Part, Selection
from exporter.report.period import Period
from exporter.store.clickhouse import ClickHouse, Row

# Of the batches with calls in the period: a batch of a source that hides addresses has one hour.
HIDDEN = """
SELECT sum(hidden) AS calls
FROM (
    SELECT max(hidden_addresses) AS hidden
    FROM batches
    WHERE domain = {domain:String}
    GROUP BY batch_id
    HAVING max(state) = 'done' AND max(first_timestamp) < toDateTime64({to:Float64}, 3, 'UTC')
        AND max(last_timestamp) >= toDateTime64({from:Float64}, 3, 'UTC')
)
"""

NUMBERS = (  # of a report, in the view `summary`
    'calls', 'total_users', 'calls_per_user', 'anonymous_users_percent', 'mobile_users_percent', 'unlocated_calls',
    'crawler_calls', 'left_out_calls', 'suspect_calls',
)  # fmt: skip
MEASURES = ('queries', 'downloads', 'download_requests', 'page_views', 'errors', 'bytes')  # in addition, of a part


class Day(msgspec.Struct, frozen=True):
    """The number of calls on one day."""

    day: str
    calls: int


class User(msgspec.Struct, frozen=True):
    """The number of calls of one account; all anonymous calls are one entry, named anonymous."""

    user: str
    calls: int


class Place(msgspec.Struct, frozen=True):
    """The number of calls from one place."""

    country: str
    city: str
    latitude: float
    longitude: float
    calls: int


class Report(msgspec.Struct, frozen=True, rename={'from_': 'from'}):
    """The seven indicators of a portal over a period. An undefined value, such as calls per user without users, is null."""

    domain: str
    from_: str
    to: str
    timezone: str
    calls: int
    activity: list[Day]
    total_users: int
    calls_per_user: float | None
    anonymous_users_percent: float | None
    mobile_users_percent: float | None
    top_users: list[User]
    map: list[Place]
    unlocated_calls: int
    crawler_calls: int
    left_out_calls: int = 0
    suspect_calls: int = 0
    hidden_address_calls: int | None = 0  # null: the portal has some, of a part the number is unknown


class PartReport(Report, frozen=True, kw_only=True):
    """The indicators of one data set or one publisher, and what else is counted of it. Of a publisher, `dataset` is null."""

    dataset: str | None
    title: str | None
    publisher: str | None
    queries: int
    downloads: int
    download_requests: int
    page_views: int
    errors: int
    bytes: int


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
    [row] = database.query(f"SELECT * FROM summary(domains=['{domain}'], from={start}, to={end}, crawlers=0)")
    return row


def choose_portal(domain: str | None, portals: list[Portal], option: str = '--domain') -> Portal:
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


def fetch(
    database: ClickHouse,
    domain: str,
    timezone: str,
    period: Period,
    crawlers: bool = False,
    part: Part = ALL,
    count_exactly: bool = False,
) -> Report:
    """The report of a portal, or a PartReport of a part of it; `crawlers` says whether the calls of crawlers count.

    Raises EngineError; with `count_exactly`, PeriodError if calls of the period were removed.
    """
    selection = Selection(domain, period, part, crawlers)
    prefix = '' if part == ALL else f'{part.kind}_'
    [summary] = database.query(f'SELECT * FROM {selection.of_part(f"{prefix}summary")}')
    if count_exactly:
        summary |= _exact(exact.counts(database, selection), summary['calls'])
    [hidden] = database.query(HIDDEN, {'domain': domain, 'from': period.start.timestamp(), 'to': period.end.timestamp()})
    days = database.query(
        f'SELECT toString(day) AS day, calls FROM {selection.of_part(f"{prefix}activity")} AS activity ORDER BY activity.day'
    )
    users = database.query(f'SELECT user, calls FROM {selection.of_part(f"{prefix}top_users")}')
    places = database.query(f'SELECT country, city, latitude, longitude, calls FROM {selection.of_part(f"{prefix}map_of_calls")}')
    values: Row = {
        'domain': domain,
        'from_': period.first,
        'to': period.last,
        'timezone': timezone,
        'activity': [Day(**row) for row in days],
        'top_users': [User(**row) for row in users],
        'map': [Place(**row) for row in places],
        **{name: summary[name] for name in NUMBERS},
    }
    if part == ALL:
        return Report(**values, hidden_address_calls=hidden['calls'])
    return PartReport(
        **values,
        hidden_address_calls=None if hidden['calls'] else 0,
        dataset=part.dataset,
        title=part.title,
        publisher=part.publisher,
        **{name: summary[name] for name in MEASURES},
    )


def _exact(counted: Row, calls: int) -> Row:
    """The numbers of `summary` that depend on users, and the downloads."""
    total = counted['registered_users'] + counted['anonymous_users']
    return {
        'total_users': total,
        'calls_per_user': calls / total if total else None,
        'anonymous_users_percent': 100 * counted['anonymous_users'] / total if total else None,
        'downloads': counted['downloads'],
    }


def as_csv(report: Report) -> str:
    """The report as CSV: a line for each value, with its day, user or place in `of`. A value that does not exist is empty."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator='\n')
    lines.writerow(['domain', 'from', 'to', 'timezone', 'indicator', 'of', 'value', 'latitude', 'longitude'])

    def line(indicator: str, value: object, of: str = '', latitude: object = '', longitude: object = '') -> None:
        scope = report.domain, report.from_, report.to, report.timezone
        lines.writerow([*scope, indicator, of, value, latitude, longitude])

    for day in report.activity:
        line('activity', day.calls, day.day)
    line('calls', report.calls)
    line('total_users', report.total_users)
    line('calls_per_user', report.calls_per_user)
    line('anonymous_users_percent', report.anonymous_users_percent)
    line('mobile_users_percent', report.mobile_users_percent)
    for user in report.top_users:
        line('top_users', user.calls, user.user)
    for place in report.map:
        name = f'{place.city}, {place.country}' if place.city else place.country
        line('map', place.calls, name, place.latitude, place.longitude)
    line('unlocated_calls', report.unlocated_calls)
    line('crawler_calls', report.crawler_calls)
    line('left_out_calls', report.left_out_calls)
    line('suspect_calls', report.suspect_calls)
    line('hidden_address_calls', report.hidden_address_calls)
    if isinstance(report, PartReport):
        for name in ('dataset', 'title', 'publisher', *MEASURES):
            line(name, getattr(report, name))
    return text.getvalue()
