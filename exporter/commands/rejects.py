"""`rejected`: the input that could not be counted."""

import click

from exporter.commands.context import FORMATS, Context, pass_context
from exporter.rejected import Rejected

EXAMPLES = """\b
Examples:
  usage-exporter rejected list
  usage-exporter rejected list --format json
"""


@click.group(epilog=EXAMPLES)
def rejected() -> None:
    """Look at the input that could not be counted.

    It is kept as it came, with its reason, in the data directory.
    """


@rejected.command('list', epilog=EXAMPLES)
@click.option('--domain', metavar='D', help='Those of one portal.')
@click.option('--format', 'form', type=FORMATS, default='table', show_default=True, help='How to print them.')
@pass_context
def list_rejected(context: Context, domain: str | None, form: str) -> None:
    """List rejected input: reason, portal, log, byte in the log, text."""
    portal = context.given_domain(domain) if domain else None
    found = [vars(reject) for reject in Rejected(context.settings.data_dir) if portal in (None, reject.domain)]
    context.show(found, ['reason', 'domain', 'origin', 'offset', 'text'], form)
