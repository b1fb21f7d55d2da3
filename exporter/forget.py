"""Takes calls back: out of the table, out of the rollups, and out of the ledger's account."""

from exporter.clickhouse import ClickHouse
from exporter.ledger import Ledger

OF_DOMAIN = ('calls', 'days', 'accounts', 'places', 'events')


def forget_domain(database: ClickHouse, ledger: Ledger, domain: str) -> int:
    """Takes away every call and event of a portal; gives the number of calls. Raises EngineError.

    The ledger keeps the batches as forgotten: the same log can then be imported again.
    """
    [row] = database.query('SELECT count() AS calls FROM calls WHERE domain = {domain:String}', {'domain': domain})
    for table in OF_DOMAIN:
        database.command(
            f'ALTER TABLE {table} DELETE WHERE domain = {{domain:String}} SETTINGS mutations_sync = 1',
            {'domain': domain},
        )
    for log in ledger.logs(domain):  # last: until then, the same command again finishes the job
        for entry in ledger.entries(domain, log):
            ledger.forget(entry.batch)
    return int(row['calls'])
