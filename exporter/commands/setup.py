"""`init` and `check`: makes the database ready, and says what is wrong with a set-up."""

from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from exporter import health, schema
from exporter.clickhouse import connect
from exporter.commands.context import Context, pass_context

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
    """Create the tables and views, or bring them to this version. A second time there is nothing to do."""
    database = connect(context.settings.database_url)
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
    """Go through the set-up and say how to mend each fault. Ends with 1 where there is one."""
    findings = list(health.check(context.settings))
    if form == 'json':
        context.json([asdict(finding) for finding in findings])
    else:
        table = Table.grid(padding=(0, 2))
        for finding in findings:
            mark = Text('fault', 'bold red') if finding.mend else Text('ok', 'green')
            table.add_row(mark, finding.part, Text(finding.state) + Text(f' → {finding.mend}' if finding.mend else '', 'bold'))
        context.out.print(table)
    if any(finding.mend for finding in findings):
        click.get_current_context().exit(1)
