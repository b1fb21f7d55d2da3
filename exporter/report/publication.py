"""Hides in published numbers what could tell about single persons: few users, places with few visitors, names of accounts."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from exporter.report.indicators import Place, Report
from exporter.report.period import Period
from exporter.store.clickhouse import ClickHouse

Location = tuple[str, str, float, float]  # country, city, latitude, longitude
VISITORS = """
SELECT country, city, latitude, longitude, uniqExact(if(user_id = '', visitor, cityHash64(user_id))) AS visitors
FROM calls
WHERE domain = {domain:String} AND client != 'crawler' AND country != ''
    AND day >= toDate({from:UInt32}) - 1 AND day <= toDate({to:UInt32}) + 1
    AND timestamp >= toDateTime64({from:UInt32}, 3, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 3, 'UTC')
GROUP BY country, city, latitude, longitude
"""


def few(number: int, minimum: int) -> int | str:
    """A number of users as it may be published: `fewer than 5` if it is below the minimum. Nobody stays 0."""
    return f'fewer than {minimum}' if 0 < number < minimum else number


def visitors_by_place(database: ClickHouse, domain: str, period: Period) -> dict[Location, int]:
    """The number of users of a portal at each place, without crawlers. Raises EngineError.

    Places of calls that were removed by their age are not there.
    """
    start, end = int(period.start.timestamp()), int(period.end.timestamp())
    rows = database.query(VISITORS, {'domain': domain, 'from': start, 'to': end})
    return {(row['country'], row['city'], row['latitude'], row['longitude']): row['visitors'] for row in rows}


def published(report: Report, visitors: Mapping[Location, int], minimum: int, *, names_accounts: bool) -> dict[str, Any]:
    """A report as it may be published, with the keys of its JSON. `visitors` are those of the same calls, by place.

    Numbers of users below `minimum` become texts, and what would tell them null. Places with fewer visitors, or of which none are
    known, become their country, or calls without a place where there is no country. Without `names_accounts`, only the calls of
    all anonymous callers stay in the list of users.
    """
    total = report.total_users
    anonymous = round(total * (report.anonymous_users_percent or 0) / 100)
    hides_total = few(total, minimum) != total
    hides_share = hides_total or any(few(part, minimum) != part for part in (anonymous, total - anonymous))
    places, without_place = _places(report.map, visitors, minimum)
    values: dict[str, Any] = msgspec.to_builtins(report)
    return values | {
        'total_users': few(total, minimum),
        'calls_per_user': None if hides_total else report.calls_per_user,
        'anonymous_users_percent': None if hides_share else report.anonymous_users_percent,
        'top_users': [msgspec.to_builtins(user) for user in report.top_users if names_accounts or user.user == 'anonymous'],
        'map': [msgspec.to_builtins(place) for place in places],
        'unlocated_calls': report.unlocated_calls + without_place,
    }


def _places(places: list[Place], visitors: Mapping[Location, int], minimum: int) -> tuple[list[Place], int]:
    """The places as they may be published, most calls first, and the calls of those that may not."""
    from exporter.enrich.geo import COUNTRIES  # here: it takes 0.3 s to load, and an archive does not need it

    countries = {country: (round(latitude, 2), round(longitude, 2)) for country, latitude, longitude in COUNTRIES.iter_rows()}
    calls, without_place = Counter[Location](), 0
    for place in places:
        location = place.country, place.city, place.latitude, place.longitude
        if visitors.get(location, 0) >= minimum:
            calls[location] += place.calls
        elif place.country in countries:
            calls[place.country, '', *countries[place.country]] += place.calls
        else:
            without_place += place.calls
    ordered = sorted(calls.items(), key=lambda item: (-item[1], item[0]))
    return [Place(*location, number) for location, number in ordered], without_place
