"""Computes the views in plain Python, call by call: slow, and independent of the program and of ClickHouse."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

Key = TypeVar('Key')
ANONYMOUS = ''
ACTIONS = ['other', 'query', 'download', 'page', 'metadata', 'search', 'map']  # in the order of the table's type
CLIENTS = ['unknown', 'browser', 'api_client', 'crawler']  # in the order of the table's type
UNLOCATED = ('', '', 0.0, 0.0)


class Known(NamedTuple):
    """A data set of the catalogue."""

    dataset_id: str
    title: str
    publisher: str
    theme: str


Catalogue = dict[tuple[str, str], Known]  # by portal and name


@dataclass(frozen=True)
class Call:
    """The fields of a call that the views depend on."""

    timestamp: datetime  # UTC, to the millisecond
    domain: str
    timezone: str
    user_id: str = ANONYMOUS
    visitor: int = 1
    device: str = 'desktop'
    client: str = 'browser'
    place: tuple[str, str, float, float] = UNLOCATED
    dataset_id: str = ''
    status: int | None = 200
    bytes: int = 0
    browser: str = ''
    action: str = 'other'
    path: str = ''
    file: int = 0
    duration_ms: int | None = None
    audience: str = ''
    left_out: int = 0
    network: tuple[str, int] = ('', 0)
    suspect: int = 0
    referrer_host: str = ''

    @property
    def day(self) -> date:
        """The day in the portal's zone."""
        return self.local.date()

    @property
    def local(self) -> datetime:
        """The local time of the portal."""
        return self.timestamp.astimezone(ZoneInfo(self.timezone))

    @property
    def user(self) -> tuple[str, int]:
        """The user: the account, or the visitor without one."""
        return self.user_id, 0 if self.user_id else self.visitor

    def row(self) -> dict[str, Any]:
        """Returns the call as a row of the table."""
        minute = self.local.minute
        second = int(self.timestamp.timestamp())
        country, city, latitude, longitude = self.place
        return {
            'timestamp': f'{self.timestamp:%Y-%m-%d %H:%M:%S.%f}'[:-3],
            'domain': self.domain,
            'timezone': self.timezone,
            'day': self.day,
            'hour': second - second % 60 - minute * 60,
            'user_id': self.user_id,
            'visitor': self.visitor,
            'device': self.device,
            'client': self.client,
            'country': country,
            'city': city,
            'latitude': latitude,
            'longitude': longitude,
            'dataset_id': self.dataset_id,
            'status': self.status,
            'bytes': self.bytes,
            'browser': self.browser,
            'action': self.action,
            'path': self.path,
            'file': self.file,
            'duration_ms': self.duration_ms,
            'audience': self.audience,
            'left_out': self.left_out,
            'network': self.network[0],
            'as_number': self.network[1],
            'suspect': self.suspect,
            'referrer_host': self.referrer_host,
        }


