"""`rejected`: lists rejected input, and reads it again."""

from functools import cache
from itertools import chain

import click

from exporter.commands.context import RESULT, ROWS, Context, format_option, pass_context
from exporter.ingest.formats.reader import reader_of
from exporter.spool.quarantine import list_quarantined
from exporter.spool.segment import SOURCE as COLLECTOR
from exporter.system.locks import nobody_storing
from exporter.upkeep.retry import of_access_log, of_calls
from exporter.upkeep.retry import retry as retry_all

EXAMPLES = """\b
Examples:
  usage-exporter rejected list
  usage-exporter rejected list --format json
  usage-exporter rejected retry
"""


@click.group(epilog=EXAMPLES)
def rejected() -> None:
    """List rejected input, or read it again.

    The data directory keeps the input unchanged, with the reason, for 30 days (keep_rejected_days).
    """


@rejected.command('list', epilog=EXAMPLES)
@click.option('--domain', metavar='D', help='Limit to this portal.')
@format_option('rejects', ROWS)
@pass_context
def list_rejected(context: Context, domain: str | None, form: str) -> None:
    """List rejected input: reason, portal, log, offset in the log, text; and batches in quarantine."""
    portal = context.given_domain(domain) if domain else None
    rejects = chain(context.rejected, list_quarantined(context.settings.data_dir / 'spool'))
    rows = [vars(reject) for reject in rejects if portal in (None, reject.domain)]
    context.show(rows, ['reason', 'domain', 'origin', 'offset', 'text'], form)


@rejected.command(epilog=EXAMPLES)
@click.option('--domain', metavar='D', help='Limit to this portal.')
@click.option(
    '--log-format', metavar='F', help='The format of the lines: auto, a preset or a notation.  [default: the setting log_format]'
)
@format_option('result', RESULT)
@pass_context
def retry(context: Context, domain: str | None, log_format: str | None, form: str) -> None:
    """Read rejected input again, for example after a change of settings or an upgrade.

    Input that now parses is stored once and leaves the reject list.
    """
    portal = context.given_domain(domain) if domain else None
    with context.database() as database, nobody_storing(context.settings.data_dir):
        parsers = {'': of_access_log(lambda domain: reader_of(context.settings.portal(domain), log_format)), COLLECTOR: of_calls}
        retried = retry_all(context.rejected, database, cache(context.enrichment), parsers, portal)
    if form == 'json':
        context.json(
            {
                'stored': retried.stored,
                'skipped': retried.skipped.total(),
                'skipped_by_reason': dict(sorted(retried.skipped.items())),
                'waiting': retried.waiting,
                'rejected': dict(sorted(retried.rejected.items())),
            }
        )
        return
    click.echo(
        f'stored {retried.stored:,} calls; {retried.skipped.total():,} are skipped; {retried.rejected.total():,} stay rejected'
    )
    for reason, lines in sorted(retried.rejected.items()):
        click.echo(f'  {lines:,} {reason}')
    if retried.waiting:
        context.warn(f'{retried.waiting:,} rejects belong to an interrupted import; run that import again first')
