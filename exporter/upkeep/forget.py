"""Takes calls back: out of the table, out of the rollups, and out of the ledger's account."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, NamedTuple

from exporter.errors import InputError
from exporter.model.batch import Batch
from exporter.store.clickhouse import ClickHouse, Row
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.upkeep.retention import ROLLUPS, calls_from
from exporter.upkeep.retry import is_retry

OF_DOMAIN = ('calls', *ROLLUPS, 'events')
EACH = 'SELECT day, {calls} AS n FROM {table} WHERE domain = {{domain:String}} AND day >= {{first:Date}} GROUP BY day'
DIFFERING = f"""
SELECT day
FROM ({' UNION ALL '.join(EACH.format(table=table, calls=f'sum({table}.calls)') for table in ROLLUPS)}
    UNION ALL {EACH.format(table='calls', calls='count()')})
GROUP BY day
HAVING count() != {len(ROLLUPS) + 1} OR min(n) != max(n)
"""


class Selection(NamedTuple):
    """Which rows: a condition over `calls`, in ClickHouse's SQL, and its parameters."""

    where: str
    parameters: Mapping[str, Any]


def of_domain(domain: str) -> Selection:
    """The calls of a portal."""
    return Selection('domain = {domain:String}', {'domain': domain})


def of_batches(domain: str, ids: Collection[str]) -> Selection:
    """The calls that came in some batches of a portal."""
    return Selection('domain = {domain:String} AND batch_id IN {ids:Array(String)}', {'domain': domain, 'ids': list(ids)})


def of_user(domain: str, user: str) -> Selection:
    """The calls of an account on a portal."""
    return Selection('domain = {domain:String} AND user_id = {user:String}', {'domain': domain, 'user': user})


def count(database: ClickHouse, chosen: Selection, table: str = 'calls') -> int:
    """The number of calls; of the rollup `accounts`, those that are in its sums. Raises EngineError."""
    number = 'count()' if table == 'calls' else f'sum({table}.calls)'
    [row] = database.query(f'SELECT {number} AS n FROM {table} WHERE {chosen.where}', chosen.parameters)
    return int(row['n'])


def batches_of_log(ledger: Ledger, domain: str, name: str) -> list[Batch]:
    """What the ledger has of a log, with what was retried of its rejects, unless taken back. Raises EngineError."""
    logs = [*(log for log in ledger.logs(domain) if is_retry(log, name)), name]
    return [entry.batch for log in logs for entry in ledger.entries(domain, log)]


def forget_domain(database: ClickHouse, ledger: Ledger, rejected: RejectStore, domain: str) -> None:
    """Takes away every call, event and reject of a portal. Raises EngineError, OSError.

    The ledger keeps the batches as forgotten: the same log can then be imported again. As everywhere here that is done last,
    so that doing the same again finishes what was cut off.
    """
    for kept in rejected.batches():
        if kept.batch_id.startswith(f'{domain}/'):
            rejected.remove(kept.batch_id)
    for table in OF_DOMAIN:
        _delete(database, table, of_domain(domain))
    ledger.forget([entry.batch for log in ledger.logs(domain) for entry in ledger.entries(domain, log)])


def forget_batches(database: ClickHouse, ledger: Ledger, rejected: RejectStore, domain: str, batches: Collection[Batch]) -> None:
    """Takes away the calls and rejects of some batches of a portal; they may then come again, as of another log.

    Raises InputError where that cannot be done rightly, EngineError, OSError.
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
    """Takes away the calls of an account on a portal; gives how many stay counted, though not under its name.

    These are of days whose calls were removed by their age. Raises InputError where it cannot be done rightly, EngineError.
    """
    _refuse_unfinished(database, domain, set())
    chosen = of_user(domain, user)
    _delete(database, 'calls', chosen)
    repair(database, domain)
    left = count(database, chosen, 'accounts')
    _delete(database, 'accounts', chosen)
    return left


def take_out_unfinished(database: ClickHouse) -> None:
    """Takes away what there is of batches that were begun and not done, where the engine does not know them again.

    That is so in a database that comes from a backup. They can then be stored as if for the first time. Raises EngineError.
    """
    for row in database.query('SELECT DISTINCT domain FROM batches'):
        domain = row['domain']
        if ids := {row['batch_id'] for row in unfinished(database, domain)}:
            _delete(database, 'calls', of_batches(domain, ids))
        repair(database, domain)


def differing(database: ClickHouse, domain: str) -> list[date]:
    """The days of a portal of which a rollup has other calls than there are. Raises EngineError."""
    rows = database.query(DIFFERING, {'domain': domain, 'first': calls_from(database)})
    return [row['day'] for row in rows]


def repair(database: ClickHouse, domain: str) -> None:
    """Computes the days of a portal anew of which a rollup has other calls than there are. Raises EngineError.

    Days whose calls were removed by their age stay as they are.
    """
    days = differing(database, domain)
    if not days:
        return
    chosen = Selection('domain = {domain:String} AND day IN {days:Array(Date)}', {'domain': domain, 'days': days})
    for table in ROLLUPS:
        _delete(database, table, chosen)
        [fed] = database.query(f"SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = '{table}_mv'")
        columns = database.query(
            f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table}_mv' ORDER BY position"
        )
        names = ', '.join(column['name'] for column in columns)
        anew = f'SELECT * FROM ({fed["as_select"]}) WHERE {chosen.where}'
        # the same rows may have been inserted before: without deduplication
        database.command(f'INSERT INTO {table} ({names}) SETTINGS insert_deduplicate = 0 {anew}', chosen.parameters)


def _delete(database: ClickHouse, table: str, chosen: Selection) -> None:
    database.command(f'ALTER TABLE {table} DELETE WHERE {chosen.where} SETTINGS mutations_sync = 1', chosen.parameters)


def unfinished(database: ClickHouse, domain: str) -> list[Row]:
    """The batches of a portal that are begun and neither done nor taken back: `batch_id` and `origin`. Raises EngineError."""
    return database.query(
        """
        SELECT batch_id, if(any(origin) = '', any(source), any(origin)) AS origin
        FROM batches
        WHERE domain = {domain:String}
        GROUP BY batch_id
        HAVING max(state) = 'begun'
        """,
        {'domain': domain},
    )


def _refuse_unfinished(database: ClickHouse, domain: str, but: set[str]) -> None:
    """A batch that is begun may be in the calls, in a rollup, or in both: while that is open, no day can be computed anew."""
    for row in unfinished(database, domain):
        if row['batch_id'] not in but:
            raise InputError(
                f'{domain}: an import of {row["origin"]} was interrupted or is in progress',
                'finish the import, then run the command again',
            )


def _refuse_removed(database: ClickHouse, domain: str, ids: Collection[str]) -> None:
    """The sums of a day whose calls were removed cannot be taken apart: imported again, the log would double them."""
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
