"""`check`: checks the set-up and prints the findings."""

import click
from rich.table import Table
from rich.text import Text

from exporter.commands.context import RESULT, Context, format_option, pass_context
from exporter.report import output
from exporter.upkeep.check import findings_of
from exporter.upkeep.findings import Level

STYLES = {Level.OK: 'green', Level.NOTE: 'yellow', Level.FAULT: 'bold red'}
EXAMPLES = """\b
Examples:
  usage-exporter check
  usage-exporter check --format json
"""


@click.command(epilog=EXAMPLES)
@format_option('findings', RESULT)
@pass_context
def check(context: Context, form: str) -> None:
    """Check the set-up, and show how to fix its faults.

    If there is a fault, the exit code is 1.
    """
    findings = list(findings_of(context.settings))
    if form == 'json':
        context.json(
            [
                {'level': finding.level, 'part': finding.part, 'state': finding.state, 'mend': finding.remedy}
                for finding in findings
            ]
        )
    else:
        table = Table.grid(padding=(0, 2))
        for finding in findings:
            state = Text(finding.state) + Text(f'\n→ {finding.remedy}' if finding.remedy else '', 'bold')
            table.add_row(Text(finding.level, STYLES[finding.level]), finding.part, state)
        output.show_whole(context.out, table)
    if any(finding.level == Level.FAULT for finding in findings):
        click.get_current_context().exit(1)
