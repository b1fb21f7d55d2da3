"""`restore`: restores a backup into an empty database, by ClickHouse's own RESTORE."""

import click

from exporter.commands.context import Context, pass_context
from exporter.store.clickhouse import connect
from exporter.system.locks import nobody_storing
from exporter.upkeep import backup as backups

EXAMPLES = """\b
Examples:
  usage-exporter restore /backup/usage.tar
  usage-exporter restore "Disk('backups', 'usage')"
"""


@click.command(epilog=EXAMPLES)
@click.argument('source', metavar='SOURCE')
@pass_context
def restore(context: Context, source: str) -> None:
    """Restore a backup into an empty database.

    SOURCE is the TARGET of the backup. The backup does not contain the visitor secret; copy it yourself.
    """
    database = connect(context.settings.database_url)
    try:
        with nobody_storing(context.settings.data_dir):
            backups.restore(database, source)
        [row] = database.query('SELECT count() AS calls FROM calls')
    finally:
        database.close()
    click.echo(f'restored {row["calls"]:,} calls from {source}')
