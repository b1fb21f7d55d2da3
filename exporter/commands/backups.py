"""`backup` and `restore`: the whole database, by ClickHouse's own means."""

import click

from exporter import backup as stored
from exporter.clickhouse import connect
from exporter.commands.context import Context, pass_context
from exporter.storing import nobody_storing

EXAMPLES = """\b
Examples:
  usage-exporter backup /backup/usage.tar
  usage-exporter restore /backup/usage.tar
  usage-exporter backup "Disk('backups', 'usage')"
"""


@click.command(epilog=EXAMPLES)
@click.argument('target', metavar='TARGET')
@pass_context
def backup(context: Context, target: str) -> None:
    """Write a backup of the database.

    TARGET is a directory or a .tar file; for a server, where it keeps backups: "Disk('backups', 'usage')".
    """
    with context.database() as database, nobody_storing(context.settings.data_dir):
        stored.backup(database, target)
    click.echo(f'wrote {target}')
    if context.settings.secret is None:
        context.note(f'keep {context.settings.data_dir / "secret"} with it: without that key all visitors count as new')


@click.command(epilog=EXAMPLES)
@click.argument('source', metavar='SOURCE')
@pass_context
def restore(context: Context, source: str) -> None:
    """Bring a backup back, into an empty database.

    SOURCE is what was TARGET. The key that tells visitors apart is put back by hand.
    """
    database = connect(context.settings.database_url)
    try:
        with nobody_storing(context.settings.data_dir):
            stored.restore(database, source)
        [row] = database.query('SELECT count() AS calls FROM calls')
    finally:
        database.close()
    click.echo(f'restored {row["calls"]:,} calls from {source}')
