"""`forget`: deletes calls by their log, their account or their portal."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing

import click

from exporter.commands.context import Context, pass_context
from exporter.errors import InputError
from exporter.ingest.logs.batches import known_logs
from exporter.ingest.logs.log_file import LogFile
from exporter.ingest.logs.notes import Notes
from exporter.model.batch import Batch
from exporter.report import indicators
from exporter.store.ledger import Ledger
from exporter.store.rollups import calls_from, of_batches
from exporter.system.locks import nothing_waiting, serve_stays
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
    with serve_stays(context.settings.data_dir) as serving:
        if file is not None:
            _forget_file(context, file, context.portal(domain), serving, yes)
        elif user is not None:
            _forget_user(context, user, context.given_domain(domain) if domain else None, serving, yes)
        else:
            _forget_domain(context, context.given_domain(domain or ''), serving, yes)
    context.note('not deleted: backups, the logs themselves, and calls that other hosts have not stored yet')


def _forget_file(context: Context, file: str, portal: str, serving: bool, yes: bool) -> None:
    path = os.path.realpath(file)
    if serving:
        _refuse_followed(context, lambda _, names: path in map(os.path.realpath, names))
    with context.database() as database, closing(LogFile(file)) as log_file:
        ledger = Ledger(database)

        def batches() -> list[Batch]:
            known = known_logs(log_file, ledger, lambda domain, _: domain == portal)
            return [batch for each in known for batch in deletion.batches_of_log(ledger, portal, each.log.name)]

        if not (stored_batches := batches()):
            raise InputError(
                f'{log_file.name}: nothing of this log is stored for {portal}', 'name the log and the portal of its import'
            )
        calls = deletion.count(database, of_batches(portal, [batch.id for batch in stored_batches]))
        _confirm(f'{calls:,} calls of {portal} that came from {log_file.name}', yes)
        with nothing_waiting(context.settings.data_dir, serving):
            in_cut_month = deletion.count_in_cut_month(database, of_batches(portal, [batch.id for batch in stored_batches]))
            deletion.forget_batches(database, ledger, context.rejected, portal, batches())
    click.echo(f'deleted {calls:,} calls of {portal}; {log_file.name} can be imported again')
    _warn_of_cut_month(context, in_cut_month)


def _forget_user(context: Context, user: str, domain: str | None, serving: bool, yes: bool) -> None:
    if user in ('', 'anonymous'):
        raise click.UsageError(f'--user: {user!r} stands for all users who are not logged in; name an account')
    with context.database() as database:
        portals = [portal.domain for portal in indicators.portals(database) if domain in (None, portal.domain)]
        calls = sum(deletion.count(database, deletion.of_user(portal, user)) for portal in portals)
        _confirm(f'{calls:,} calls of {user} on {domain or "every portal"}', yes)
        with nothing_waiting(context.settings.data_dir, serving):
            in_cut_month = sum(deletion.count_in_cut_month(database, deletion.of_user(portal, user)) for portal in portals)
            summed_only = sum(deletion.forget_user(database, portal, user) for portal in portals)
        first = calls_from(database)
    click.echo(f'deleted {calls:,} calls of {user}')
    if summed_only:
        context.warn(
            f'{summed_only:,} calls of days before {first} stay in the daily sums without the account, '
            'since the calls themselves were removed before'
        )
    _warn_of_cut_month(context, in_cut_month)
    if lines := sum(user in reject.text for reject in context.rejected):
        context.warn(
            f'{lines:,} rejected lines hold {user!r}; see usage-exporter rejected list, and {context.rejected.directory}'
        )


def _forget_domain(context: Context, portal: str, serving: bool, yes: bool) -> None:
    if serving:
        _refuse_followed(context, lambda domain, _: domain in (portal, ''))
    with context.database() as database:
        calls = deletion.count(database, deletion.of_domain(portal))
        _confirm(f'{calls:,} calls of {portal}, with its sums, events and rejects', yes)
        with nothing_waiting(context.settings.data_dir, serving):
            deletion.forget_domain(database, Ledger(database), context.rejected, portal)
    click.echo(f'deleted {calls:,} calls of {portal}')


def _refuse_followed(context: Context, is_meant: Callable[[str, Sequence[str]], bool]) -> None:
    """Raises InputError if the running `serve` follows a log, by its portal and its paths: it would not read its lines again."""
    for (domain, path), note in Notes(context.settings.data_dir / 'spool' / 'followed.json').notes.items():
        if is_meant(domain, (path, *note.targets)):
            raise InputError(f'{path}: usage-exporter serve follows this log', 'stop it, then run the command again')


def _warn_of_cut_month(context: Context, calls: int) -> None:
    if calls:
        context.warn(
            f'{calls:,} calls stay in the sums by data set of their month, since other calls of that month were removed before'
        )


def _confirm(what: str, yes: bool) -> None:
    if not yes:
        click.confirm(f'Delete {what}?', abort=True, err=True)
