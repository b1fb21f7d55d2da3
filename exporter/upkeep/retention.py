"""Removes calls and daily sums that are older than the settings allow."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from exporter.config import Settings
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse
from exporter.store.rollups import DAILY, calls_from
from exporter.system.locks import storing


@dataclass(frozen=True)
class Removed:
    """How many calls were removed, and how many daily sums: one for each portal and day."""

    calls: int = 0
    days: int = 0


def remove_old(settings: Settings, database: ClickHouse, today: date) -> Removed:
    """Removes what is older than `keep_calls_days` and `keep_rollups_days` before `today` (UTC).

    From the first removal on the views read earlier days from the daily sums. Batches stay done, so a log whose calls were
    removed is not imported again. Raises EngineError; the next run finishes what was interrupted.
    """
    calls = days = 0
    with storing(settings.data_dir):
        if settings.keep_calls_days:
            first = today - timedelta(settings.keep_calls_days)
            calls = _count(database, 'count() AS n FROM calls', first)
            if calls:
                _record_first_day(database, first)
                database.delete('calls', 'day < {first:Date}', {'first': first})
        if settings.keep_rollups_days:
            first = today - timedelta(settings.keep_rollups_days)
            days = _count(database, 'uniqExact(domain, day) AS n FROM days', first)
            for table in DAILY:
                database.delete(table, 'day < {first:Date}', {'first': first})
            database.delete('months', 'month < toStartOfMonth({first:Date})', {'first': first})
    return Removed(calls, days)


def _count(database: ClickHouse, selection: str, first: date) -> int:
    [row] = database.query(f'SELECT {selection} WHERE day < {{first:Date}}', {'first': first})
    return int(row['n'])


def _record_first_day(database: ClickHouse, first: date) -> None:
    """Records the first day whose calls are kept, before they are removed, and applies it to the views."""
    if first > calls_from(database):
        now = f'{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}'[:-3]
        database.insert_rows('retention', [{'at': now, 'calls_from': first}], token=now)
    schema.apply(database)
