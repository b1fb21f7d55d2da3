"""Reads the numbers of one portal in one month from the public views and tables."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from exporter.archive.manifest import FIGURES, Catalogue, Coverage, Gap, PortalMonth
from exporter.archive.month import bounds
from exporter.catalogue import storage
from exporter.report.publication import few
from exporter.store.clickhouse import ClickHouse
from exporter.store.rollups import calls_from

DAY = timedelta(days=1)
Line = dict[str, str]  # a row of the CSV
# By batch: whether it is forgotten, and when that and its end were recorded.
BATCHES_OF_MONTH = """
SELECT
    batch_id, max(state) = 'forgotten' AS forgotten, maxIf(at, state = 'forgotten') AS forgotten_at,
    maxIf(at, state = 'done') AS done_at, maxIf(stored, state = 'done') AS calls, maxIf(rules, state = 'done') AS counted_by,
    assumeNotNull(max(first_timestamp)) AS first_call, assumeNotNull(max(last_timestamp)) AS last_call
FROM batches
WHERE domain = {domain:String}
GROUP BY batch_id
HAVING calls > 0 AND first_call < toDateTime64({to:Int64}, 3, 'UTC') AND last_call >= toDateTime64({from:Int64}, 3, 'UTC')
"""
# Batches that begin before the first kept day are left out: some of their calls may have been removed by their age.
DELETED = f"""
WITH kept AS (
    SELECT * FROM ({BATCHES_OF_MONTH}) WHERE NOT forgotten AND toDate(first_call) > {{kept_from:Date}} + 1
)
SELECT greatest(0, toInt64(sum(calls)) - toInt64((
    SELECT count() FROM calls
    WHERE domain = {{domain:String}} AND batch_id GLOBAL IN (SELECT batch_id FROM kept)
        AND day >= toDate((SELECT min(first_call) FROM kept)) - 1 AND day <= toDate((SELECT max(last_call) FROM kept)) + 1
))) AS calls
FROM kept
"""
NAMES = f'SELECT hex(groupBitXor(sipHash64(name, dataset_id))) AS names FROM catalogue WHERE {storage.CURRENT}'


class Numbers(NamedTuple):
    """A portal in a month: its rows of the CSV by data set, and its totals; None without calls and rows."""

    lines: dict[str, Line]
    portal: PortalMonth


def read(database: ClickHouse, domain: str, timezone: str, month: date, public_minimum: int) -> Numbers | None:
    """The numbers of a portal in a month; None if it has no calls in it. Raises EngineError."""
    coverage = _coverage(database, domain, timezone, month)
    if not coverage:
        return None
    begin, end = bounds(month, timezone)
    period = {'domain': domain, 'from': int(begin.timestamp()), 'to': int(end.timestamp())}
    parameters = f"(domains=['{domain}'], from={period['from']}, to={period['to']}, crawlers=0)"
    measures = ', '.join(FIGURES)
    rows = database.query(f'SELECT dataset_id, title, publisher, {measures} FROM datasets{parameters} ORDER BY dataset_id')
    totals = database.query(f'SELECT {measures} FROM calls_by_month{parameters} WHERE month = {{month:Date}}', {'month': month})
    total = totals[0] if totals else dict.fromkeys(FIGURES, 0)
    lines = {
        row['dataset_id']: {
            'month': f'{month:%Y-%m}',
            'domain': domain,
            'publisher': row['publisher'],
            'dataset': row['dataset_id'],
            'title': row['title'],
            **{name: str(row[name]) for name in FIGURES},
            'users': str(few(row['users'], public_minimum)),
        }
        for row in rows
        if row['dataset_id']
    }
    rules = database.query(f'SELECT DISTINCT counted_by FROM ({BATCHES_OF_MONTH}) WHERE NOT forgotten ORDER BY 1', period)
    [deleted] = database.query(DELETED, period | {'kept_from': calls_from(database)})
    updated = storage.last_successes(database).get(domain)
    [catalogue] = database.query(NAMES, {'domain': domain})
    portal = PortalMonth(
        domain=domain,
        timezone=timezone,
        public_minimum=public_minimum,
        **total | {'users': few(total['users'], public_minimum)},
        calls_without_dataset=sum(row['calls'] for row in rows if not row['dataset_id']),
        deleted_calls=deleted['calls'],
        coverage=coverage,
        counting_rules=[row['counted_by'] for row in rules],
        catalogue=Catalogue(updated.at, catalogue['names']) if updated else None,
    )
    return Numbers(lines, portal)


def _coverage(database: ClickHouse, domain: str, timezone: str, month: date) -> Coverage | None:
    """When the calls of a month came in, those of crawlers too; None without calls.

    To the second; or by day, if some of the calls were removed by their age.
    """
    begin, end = bounds(month, timezone)
    by_day = calls_from(database) > month
    times = (_days if by_day else _hours)(database, domain, timezone, month)
    if not times:
        return None
    edges = [(begin, begin), *times, (end, end)]
    gaps = [(last, first) for (_, last), (first, _) in pairwise(edges) if first - last > DAY]
    zone = ZoneInfo(timezone)

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).isoformat()

    first, last = times[0][0].astimezone(zone), times[-1][0 if by_day else 1].astimezone(zone)
    return Coverage(
        first.date().isoformat() if by_day else first.isoformat(),
        last.date().isoformat() if by_day else last.isoformat(),
        [Gap(local(last), local(first)) for last, first in gaps],
    )


def _hours(database: ClickHouse, domain: str, timezone: str, month: date) -> list[tuple[datetime, datetime]]:
    """The first and the last call of each hour with calls."""
    begin, end = bounds(month, timezone)
    rows = database.query(
        """
        SELECT toUnixTimestamp(min(timestamp)) AS first, toUnixTimestamp(max(timestamp)) AS last
        FROM calls
        WHERE domain = {domain:String} AND day >= {month:Date} - 1 AND day <= addMonths({month:Date}, 1)
            AND timestamp >= toDateTime64({from:Int64}, 3, 'UTC') AND timestamp < toDateTime64({to:Int64}, 3, 'UTC')
        GROUP BY hour
        ORDER BY first
        """,
        {'domain': domain, 'month': month, 'from': int(begin.timestamp()), 'to': int(end.timestamp())},
    )
    return [(datetime.fromtimestamp(row['first'], UTC), datetime.fromtimestamp(row['last'], UTC)) for row in rows]


def _days(database: ClickHouse, domain: str, timezone: str, month: date) -> list[tuple[datetime, datetime]]:
    """When each day with calls begins and ends."""
    begin, end = bounds(month, timezone)
    rows = database.query(
        f"SELECT day FROM activity(domains=['{domain}'], from={int(begin.timestamp())}, to={int(end.timestamp())}, crawlers=1) "
        'WHERE calls > 0 ORDER BY activity.day'
    )
    zone = ZoneInfo(timezone)

    def midnight(day: date) -> datetime:
        return datetime.combine(day, time(), zone).astimezone(UTC)

    return [(midnight(row['day']), midnight(row['day'] + DAY)) for row in rows]
