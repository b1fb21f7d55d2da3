"""`backup`: writes a backup of the database, by ClickHouse's own BACKUP."""

import click

from exporter.commands.context import Context, pass_context
from exporter.system.locks import nobody_storing
from exporter.upkeep import backup as backups

EXAMPLES = """\b
Examples:
  usage-exporter backup /backup/usage.tar
  usage-exporter backup "Disk('backups', 'usage')"
"""


@click.command(epilog=EXAMPLES)
@click.argument('target', metavar='TARGET')
@pass_context
def backup(context: Context, target: str) -> None:
    """Write a backup of the database.

    TARGET is a new directory or .tar file; for a server, the place where it keeps backups: "Disk('backups', 'usage')".
    """
    with context.database() as database, nobody_storing(context.settings.data_dir):
        backups.backup(database, target)
    click.echo(f'wrote {target}')
    if context.settings.secret is None:
        context.note(f'also copy {context.settings.data_dir / "secret"}: without this secret, all visitors count as new')
