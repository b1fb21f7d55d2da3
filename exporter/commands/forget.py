"""`forget`: takes calls back, by their log, their account or their portal."""

from contextlib import closing

import click

from exporter.commands.context import Context, pass_context
from exporter.errors import InputError
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.log_file import LogFile
from exporter.model.batch import Batch
from exporter.report import indicators
from exporter.store.ledger import Ledger
from exporter.system.locks import nobody_serving, nobody_storing
from exporter.upkeep import forget as taking
from exporter.upkeep.retention import calls_from

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
            _file(context, file, context.portal(domain), yes)
        elif user is not None:
            _user(context, user, context.given_domain(domain) if domain else None, yes)
        else:
            _domain(context, context.given_domain(domain or ''), yes)
    context.note('not deleted: backups, the logs themselves, and calls that other hosts have not stored yet')


def _file(context: Context, file: str, portal: str, yes: bool) -> None:
    with context.database() as database, closing(LogFile(file)) as opened:
        ledger = Ledger(database, '', None)

        def batches() -> list[Batch]:
            name, _ = AccessLog(opened).known_as(portal, ledger)
            return taking.batches_of_log(ledger, portal, name)

        if not (found := batches()):
            raise InputError(
                f'{opened.name}: nothing of this log is stored for {portal}', 'name the log and the portal of its import'
            )
        calls = taking.count(database, taking.of_batches(portal, [batch.id for batch in found]))
        _ask(f'{calls:,} calls of {portal} that came from {opened.name}', yes)
        with nobody_storing(context.settings.data_dir):
            taking.forget_batches(database, ledger, context.rejected, portal, batches())
    click.echo(f'took away {calls:,} calls of {portal}; {opened.name} can be imported again')


def _user(context: Context, user: str, domain: str | None, yes: bool) -> None:
    if user in ('', 'anonymous'):
        raise click.UsageError(f'--user: {user!r} stands for all users who are not logged in; name an account')
    with context.database() as database:
        portals = [portal.domain for portal in indicators.portals(database) if domain in (None, portal.domain)]
        calls = sum(taking.count(database, taking.of_user(portal, user)) for portal in portals)
        _ask(f'{calls:,} calls of {user} on {domain or "every portal"}', yes)
        with nobody_storing(context.settings.data_dir):
            left = sum(taking.forget_user(database, portal, user) for portal in portals)
        first = calls_from(database)
    click.echo(f'took away {calls:,} calls of {user}')
    if left:
        context.warn(f'{left:,} calls of days before {first} stay in their sums, under no name: the calls themselves are gone')
    if lines := sum(user in reject.text for reject in context.rejected):
        context.warn(
            f'{lines:,} rejected lines hold {user!r}; see usage-exporter rejected list, and {context.rejected.directory}'
        )


def _domain(context: Context, portal: str, yes: bool) -> None:
    with context.database() as database:
        calls = taking.count(database, taking.of_domain(portal))
        _ask(f'{calls:,} calls of {portal}, with its sums, events and rejects', yes)
        with nobody_storing(context.settings.data_dir):
            taking.forget_domain(database, Ledger(database, '', None), context.rejected, portal)
    click.echo(f'took away {calls:,} calls of {portal}')


def _ask(what: str, yes: bool) -> None:
    if not yes:
        click.confirm(f'Take away {what}?', abort=True, err=True)
