"""Retention: removes calls, and the sums of days, that are older than the settings keep them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from exporter.config import Settings
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse
from exporter.system.locks import storing

ROLLUPS = ('days', 'accounts', 'places')


@dataclass(frozen=True)
class Removed:
    """What was too old: how many calls, and how many days of how many portals in the sums."""

    calls: int = 0
    days: int = 0


def remove_old(settings: Settings, database: ClickHouse, today: date) -> Removed:
    """Removes what is older than `keep_calls_days` and `keep_rollups_days` before `today` (UTC). A second time there is nothing.

    From the first removal on the views read the days before from the sums, whole. Batches stay done: a log whose calls were
    removed does not come back. Raises EngineError; the next time finishes what was cut off.
    """
    calls = days = 0
    with storing(settings.data_dir):
        if settings.keep_calls_days:
            first = today - timedelta(settings.keep_calls_days)
            calls = _count(database, 'count() AS n FROM calls', first)
            if calls:
                _note(database, first)
                _delete(database, 'calls', first)
        if settings.keep_rollups_days:
            first = today - timedelta(settings.keep_rollups_days)
            days = _count(database, 'uniqExact(domain, day) AS n FROM days', first)
            for table in ROLLUPS:
                _delete(database, table, first)
    return Removed(calls, days)


def calls_from(database: ClickHouse) -> date:
    """The first day of which the calls are still there; before any were removed, 1970-01-01. Raises EngineError."""
    [row] = database.query('SELECT max(calls_from) AS day FROM retention')
    day: date = row['day']
    return day


def _count(database: ClickHouse, what: str, first: date) -> int:
    [row] = database.query(f'SELECT {what} WHERE day < {{first:Date}}', {'first': first})
    return int(row['n'])


def _note(database: ClickHouse, first: date) -> None:
    """Notes, before calls are removed, from which day on they are kept, and lets the views know."""
    if first > calls_from(database):
        now = f'{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}'[:-3]
        database.insert_rows('retention', [{'at': now, 'calls_from': first}], token=now)
    schema.apply(database)


def _delete(database: ClickHouse, table: str, first: date) -> None:
    database.command(f'ALTER TABLE {table} DELETE WHERE day < {{first:Date}} SETTINGS mutations_sync = 1', {'first': first})