def begin(day: date, timezone: str) -> datetime:
    """Returns the start of a day in a time zone."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


class Count:
    """The indicators over start <= t < end, of the calls of `domains` (none: of all portals).

    A day before `calls_from` counts as a whole if the period contains a second of it.
    """

    def __init__(
        self,
        stored: Iterable[Call],
        domains: list[str],
        start: datetime,
        end: datetime,
        crawlers: bool,
        calls_from: date = date.min,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.start, self.end = start, end
        self.catalogue = {at: known for at, known in (catalogue or {}).items() if not domains or at[0] in domains}
        self.portals = [call for call in stored if not domains or call.domain in domains]

        def in_period(call: Call) -> bool:
            if call.day >= calls_from:
                return start <= call.timestamp < end
            zone = ZoneInfo(call.timezone)
            first, last = start.astimezone(zone).date(), (end - timedelta(seconds=1)).astimezone(zone).date()
            return start < end and first <= call.day <= last

        period = [call for call in self.portals if in_period(call)]
        self.period = [call for call in period if call.day >= calls_from]
        self.calls = [call for call in period if crawlers or not (call.client == 'crawler' or call.left_out)]
        self.single = [call for call in self.calls if call.day >= calls_from]  # stored individually
        self.by_month = [call for call in self.calls if call.day >= calls_from or self._month_is_whole(call)]
        self._count_excluded(period)
        self._count_users()

    def _count_excluded(self, calls: Iterable[Call]) -> None:
        calls = list(calls)
        self.crawler_calls = sum(call.client == 'crawler' for call in calls)
        self.left_out_calls = sum(call.client != 'crawler' and call.left_out for call in calls)
        self.suspect_calls = sum(call.suspect for call in calls)

    def _count_users(self) -> None:
        self.registered_users = len(_accounts(self.calls))
        self.anonymous_users = len(_visitors(self.calls))
        self.mobile_calls = sum(call.device in ('phone', 'tablet') for call in self.calls)
        self.unlocated_calls = sum(call.place == UNLOCATED for call in self.calls)

    def activity(self) -> list[tuple[date, datetime, int]]:
        """Returns the days of the period in the zones of all portals; they begin in the zone of the busiest portal."""
        if self.start >= self.end:
            return []
        zones = Counter(call.timezone for call in self.portals) or Counter(['UTC'])
        busiest = min(zones, key=lambda zone: (-zones[zone], zone))
        first = min(self.start.astimezone(ZoneInfo(zone)).date() for zone in zones)
        last = max((self.end - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() for zone in zones)
        calls = Counter(call.day for call in self.calls)
        return [(day, begin(day, busiest), calls[day]) for day in _days(first, last)]

    def top_users(self) -> list[tuple[str, int]]:
        """Returns the five users with most calls, then by name."""
        calls = Counter(call.user_id or 'anonymous' for call in self.calls)
        return sorted(calls.items(), key=lambda user: (-user[1], user[0]))[:5]

    def map_of_calls(self) -> list[tuple[str, str, float, float, int]]:
        """Returns places with their calls."""
        calls = Counter(call.place for call in self.calls if call.place != UNLOCATED)
        return [(*place, n) for place, n in sorted(calls.items(), key=lambda item: (-item[1], item[0]))]

    def users_by_day(self) -> list[tuple[date, int, int]]:
        """Accounts and anonymous visitors of each day that has calls."""
        days = _grouped(self.calls, lambda call: call.day)
        return [(day, len(_accounts(calls)), len(_visitors(calls))) for day, calls in sorted(days.items())]

    def users(self) -> list[tuple[str, int, int, date]]:
        """Returns every account with its calls, days and last day; anonymous callers are one user."""
        users = _grouped(self.calls, lambda call: call.user_id or 'anonymous')
        rows = [
            (user, len(calls), len({call.day for call in calls}), max(call.day for call in calls))
            for user, calls in users.items()
        ]
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    def hours(self) -> list[tuple[int, int, int]]:
        """Calls by weekday (1 is Monday) and hour of the portal's clock."""
        calls = Counter((call.day.isoweekday(), call.local.hour) for call in self.single)
        return [(weekday, hour, n) for (weekday, hour), n in sorted(calls.items())]

    def _month_is_whole(self, call: Call) -> bool:
        """Whether the period contains the month of a call in all time zones that its portal had in that month."""
        month = call.day.replace(day=1)
        after = (month + timedelta(31)).replace(day=1)
        of_month = [other for other in self.portals if (other.domain, other.day.replace(day=1)) == (call.domain, month)]
        zones = {ZoneInfo(other.timezone) for other in of_month}
        return all(
            self.start.astimezone(zone).replace(tzinfo=None) <= datetime.combine(month, time())
            and self.end.astimezone(zone).replace(tzinfo=None) >= datetime.combine(after, time())
            for zone in zones
        )

    def _known(self, call: Call) -> Known:
        """The data set of a call; a name that the catalogue does not know stands for itself."""
        name = call.path if (call.dataset_id, call.action) == ('', 'download') else call.dataset_id
        return self.catalogue.get((call.domain, name), Known(call.dataset_id, '', '', ''))

    def _dataset_rows(self, calls: Iterable[Call], key: Callable[[Call], tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """For each key and data set: the key, the data set, its measures, and what the catalogue says of it."""
        groups = _grouped(calls, lambda call: (*key(call), self._known(call).dataset_id))
        return [
            (*at, *totals(group), *map(max, zip(*(self._known(call)[1:] for call in group), strict=True)))
            for at, group in groups.items()
        ]

    def datasets(self) -> list[tuple[Any, ...]]:
        """Data sets with calls, users, errors, bytes, queries, download requests, page views, downloads, title, publisher, theme."""
        rows = self._dataset_rows(self.by_month, lambda _: ())
        found = {row[0] for row in rows}
        listed = {known for known in self.catalogue.values() if known.dataset_id not in found}
        rows += [(known.dataset_id, *NO_TOTALS, *known[1:]) for known in listed]
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    def datasets_by_month(self) -> list[tuple[Any, ...]]:
        """The same for each month with calls."""
        rows = self._dataset_rows(self.by_month, lambda call: (call.day.replace(day=1),))
        return sorted(rows, key=lambda row: (row[0], -row[2], row[1]))

    def datasets_by_day(self) -> list[tuple[Any, ...]]:
        """The same for each day with calls."""
        rows = self._dataset_rows(self.single, lambda call: (call.day,))
        return sorted(rows, key=lambda row: (row[0], -row[2], row[1]))

    def referrers(self) -> list[tuple[Any, ...]]:
        """Referring hosts with their measures and the number of data sets that their calls ask for."""
        rows = [
            (host, *totals(calls), len({(call.domain, known) for call in calls if (known := self._known(call).dataset_id)}))
            for host, calls in _grouped(self.single, lambda call: call.referrer_host).items()
        ]
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    def publishers(self) -> list[tuple[Any, ...]]:
        """Publishers with their measures and their number of data sets in the catalogue."""
        return self._of_catalogue(2)

    def themes(self) -> list[tuple[Any, ...]]:
        """Themes with their measures and their number of data sets in the catalogue."""
        return self._of_catalogue(3)

    def _of_catalogue(self, field: int) -> list[tuple[Any, ...]]:
        groups = _grouped(self.by_month, lambda call: self._known(call)[field])
        listed = Counter(known[field] for _, known in {(domain, known) for (domain, _), known in self.catalogue.items()})
        rows = [
            (name, *(totals(groups[name]) if name in groups else NO_TOTALS), listed[name])
            for name in groups.keys() | listed.keys()
        ]
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    def by_month_of(self, part: Callable[[Call], bool]) -> list[tuple[Any, ...]]:
        """Measures by month of a part of the calls."""
        groups = _grouped((call for call in self.by_month if part(call)), lambda call: call.day.replace(day=1))
        return sorted((month, *totals(group)) for month, group in groups.items())

    def by(self, key: Callable[[Call], Any], part: Callable[[Call], bool] = lambda _: True) -> dict[Any, tuple[int, ...]]:
        """Measures of a part of the calls by a key."""
        return {name: totals(group) for name, group in _grouped(filter(part, self.single), key).items()}

    def is_of(self, part: str, name: str) -> Callable[[Call], bool]:
        """Whether a call belongs to a part: `calls` (all), the `dataset` with this name, or the `publisher`."""

        def of(call: Call) -> bool:
            known = self._known(call)
            if part == 'publisher':
                return known.publisher == name
            named = self.catalogue.get((call.domain, name))
            return known.dataset_id == (named.dataset_id if named else name) or call.dataset_id == name

        return of if part != 'calls' else lambda _: True

    def of_part(self, part: Callable[[Call], bool]) -> 'Count':
        """The indicators of a part of the calls that are stored individually. Days without calls stay."""
        of = copy(self)
        of.calls = [call for call in self.single if part(call)]
        of._count_excluded(call for call in self.period if part(call))
        of._count_users()
        return of

    def clients(self) -> list[tuple[str, str, int, int]]:
        """Kinds of client and programs with calls and users."""
        rows = [
            (*at, len(calls), totals(calls)[1])
            for at, calls in _grouped(self.single, lambda call: (call.client, call.browser)).items()
        ]
        return sorted(rows, key=lambda row: (-row[2], CLIENTS.index(row[0]), row[1]))

    def actions_by_day(self) -> list[tuple[date, str, int]]:
        """Calls by day and action."""
        calls = Counter((call.day, ACTIONS.index(call.action)) for call in self.single)
        return [(day, ACTIONS[action], n) for (day, action), n in sorted(calls.items())]

    def durations_by_day(self) -> list[tuple[date, str, int, float, float, float]]:
        """Calls with a known duration by day and data set, and the percentiles 50, 95 and 99 of their durations."""
        groups = _grouped(
            (call for call in self.single if call.duration_ms is not None), lambda call: (call.day, self._known(call).dataset_id)
        )
        rows = [(*at, len(calls), *_percentiles([call.duration_ms or 0 for call in calls])) for at, calls in groups.items()]
        return sorted(rows, key=lambda row: (row[0], -row[2], row[1]))

    def statuses_by_day(self) -> list[tuple[date, int | None, int]]:
        """Calls by day and status, the unknown status last."""
        calls = Counter((call.day, call.status or 1000) for call in self.single)
        return [(day, None if status == 1000 else status, n) for (day, status), n in sorted(calls.items())]


def _grouped(calls: Iterable[Call], key: Callable[[Call], Key]) -> dict[Key, list[Call]]:
    groups: dict[Key, list[Call]] = {}
    for call in calls:
        groups.setdefault(key(call), []).append(call)
    return groups


def _accounts(calls: list[Call]) -> set[str]:
    return {call.user_id for call in calls} - {ANONYMOUS}


def _visitors(calls: list[Call]) -> set[int]:
    return {call.visitor for call in calls if call.user_id == ANONYMOUS}


NO_TOTALS = (0,) * 8


def totals(calls: list[Call]) -> tuple[int, ...]:
    """Calls, users, errors, bytes, queries, download requests, page views, downloads."""
    users, errors = len({call.user for call in calls}), sum((call.status or 0) >= 400 for call in calls)
    actions = Counter(call.action for call in calls)
    downloads = len({(call.user, call.file, call.row()['hour']) for call in calls if call.file})
    size = sum(call.bytes for call in calls)
    return len(calls), users, errors, size, actions['query'], actions['download'], actions['page'], downloads


def _percentiles(values: list[int]) -> tuple[float, float, float]:
    """The percentiles 50, 95 and 99: the value at the rounded-down rank, from 0."""
    ordered = sorted(values)
    p50, p95, p99 = (float(ordered[int((len(values) - 1) * percent / 100)]) for percent in (50, 95, 99))
    return p50, p95, p99


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def usual_activity(
    stored: Iterable[Call], domains: list[str], start: datetime, end: datetime, crawlers: bool
) -> list[tuple[str, int, float | None, list[int]]]:
    """Returns the calls of each portal up to its newest one in the period, and those of the same local times in the weeks before."""
    rows = []
    portals = {call.domain for call in stored if not domains or call.domain in domains}
    for domain in sorted(portals):
        calls = [call for call in stored if call.domain == domain]
        arrived = [call for call in calls if start <= call.timestamp < end]
        if not arrived:
            continue
        newest = max(arrived, key=lambda call: call.timestamp)
        zone = ZoneInfo(newest.timezone)
        tally = []
        for week in range(5):
            first, last = (before(moment, week, zone) for moment in (start, newest.timestamp))
            if week == 0 or first.astimezone(zone).date() >= min(call.day for call in calls):
                tally.append(sum(first <= call.timestamp <= last and (crawlers or call.client != 'crawler') for call in calls))
        rows.append((domain, tally[0], float(median(tally[1:])) if tally[1:] else None, tally[1:]))
    return rows


def before(moment: datetime, weeks: int, zone: ZoneInfo) -> datetime:
    """Returns the same local time, `weeks` weeks before."""
    shown = moment.astimezone(zone).replace(tzinfo=None)
    return (shown - timedelta(weeks=weeks)).replace(tzinfo=zone, fold=moment.astimezone(zone).fold).astimezone(UTC)
