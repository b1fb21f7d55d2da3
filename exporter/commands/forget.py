"""`forget`: deletes calls by their log, their account or their portal."""

from contextlib import closing

import click

from exporter.commands.context import Context, pass_context
from exporter.errors import InputError
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.log_file import LogFile
from exporter.model.batch import Batch
from exporter.report import indicators
from exporter.store.ledger import Ledger
from exporter.store.rollups import calls_from, of_batches
from exporter.system.locks import nobody_serving, nobody_storing
from exporter.upkeep import forget as deletion

EXAMPLES = """\b
Examples:
  usage-exporter forget --file access.log --domain data.example.org
  usage-exporter forget --user alice
  usage-exporter forget --domain data.example.org --yes
"""


@click.command(epilog=EXAMPLES)
@click.option('--file', 'file', metavar='F', help='Delete the calls of this log, recognized by its content.')
@click.option('--user', metavar='X', help='Delete the calls of this account.')
@click.option(
    '--domain',
    metavar='D',
    help='Limit to this portal; on its own, delete all its data.  [default with --file: the setting domain]',
)
@click.option('--yes', is_flag=True, help='Do not ask for confirmation.')
@pass_context
def forget(context: Context, file: str | None, user: str | None, domain: str | None, yes: bool) -> None:
    """Delete calls and correct all numbers.

    After --file, you can import the log again: with another time zone, other paths or another geolocation file.
    """
    if (file is not None) + (user is not None) + (file is None and user is None and domain is not None) != 1:
        raise click.UsageError('choose what to delete: --file F, --user X, or --domain D on its own')
    with nobody_serving(context.settings.data_dir):
        if file is not None:
            _forget_file(context, file, context.portal(domain), yes)
        elif user is not None:
            _forget_user(context, user, context.given_domain(domain) if domain else None, yes)
        else:
            _forget_domain(context, context.given_domain(domain or ''), yes)
    context.note('not deleted: backups, the logs themselves, and calls that other hosts have not stored yet')


def _forget_file(context: Context, file: str, portal: str, yes: bool) -> None:
    with context.database() as database, closing(LogFile(file)) as log_file:
        ledger = Ledger(database)

        def batches() -> list[Batch]:
            log, _ = AccessLog(log_file).identify(portal, ledger)
            return deletion.batches_of_log(ledger, portal, log.name)

        if not (stored_batches := batches()):
            raise InputError(
                f'{log_file.name}: nothing of this log is stored for {portal}', 'name the log and the portal of its import'
            )
        calls = deletion.count(database, of_batches(portal, [batch.id for batch in stored_batches]))
        _confirm(f'{calls:,} calls of {portal} that came from {log_file.name}', yes)
        with nobody_storing(context.settings.data_dir):
            deletion.forget_batches(database, ledger, context.rejected, portal, batches())
    click.echo(f'deleted {calls:,} calls of {portal}; {log_file.name} can be imported again')


def _forget_user(context: Context, user: str, domain: str | None, yes: bool) -> None:
    if user in ('', 'anonymous'):
        raise click.UsageError(f'--user: {user!r} stands for all users who are not logged in; name an account')
    with context.database() as database:
        portals = [portal.domain for portal in indicators.portals(database) if domain in (None, portal.domain)]
        calls = sum(deletion.count(database, deletion.of_user(portal, user)) for portal in portals)
        _confirm(f'{calls:,} calls of {user} on {domain or "every portal"}', yes)
        with nobody_storing(context.settings.data_dir):
            summed_only = sum(deletion.forget_user(database, portal, user) for portal in portals)
        first = calls_from(database)
    click.echo(f'deleted {calls:,} calls of {user}')
    if summed_only:
        context.warn(
            f'{summed_only:,} calls of days before {first} stay in the daily sums without the account, '
            'since the calls themselves were removed before'
        )
    if lines := sum(user in reject.text for reject in context.rejected):
        context.warn(
            f'{lines:,} rejected lines hold {user!r}; see usage-exporter rejected list, and {context.rejected.directory}'
        )


def _forget_domain(context: Context, portal: str, yes: bool) -> None:
    with context.database() as database:
        calls = deletion.count(database, deletion.of_domain(portal))
        _confirm(f'{calls:,} calls of {portal}, with its sums, events and rejects', yes)
        with nobody_storing(context.settings.data_dir):
            deletion.forget_domain(database, Ledger(database), context.rejected, portal)
    click.echo(f'deleted {calls:,} calls of {portal}')


def _confirm(what: str, yes: bool) -> None:
    if not yes:
        click.confirm(f'Delete {what}?', abort=True, err=True)
