"""Forgets calls: deletes them from the tables and rollups, and notes their batches as forgotten in the ledger.

The ledger is changed last, so that running the same again finishes what was interrupted.
"""

from collections.abc import Collection

from exporter.errors import InputError
from exporter.model.batch import Batch
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.rollups import ROLLUPS, Selection, calls_from, delete, months_from, of_batches, refuse_unfinished, repair

PORTAL_TABLES = ('calls', *ROLLUPS, 'events', 'catalogue', 'catalogue_updates')


def of_domain(domain: str) -> Selection:
    """Selects the rows of a portal."""
    return Selection('domain = {domain:String}', {'domain': domain})


def of_user(domain: str, user: str) -> Selection:
    """Selects the rows of an account on a portal."""
    return Selection('domain = {domain:String} AND user_id = {user:String}', {'domain': domain, 'user': user})


def count(database: ClickHouse, selection: Selection, table: str = 'calls') -> int:
    """The number of calls in `calls`, or in the sums of a rollup. Raises EngineError."""
    calls = 'count()' if table == 'calls' else f'sum({table}.calls)'
    [row] = database.query(f'SELECT {calls} AS n FROM {table} WHERE {selection.where}', selection.parameters)
    return int(row['n'])


def count_in_cut_month(database: ClickHouse, selection: Selection) -> int:
    """The selected calls in a month of which other calls were removed by their age: its sums by data set cannot be computed
    again, so they keep them. Raises EngineError."""
    month = {'month': months_from(database)}
    return count(database, Selection(f'{selection.where} AND day < {{month:Date}}', {**selection.parameters, **month}))


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
        delete(database, table, of_domain(domain))
    ledger.forget([entry.batch for log in ledger.logs(domain) for entry in ledger.entries(domain, log.name)])


def forget_batches(database: ClickHouse, ledger: Ledger, rejected: RejectStore, domain: str, batches: Collection[Batch]) -> None:
    """Deletes the calls and rejects of some batches of a portal; they can then be imported again, as another log.

    Raises InputError if another import is unfinished or old calls were removed, EngineError, OSError.
    """
    ids = {batch.id for batch in batches}
    refuse_unfinished(database, domain, ids)
    _refuse_removed(database, domain, ids)
    for batch in batches:
        rejected.remove(batch.id)
    delete(database, 'calls', of_batches(domain, ids))
    repair(database, domain)
    ledger.forget(batches)


def forget_user(database: ClickHouse, domain: str, user: str) -> int:
    """Deletes the calls of an account on a portal; returns how many calls stay in the daily sums, without its name.

    These are on days whose calls were removed by their age. Raises InputError if an import is unfinished, EngineError.
    """
    refuse_unfinished(database, domain, set())
    selection = of_user(domain, user)
    delete(database, 'calls', selection)
    repair(database, domain)
    remaining = count(database, selection, 'accounts')
    delete(database, 'accounts', selection)
    return remaining


def delete_unfinished(database: ClickHouse) -> None:
    """Deletes the calls of unfinished batches, so that they can be stored as if for the first time. Raises EngineError.

    Needed in a restored database, since the engine does not know their deduplication tokens there.
    """
    unfinished = Ledger(database).unfinished()
    for row in database.query('SELECT DISTINCT domain FROM batches'):
        domain = row['domain']
        if ids := {batch['batch_id'] for batch in unfinished if batch['domain'] == domain}:
            delete(database, 'calls', of_batches(domain, ids))
        repair(database, domain)


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
