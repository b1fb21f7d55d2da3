"""Forgets calls: deletes them from the tables and rollups, and notes their batches as forgotten in the ledger.

The ledger is changed last, so that running the same again finishes what was interrupted.
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, NamedTuple

from exporter.errors import InputError
from exporter.model.batch import Batch
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.upkeep.retention import ROLLUPS, calls_from

PORTAL_TABLES = ('calls', *ROLLUPS, 'events')
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


def of_domain(domain: str) -> Selection:
    """Selects the rows of a portal."""
    return Selection('domain = {domain:String}', {'domain': domain})


def of_batches(domain: str, ids: Collection[str]) -> Selection:
    """Selects the calls of some batches of a portal."""
    return Selection('domain = {domain:String} AND batch_id IN {ids:Array(String)}', {'domain': domain, 'ids': list(ids)})


def of_user(domain: str, user: str) -> Selection:
    """Selects the rows of an account on a portal."""
    return Selection('domain = {domain:String} AND user_id = {user:String}', {'domain': domain, 'user': user})


def count(database: ClickHouse, selection: Selection, table: str = 'calls') -> int:
    """The number of calls in `calls`, or in the sums of a rollup. Raises EngineError."""
    calls = 'count()' if table == 'calls' else f'sum({table}.calls)'
    [row] = database.query(f'SELECT {calls} AS n FROM {table} WHERE {selection.where}', selection.parameters)
    return int(row['n'])


def batches_of_log(ledger: Ledger, domain: str, name: str) -> list[Batch]:
    """The batches of a log and of the retries of its rejects that are not forgotten. Raises EngineError."""
    logs = [*(log.name for log in ledger.logs(domain) if log.retried_log == name), name]
    return [entry.batch for log in logs for entry in ledger.entries(domain, log)]


def forget_domain(database: ClickHouse, ledger: Ledger, rejected: RejectStore, domain: str) -> None:
    """Deletes every call, event and reject of a portal; its logs can then be imported again. Raises EngineError, OSError."""
    for batch_rejects in rejected.batches():
        if batch_rejects.batch_id.startswith(f'{domain}/'):
            rejected.remove(batch_rejects.batch_id)
    for table in PORTAL_TABLES:
        _delete(database, table, of_domain(domain))
    ledger.forget([entry.batch for log in ledger.logs(domain) for entry in ledger.entries(domain, log.name)])


def forget_batches(database: ClickHouse, ledger: Ledger, rejected: RejectStore, domain: str, batches: Collection[Batch]) -> None:
    """Deletes the calls and rejects of some batches of a portal; they can then be imported again, as another log.

    Raises InputError if another import is unfinished or old calls were removed, EngineError, OSError.
    """
    ids = {batch.id for batch in batches}
    _refuse_unfinished(database, domain, ids)
    _refuse_removed(database, domain, ids)
    for batch in batches:
        rejected.remove(batch.id)
    _delete(database, 'calls', of_batches(domain, ids))
    repair(database, domain)
    ledger.forget(batches)


def forget_user(database: ClickHouse, domain: str, user: str) -> int:
    """Deletes the calls of an account on a portal; returns how many calls stay in the daily sums, without its name.

    These are on days whose calls were removed by their age. Raises InputError if an import is unfinished, EngineError.
    """
    _refuse_unfinished(database, domain, set())
    selection = of_user(domain, user)
    _delete(database, 'calls', selection)
    repair(database, domain)
    remaining = count(database, selection, 'accounts')
    _delete(database, 'accounts', selection)
    return remaining


def delete_unfinished(database: ClickHouse) -> None:
    """Deletes the calls of unfinished batches, so that they can be stored as if for the first time. Raises EngineError.

    Needed in a restored database, since the engine does not know their deduplication tokens there.
    """
    unfinished = Ledger(database).unfinished()
    for row in database.query('SELECT DISTINCT domain FROM batches'):
        domain = row['domain']
        if ids := {batch['batch_id'] for batch in unfinished if batch['domain'] == domain}:
            _delete(database, 'calls', of_batches(domain, ids))
        repair(database, domain)


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
        _delete(database, table, selection)
        [view] = database.query(f"SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = '{table}_mv'")
        columns = database.query(
            f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table}_mv' ORDER BY position"
        )
        names = ', '.join(column['name'] for column in columns)
        select = f'SELECT * FROM ({view["as_select"]}) WHERE {selection.where}'
        # the same rows may have been inserted before, and deduplication would drop them
        database.command(f'INSERT INTO {table} ({names}) SETTINGS insert_deduplicate = 0 {select}', selection.parameters)


def _delete(database: ClickHouse, table: str, selection: Selection) -> None:
    database.delete(table, selection.where, selection.parameters)


def _refuse_unfinished(database: ClickHouse, domain: str, except_ids: set[str]) -> None:
    """Raises InputError for an unfinished batch: its calls may be in a rollup or not, so no day can be computed again."""
    for row in Ledger(database).unfinished():
        if row['domain'] == domain and row['batch_id'] not in except_ids:
            raise InputError(
                f'{domain}: an import of {row["origin"]} was interrupted or is in progress',
                'finish the import, then run the command again',
            )


def _refuse_removed(database: ClickHouse, domain: str, ids: Collection[str]) -> None:
    """Raises InputError if calls of these batches were removed by their age: the sums keep them, so a new import would
    count them twice."""
    [row] = database.query(
        """
        SELECT count() AS days, max(day) AS last
        FROM days
        CROSS JOIN (
            SELECT min(first_timestamp) AS first_call, max(last_timestamp) AS last_call
            FROM batches
            WHERE domain = {domain:String} AND batch_id IN {ids:Array(String)}
        ) AS log
        WHERE domain = {domain:String} AND day < {first:Date}
            AND day BETWEEN toDate(toString(first_call, timezone)) AND toDate(toString(last_call, timezone))
        """,
        {'domain': domain, 'ids': list(ids), 'first': calls_from(database)},
    )
    if row['days']:
        raise InputError(
            f'{domain}: nothing was forgotten, because calls of this log up to {row["last"]} were removed by their age and '
            'remain in the daily sums',
            'forget the whole portal with forget --domain',
        )
