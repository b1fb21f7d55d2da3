"""`init`: creates the tables and views, or upgrades them."""

import click

from exporter.commands.context import Context, pass_context
from exporter.store import schema

EXAMPLES = """\b
Examples:
  usage-exporter init
  USAGE_CLICKHOUSE_URL=http://user:password@clickhouse:8123/usage usage-exporter init
"""


@click.command(epilog=EXAMPLES)
@pass_context
def init(context: Context) -> None:
    """Create the tables and views, or upgrade them to this version.

    Other commands create them themselves if the database is empty. Running it again changes nothing.
    """
    database = context.connect()
    try:
        changes = schema.apply(database, lambda text: click.echo(f'{database.address.shown}: {text} …', err=True))
    finally:
        database.close()
    names = ', '.join(change.name for change in changes)
    click.echo(f'{database.address.shown}: ' + (f'applied {names}' if changes else 'up to date'))
