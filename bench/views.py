"""Measures the eight views on a year of calls: in a new process with an empty page cache (cold), then again (warm)."""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from statistics import median

from measure import drop_page_cache

from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect

END, DAYS = datetime(2026, 11, 16, tzinfo=UTC), 365
PORTALS = {
    'data.paris.example': 'Europe/Paris',
    'data.kathmandu.example': 'Asia/Kathmandu',
    'data.newyork.example': 'America/New_York',
}
VIEWS = (
    'activity',
    'total_users',
    'calls_per_user',
    'anonymous_users',
    'mobile_users',
    'top_users',
    'map_of_calls',
    'summary',
)
AT_ONCE = 1_000_000  # calls per INSERT
REPEATS = 7

# sessions of eight calls; 300,000 visitors, one in twenty a crawler; 20,000 accounts, few of them busy; 5,000 places
FILL = """
INSERT INTO calls (timestamp, domain, timezone, day, hour, user_id, visitor, device, client, browser, os, country, city, latitude,
    longitude, method, path, dataset_id, status, bytes, duration_ms, batch_id)
WITH
    intDiv(number, 8) AS session,
    sipHash64(session, '{domain}') AS drawn,
    (drawn % 1000003) / 1000003 AS chance,
    toUInt64(pow(chance, 2) * 300000) AS who,
    (intDiv(drawn, 1000003) % 10 = 0) AS registered,
    who % 20 = 7 AND NOT registered AS crawls,
    who % 5000 AS place,
    sipHash64(number, '{domain}') AS one,
    toDateTime({start} + intDiv(drawn, 7) % {seconds}, 'UTC') AS began,
    least(began + (number % 8) * 11, toDateTime({start} + {seconds} - 1, 'UTC')) AS t
SELECT
    toDateTime64(t, 3, 'UTC') + toIntervalMillisecond(one % 1000) AS timestamp,
    '{domain}' AS domain,
    '{zone}' AS timezone,
    toDate(t, '{zone}') AS day,
    toDateTime(toStartOfHour(t, '{zone}'), 'UTC') AS hour,
    if(registered, 'account' || toString(toUInt64(pow(chance, 3) * 20000)), '') AS user_id,
    sipHash64(who) AS visitor,
    multiIf(crawls, 'other', who % 9 < 5, 'desktop', who % 9 < 7, 'phone', who % 9 < 8, 'tablet', 'unknown') AS device,
    multiIf(crawls, 'crawler', who % 4 = 0, 'api_client', 'browser') AS client,
    ['Chrome', 'Firefox', 'Safari', 'Edge', 'python-requests', 'curl'][1 + who % 6] AS browser,
    ['Windows', 'Android', 'iOS', 'Mac OS X', 'Linux'][1 + who % 5] AS os,
    if(place < 50, '', ['FR', 'NP', 'US', 'DE', 'GB', 'IN', 'BE', 'CA', 'ES', 'IT'][1 + place % 10]) AS country,
    if(place < 50, '', 'City ' || toString(place)) AS city,
    if(place < 50, 0, round(sipHash64(place) % 14000 / 100 - 60, 2)) AS latitude,
    if(place < 50, 0, round(sipHash64(place, 1) % 36000 / 100 - 180, 2)) AS longitude,
    if(one % 20 = 0, 'POST', 'GET') AS method,
    '/api/explore/v2.1/catalog/datasets/' || dataset_id || ['/records', '/exports', '/facets', ''][1 + one % 4] AS path,
    'dataset-' || toString(session % 400) AS dataset_id,
    if(one % 10 = 0, 404, 200) AS status,
    one % 100000 AS bytes,
    one % 3000 AS duration_ms,
    'bench ' || toString(intDiv(number, 250000)) AS batch_id
FROM numbers({first}, {size})
"""


def fill(path: str, calls: int) -> None:
    """Makes the calls, one portal after the other, and merges the parts, as ClickHouse would within a day."""
    database = connect(f'chdb://{path}')
    schema.apply(database)
    start = END - timedelta(days=DAYS)
    for domain, zone in PORTALS.items():
        for first in range(0, calls // len(PORTALS), AT_ONCE):
            size = min(AT_ONCE, calls // len(PORTALS) - first)
            period = {'start': int(start.timestamp()), 'seconds': DAYS * 86400}
            database.command(FILL.format(domain=domain, zone=zone, first=first, size=size, **period))
    for table in ('calls', 'days', 'accounts', 'places'):
        database.command(f'OPTIMIZE TABLE {table} FINAL')
    database.close()


def ask(database: ClickHouse, view: str, days: int, domains: list[str]) -> float:
    """Queries a view. Returns the milliseconds until all rows have arrived."""
    start = time.perf_counter()
    database.query(
        f'SELECT * FROM {view}(domains={domains}, from={{from:String}}, to={{to:String}}, crawlers=0)',
        {'from': f'{END - timedelta(days=days):%F %T}', 'to': f'{END:%F %T}'},
    )
    return (time.perf_counter() - start) * 1000


def measure(path: str, days: int, domains: list[str]) -> None:
    """Prints a table of the times of the views. The first round is cold."""
    start = time.perf_counter()
    database = connect(f'chdb://{path}')
    opened = (time.perf_counter() - start) * 1000
    cold = {view: ask(database, view, days, domains) for view in VIEWS}
    warm = {view: median(ask(database, view, days, domains) for _ in range(REPEATS)) for view in VIEWS}
    database.close()
    print(f'{days} days, {", ".join(domains) or "all portals"}; loading and opening took {opened:.0f} ms')
    for view in VIEWS:
        print(f'  {view:16}{cold[view]:8.1f} ms cold {warm[view]:8.1f} ms warm')
    print(f'  {"all eight":16}{sum(cold.values()):8.1f} ms cold {sum(warm.values()):8.1f} ms warm', flush=True)


def apart(task: Callable[..., None], *arguments: object) -> None:
    """Runs a function in a new process: only one process can open an embedded database, and a new one has nothing cached."""
    process = get_context('spawn').Process(target=task, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def main() -> None:
    """Fills a new database, then measures two periods, for one portal and for all portals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--calls', type=int, default=10_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        apart(fill, folder, options.calls)
        seconds = time.perf_counter() - start
        print(f'{options.calls:,} calls of {DAYS} days in {len(PORTALS)} portals, made in {seconds:.0f} s', flush=True)
        for days in (14, DAYS):
            for domains in ([next(iter(PORTALS))], []):
                if not drop_page_cache():
                    print('the page cache cannot be emptied by this user: "cold" is only a new process')
                apart(measure, folder, days, domains)


if __name__ == '__main__':
    main()
