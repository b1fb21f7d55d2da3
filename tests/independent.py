"""The seven indicators counted in plain Python, call by call: slow, and with nothing of the program or of ClickHouse in it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

ANONYMOUS = ''
UNLOCATED = ('', '', 0.0, 0.0)


@dataclass(frozen=True)
class Call:
    """What of a call the indicators depend on."""

    timestamp: datetime  # UTC, to the millisecond
    domain: str
    timezone: str
    user_id: str = ANONYMOUS
    visitor: int = 1
    device: str = 'desktop'
    client: str = 'browser'
    place: tuple[str, str, float, float] = UNLOCATED

    @property
    def day(self) -> date:
        """The day in the portal's zone."""
        return self.timestamp.astimezone(ZoneInfo(self.timezone)).date()

    def row(self) -> dict[str, Any]:
        """The call as a row of the table."""
        minute = self.timestamp.astimezone(ZoneInfo(self.timezone)).minute
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
        }


def begin(day: date, timezone: str) -> datetime:
    """The moment at which a day begins in a zone."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


class Count:
    """The indicators over start <= t < end, of the calls of the portals that are asked for (none: of all).

    A day before `calls_from` is counted whole where the period has a second of it.
    """

    def __init__(
        self,
        stored: Iterable[Call],
        domains: list[str],
        start: datetime,
        end: datetime,
        crawlers: bool,
        calls_from: date = date.min,
    ) -> None:
        self.start, self.end = start, end
        self.portals = [call for call in stored if not domains or call.domain in domains]

        def asked(call: Call) -> bool:
            if call.day >= calls_from:
                return start <= call.timestamp < end
            zone = ZoneInfo(call.timezone)
            first, last = start.astimezone(zone).date(), (end - timedelta(seconds=1)).astimezone(zone).date()
            return start < end and first <= call.day <= last

        period = [call for call in self.portals if asked(call)]
        self.calls = [call for call in period if crawlers or call.client != 'crawler']
        self.crawler_calls = sum(call.client == 'crawler' for call in period)
        self.registered_users = len({call.user_id for call in self.calls if call.user_id != ANONYMOUS})
        self.anonymous_users = len({call.visitor for call in self.calls if call.user_id == ANONYMOUS})
        self.mobile_calls = sum(call.device in ('phone', 'tablet') for call in self.calls)
        self.unlocated_calls = sum(call.place == UNLOCATED for call in self.calls)

    def activity(self) -> list[tuple[date, datetime, int]]:
        """Every day of the period in the zone of any portal asked for; they begin as in the zone of the busiest."""
        if self.start >= self.end:
            return []
        zones = Counter(call.timezone for call in self.portals) or Counter(['UTC'])
        busiest = min(zones, key=lambda zone: (-zones[zone], zone))
        first = min(self.start.astimezone(ZoneInfo(zone)).date() for zone in zones)
        last = max((self.end - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() for zone in zones)
        calls = Counter(call.day for call in self.calls)
        return [(day, begin(day, busiest), calls[day]) for day in _days(first, last)]

    def top_users(self) -> list[tuple[str, int]]:
        """The five with most calls; of as many calls, the first by name."""
        calls = Counter(call.user_id or 'anonymous' for call in self.calls)
        return sorted(calls.items(), key=lambda user: (-user[1], user[0]))[:5]

    def map_of_calls(self) -> list[tuple[str, str, float, float, int]]:
        """Places with their calls."""
        calls = Counter(call.place for call in self.calls if call.place != UNLOCATED)
        return [(*place, n) for place, n in sorted(calls.items(), key=lambda item: (-item[1], item[0]))]


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def usual_activity(
    stored: Iterable[Call], domains: list[str], start: datetime, end: datetime, crawlers: bool
) -> list[tuple[str, int, float | None, list[int]]]:
    """Of each portal its calls until the newest one in the period, and what the same clock times of the weeks before had."""
    found = []
    portals = {call.domain for call in stored if not domains or call.domain in domains}
    for domain in sorted(portals):
        calls = [call for call in stored if call.domain == domain]
        arrived = [call for call in calls if start <= call.timestamp < end]
        if not arrived:
            continue
        newest = max(arrived, key=lambda call: call.timestamp)
        zone = ZoneInfo(newest.timezone)
        counts = []
        for week in range(5):
            first, last = (before(moment, week, zone) for moment in (start, newest.timestamp))
            if week == 0 or first.astimezone(zone).date() >= min(call.day for call in calls):
                counts.append(sum(first <= call.timestamp <= last and (crawlers or call.client != 'crawler') for call in calls))
        found.append((domain, counts[0], float(median(counts[1:])) if counts[1:] else None, counts[1:]))
    return found


def before(moment: datetime, weeks: int, zone: ZoneInfo) -> datetime:
    """When the clocks of the zone showed the same, so many weeks before."""
    shown = moment.astimezone(zone).replace(tzinfo=None)
    return (shown - timedelta(weeks=weeks)).replace(tzinfo=zone, fold=moment.astimezone(zone).fold).astimezone(UTC)
