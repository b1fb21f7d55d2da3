"""`init` and `check`: makes the database ready, and says what is wrong with a set-up."""

from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from exporter import health, output, schema
from exporter.commands.context import Context, pass_context
from exporter.findings import Level

STYLES = {Level.OK: 'green', Level.NOTE: 'yellow', Level.FAULT: 'bold red'}
EXAMPLES = """\b
Examples:
  usage-exporter init
  USAGE_CLICKHOUSE_URL=http://user:password@clickhouse:8123/usage usage-exporter init
"""
CHECK_EXAMPLES = """\b
Examples:
  usage-exporter check
  usage-exporter check --format json
"""


@click.command(epilog=EXAMPLES)
@pass_context
def init(context: Context) -> None:
    """Create the tables and views, or bring them to this version.

    The other commands do so by themselves where there is nothing yet. A second time there is nothing to do.
    """
    database = context.connected()
    try:
        changes = schema.apply(database)
    finally:
        database.close()
    names = ', '.join(change.name for change in changes)
    click.echo(f'{database.address.shown}: ' + (f'applied {names}' if changes else 'up to date'))


@click.command(epilog=CHECK_EXAMPLES)
@click.option(
    '--format',
    'form',
    type=click.Choice(['table', 'json']),
    default='table',
    show_default=True,
    help='How to print the findings.',
)
@pass_context
def check(context: Context, form: str) -> None:
    """Say what is wrong with the set-up, and how to mend it.

    Ends with 1 where there is a fault.
    """
    findings = list(health.check(context.settings))
    if form == 'json':
        context.json([asdict(finding) for finding in findings])
    else:
        table = Table.grid(padding=(0, 2))
        for finding in findings:
            state = Text(finding.state) + Text(f'\n→ {finding.mend}' if finding.mend else '', 'bold')
            table.add_row(Text(finding.level, STYLES[finding.level]), finding.part, state)
        output.show_whole(context.out, table)
    if any(finding.level == Level.FAULT for finding in findings):
        click.get_current_context().exit(1)
