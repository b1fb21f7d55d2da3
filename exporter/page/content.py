"""Reads what the page shows beside the indicators: the period before, data sets, publishers, and what is covered."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from exporter.report import events, indicators
from exporter.report.events import Event
from exporter.report.indicators import Portal, Report
from exporter.report.period import Period
from exporter.store.clickhouse import ClickHouse, Row
from exporter.store.rollups import calls_from

ROWS = 10  # of data sets and of publishers
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
QUIET = timedelta(hours=1)  # without calls at the end of a period, which is complete nevertheless
COVERED = """
SELECT toUnixTimestamp(min(first)) AS first, toUnixTimestamp(max(last)) AS last
FROM (
    SELECT max(first_timestamp) AS first, max(last_timestamp) AS last
    FROM batches
    WHERE domain = {domain:String}
    GROUP BY batch_id
    HAVING max(state) = 'done' AND max(stored) > 0
)
"""


class Dataset(msgspec.Struct, frozen=True):
    """What is counted of one data set; title and publisher are '' if no catalogue knows them."""

    dataset_id: str
    title: str
    publisher: str
    calls: int
    users: int
    downloads: int


class Publisher(msgspec.Struct, frozen=True):
    """What is counted of the data sets of one publisher; `datasets` is how many the catalogue lists."""

    publisher: str
    datasets: int
    calls: int
    users: int
    downloads: int


@dataclass(frozen=True)
class Content:
    """Everything on the page. `before` is None if not all of the calls of the period before are known."""

    portal: Portal
    report: Report
    crawlers: bool
    period: Period
    period_before: Period
    before: Report | None
    events: list[Event]
    datasets: list[Dataset]
    publishers: list[Publisher]
    first_call: datetime
    last_call: datetime
    removed_before: date | None  # the calls of earlier days of the period were deleted; their daily sums are kept


def fetch(database: ClickHouse, portal: Portal, period: Period, crawlers: bool = False) -> Content:
    """Everything on the page of a portal, which has calls; `crawlers` says whether the calls of crawlers count.

    Raises EngineError.
    """
    zone = ZoneInfo(portal.timezone)
    first_call, last_call = _covered(database, portal)
    before, kept_from = period_before(period, zone, last_call), calls_from(database)
    begins, ends = (moment.astimezone(zone) for moment in (before.start, before.end))
    # of days whose calls were deleted only the sums are left: they answer for whole days
    whole_or_kept = all(kept_from <= moment.date() or moment.time() == time() for moment in (begins, ends))
    report = indicators.fetch(database, portal.domain, portal.timezone, period, crawlers)
    known = report.calls > 0 and portal.first_day <= begins.date() and whole_or_kept
    start, end = int(period.start.timestamp()), int(period.end.timestamp())
    view = f"(domains=['{portal.domain}'], from={start}, to={end}, crawlers={int(crawlers)})"
    return Content(
        portal=portal,
        report=report,
        crawlers=crawlers,
        period=period,
        period_before=before,
        before=indicators.fetch(database, portal.domain, portal.timezone, before, crawlers) if known else None,
        events=events.of_period(database, portal.domain, period),
        datasets=[Dataset(**row) for row in _largest(database, Dataset, f'datasets{view}')],
        publishers=[Publisher(**row) for row in _largest(database, Publisher, f'publishers{view}')],
        first_call=first_call,
        last_call=last_call,
        removed_before=kept_from if kept_from > period.start.astimezone(zone).date() else None,
    )


def period_before(period: Period, zone: ZoneInfo, last_call: datetime) -> Period:
    """The period before, as many days long; of a period whose last hour has no calls yet, only the part up to the last call.

    Days are those of the time zone: a period that begins at midnight is compared with one that begins at midnight.
    """
    start, end = period.start.astimezone(zone), period.end.astimezone(zone)
    days = -((start.replace(tzinfo=None) - end.replace(tzinfo=None)) // DAY) * DAY
    if last_call < period.end - QUIET:
        end = max(period.start, last_call.replace(microsecond=0) + SECOND).astimezone(zone)
    return replace(period, start=(start - days).astimezone(UTC), end=(end - days).astimezone(UTC))


def _covered(database: ClickHouse, portal: Portal) -> tuple[datetime, datetime]:
    """The first and the last call of a portal."""
    [covered] = database.query(COVERED, {'domain': portal.domain})
    return datetime.fromtimestamp(covered['first'], UTC), datetime.fromtimestamp(covered['last'], UTC)


def _largest(database: ClickHouse, kind: type[msgspec.Struct], view: str) -> list[Row]:
    """The rows of a view with most calls; its first column names them."""
    columns = kind.__struct_fields__
    return database.query(
        f"""
        SELECT {', '.join(columns)}
        FROM {view}
        WHERE {columns[0]} != '' AND calls > 0
        ORDER BY calls DESC, {columns[0]}
        LIMIT {ROWS}
        """
    )
