"""The rollups, which are sums of `calls`: finds days on which they differ, and computes these days again."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, NamedTuple

from exporter.errors import InputError
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger

ROLLUPS = ('days', 'accounts', 'places')
CALLS_PER_DAY = 'SELECT day, {calls} AS n FROM {table} WHERE domain = {{domain:String}} AND day >= {{first:Date}} GROUP BY day'
DIFFERING = f"""
SELECT day
FROM ({' UNION ALL '.join(CALLS_PER_DAY.format(table=table, calls=f'sum({table}.calls)') for table in ROLLUPS)}
    UNION ALL {CALLS_PER_DAY.format(table='calls', calls='count()')})
GROUP BY day
HAVING count() != {len(ROLLUPS) + 1} OR min(n) != max(n)
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
    """The days of a portal on which a rollup counts other calls than the table `calls`. Raises EngineError."""
    rows = database.query(DIFFERING, {'domain': domain, 'first': calls_from(database)})
    return [row['day'] for row in rows]


def repair(database: ClickHouse, domain: str) -> None:
    """Computes the differing days of a portal again, by the SELECTs of the materialized views. Raises EngineError.

    Leaves days whose calls were removed by their age.
    """
    days = differing(database, domain)
    if not days:
        return
    selection = Selection('domain = {domain:String} AND day IN {days:Array(Date)}', {'domain': domain, 'days': days})
    for table in ROLLUPS:
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
