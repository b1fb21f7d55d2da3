"""`prune`: deletes data that is older than the settings allow."""

from datetime import UTC, datetime

import click

from exporter.commands.context import Context, pass_context
from exporter.upkeep.retention import remove_old

EXAMPLES = """\b
Examples:
  USAGE_KEEP_CALLS_DAYS=90 usage-exporter prune
"""


@click.command(epilog=EXAMPLES)
@pass_context
def prune(context: Context) -> None:
    """Delete data that is older than the settings allow.

    Calls (keep_calls_days), daily sums (keep_rollups_days), rejected input (keep_rejected_days). serve does this every night.
    """
    with context.database() as database:
        removed = remove_old(context.settings, database, datetime.now(UTC).date())
    context.rejected.remove_old()
    click.echo(f'removed {removed.calls:,} calls and the sums of {removed.days:,} days')
