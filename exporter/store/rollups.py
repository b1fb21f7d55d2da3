"""The rollups, which are sums of `calls`: finds days and months on which they differ, and computes these again."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from exporter.errors import InputError
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger

ROLLUPS = ('days', 'accounts', 'places', 'months')
DAILY = ('days', 'accounts', 'places')
CALLS_PER_DAY = 'SELECT day, {calls} AS n FROM {table} WHERE domain = {{domain:String}} AND day >= {{first:Date}} GROUP BY day'
DIFFERING_DAYS = f"""
SELECT day
FROM ({' UNION ALL '.join(CALLS_PER_DAY.format(table=table, calls=f'sum({table}.calls)') for table in DAILY)}
    UNION ALL {CALLS_PER_DAY.format(table='calls', calls='count()')})
GROUP BY day
HAVING count() != {len(DAILY) + 1} OR min(n) != max(n)
"""
DIFFERING_MONTHS = """
SELECT month
FROM (
    SELECT month, sum(months.calls) AS n
    FROM months
    WHERE domain = {domain:String} AND month >= {first:Date}
    GROUP BY month
    UNION ALL
    SELECT toStartOfMonth(day) AS month, count() AS n
    FROM calls
    WHERE domain = {domain:String} AND month >= {first:Date}
    GROUP BY month
)
GROUP BY month
HAVING count() != 2 OR min(n) != max(n)
"""


class Selection(NamedTuple):
    """A condition over rows, in ClickHouse's SQL, and its parameters."""

    where: str
    parameters: Mapping[str, Any]


def of_batches(domain: str, ids: Collection[str]) -> Selection:
    """Selects the calls of some batches of a portal."""
    return Selection('domain = {domain:String} AND batch_id IN {ids:Array(String)}', {'domain': domain, 'ids': list(ids)})


def delete(database: ClickHouse, table: str, selection: Selection) -> None:
    """Deletes the selected rows of a table. Raises EngineError."""
    database.delete(table, selection.where, selection.parameters)


def calls_from(database: ClickHouse) -> date:
    """The first day whose calls are kept; 1970-01-01 if no calls were removed. Raises EngineError."""
    [row] = database.query('SELECT max(calls_from) AS day FROM retention')
    day: date = row['day']
    return day


def differing(database: ClickHouse, domain: str) -> list[date]:
    """The days of a portal, and the first days of its months, for which a rollup counts other calls than the table `calls`.

    Leaves out days and months of which calls were removed by their age. Raises EngineError.
    """
    return _differing_days(database, domain) + _differing_months(database, domain)


def _differing_days(database: ClickHouse, domain: str) -> list[date]:
    rows = database.query(DIFFERING_DAYS, {'domain': domain, 'first': calls_from(database)})
    return [row['day'] for row in rows]


def _differing_months(database: ClickHouse, domain: str) -> list[date]:
    rows = database.query(DIFFERING_MONTHS, {'domain': domain, 'first': months_from(database)})
    return [row['month'] for row in rows]


def months_from(database: ClickHouse) -> date:
    """The first month whose calls are all kept, as its first day. Raises EngineError."""
    first = calls_from(database)
    return first if first.day == 1 else (first.replace(day=1) + timedelta(31)).replace(day=1)


def repair(database: ClickHouse, domain: str) -> None:
    """Computes the differing days and months of a portal again, by the SELECTs of the materialized views. Raises EngineError.

    Leaves days whose calls were removed by their age, and the sums of months of which some were.
    """
    if days := _differing_days(database, domain):
        for table in DAILY:
            _compute(
                database,
                table,
                Selection('domain = {domain:String} AND day IN {days:Array(Date)}', {'domain': domain, 'days': days}),
            )
    if months := _differing_months(database, domain):
        selection = Selection('domain = {domain:String} AND month IN {months:Array(Date)}', {'domain': domain, 'months': months})
        _compute(database, 'months', selection)


def _compute(database: ClickHouse, table: str, selection: Selection) -> None:
    """Computes the selected rows of a rollup again. `selection` uses only columns of its key."""
    delete(database, table, selection)
    [view] = database.query(f"SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = '{table}_mv'")
    columns = database.query(
        f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table}_mv' ORDER BY position"
    )
    names = ', '.join(column['name'] for column in columns)
    select = f'SELECT * FROM ({view["as_select"]}) WHERE {selection.where}'
    # the same rows may have been inserted before, and deduplication would drop them
    database.command(f'INSERT INTO {table} ({names}) SETTINGS insert_deduplicate = 0 {select}', selection.parameters)


def refuse_unfinished(database: ClickHouse, domain: str, except_ids: set[str], except_log: str = '') -> None:
    """Raises InputError for an unfinished batch: its calls may be in a rollup or not, so no day can be computed again.

    Leaves out batches with these ids, and those of the log `except_log`.
    """
    for row in Ledger(database).unfinished():
        if row['domain'] == domain and row['batch_id'] not in except_ids and row['log'] != except_log:
            raise InputError(
                f'{domain}: an import of {row["origin"]} was interrupted or is in progress',
                'finish the import, then run the command again',
            )
