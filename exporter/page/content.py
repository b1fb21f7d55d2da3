"""Reads what the page shows: the indicators, the period before, data sets, publishers, and what is covered."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from exporter.report import divisions, events, exact, indicators
from exporter.report.events import Event
from exporter.report.indicators import Portal, Report
from exporter.report.part import ALL, Selection
from exporter.report.period import Period
from exporter.store.clickhouse import ClickHouse, Row
from exporter.store.rollups import calls_from

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


@dataclass(frozen=True)
class Content:
    """Everything on the page. `before` is None if not all of the calls of the period before are known.

    `datasets` and `publishers` are rows of the divisions, most calls first; there are none where the report is about one.
    """

    portal: Portal
    selection: Selection
    counted_exactly: bool
    report: Report
    period_before: Period
    before: Report | None
    events: list[Event]
    datasets: list[Row]
    publishers: list[Row]
    first_call: datetime
    last_call: datetime
    removed_before: date | None  # the first day whose calls are kept, if calls of data sets are missing for that reason


def fetch(database: ClickHouse, portal: Portal, selection: Selection, count_exactly: bool = False) -> Content:
    """Everything on the page of a portal that has calls, or of a part of it.

    Raises EngineError; with `count_exactly`, PeriodError if calls of the period were removed.
    """

    def fetch_report(period: Period) -> Report:
        return indicators.fetch(
            database, portal.domain, portal.timezone, period, selection.crawlers, selection.part, count_exactly
        )

    def largest(by: str) -> list[Row]:
        rows = divisions.rows(database, selection, by, count_exactly)
        return [row for row in rows if row[by] and row['calls']]

    part = selection.part
    zone = ZoneInfo(portal.timezone)
    first_call, last_call = _covered(database, portal, zone)
    before = period_before(selection.period, zone, last_call)
    report = fetch_report(selection.period)
    comparable = report.calls > 0 and portal.first_day <= before.start.astimezone(zone).date()
    return Content(
        portal=portal,
        selection=selection,
        counted_exactly=count_exactly,
        report=report,
        period_before=before,
        before=fetch_report(before) if comparable and _counted(database, selection, before, zone, count_exactly) else None,
        events=events.of_period(database, portal.domain, selection.period),
        datasets=largest('dataset') if part.dataset is None else [],
        publishers=largest('publisher') if part == ALL else [],
        first_call=first_call,
        last_call=last_call,
        removed_before=divisions.removed_before(database, selection, 'dataset' if part == ALL else None),
    )


def period_before(period: Period, zone: ZoneInfo, last_call: datetime) -> Period:
    """The period before, as many days long; of a period whose last hour has no calls yet, only the part up to the last call.

    Days are those of the time zone: a period that begins at midnight is compared with one that begins at midnight.
    """
    start, end = period.start.astimezone(zone), period.end.astimezone(zone)
    days = -((start.replace(tzinfo=None) - end.replace(tzinfo=None)) // DAY) * DAY
    if last_call < period.end - QUIET:
        end = max(period.start, last_call.replace(microsecond=0) + SECOND).astimezone(zone)
    begins, ends = start - days, end - days
    return Period(begins.astimezone(UTC), ends.astimezone(UTC), begins.isoformat(), ends.isoformat())


def _counted(database: ClickHouse, selection: Selection, period: Period, zone: ZoneInfo, exactly: bool) -> bool:
    """Whether nothing that a period needs was deleted: the indicators of whole days need only the sums, which are kept."""
    if exactly or selection.part != ALL:
        return exact.removed_before(database, replace(selection, period=period)) is None
    kept_from = calls_from(database)
    ends = (moment.astimezone(zone) for moment in (period.start, period.end))
    return all(kept_from <= moment.date() or moment.time() == time() for moment in ends)


def _covered(database: ClickHouse, portal: Portal, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first and the last call of a portal; while its first import is not finished, the ends of its first and last day."""
    [covered] = database.query(COVERED, {'domain': portal.domain})
    if covered['first'] is not None:
        return datetime.fromtimestamp(covered['first'], UTC), datetime.fromtimestamp(covered['last'], UTC)
    midnight = datetime.combine(portal.last_day + DAY, time(), zone)
    return datetime.combine(portal.first_day, time(), zone), midnight - SECOND
