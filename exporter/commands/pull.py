"""`pull`: stores the calls that an Opendatasoft workspace recorded, each once."""

from datetime import UTC, date, datetime

import click
from pydantic import ValidationError
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from exporter.commands.context import RESULT, Context, format_option, pass_context
from exporter.commands.import_logs import show_summaries
from exporter.commands.interrupts import Interrupts
from exporter.config import Pull, Settings
from exporter.errors import InputError, SettingsError
from exporter.report.indicators import portals
from exporter.system.startup import release_code

MEANING = {
    'read': 'rows',
    'stored': 'calls that this pull stored',
    'already_stored': 'calls that an earlier pull or import stored',
    'skipped': 'no API calls, by reason',
    'rejected': 'rows without a valid time',
}
EXAMPLES = """\b
Examples:
  usage-exporter pull https://data.example.org
  usage-exporter pull https://data.example.org --since 2026-10-01 --until 2026-10-31
"""


@click.command(epilog=EXAMPLES)
@click.argument('url')
@click.option('--domain', metavar='D', help='The portal of the calls.  [default: the host of URL]')
@click.option('--since', metavar='DAY', help='The first day to pull.  [default: 90 days ago]')
@click.option('--until', metavar='DAY', help='The last day to pull.  [default: today]')
@format_option('summary', RESULT)
@pass_context
def pull(context: Context, url: str, domain: str | None, since: str | None, until: str | None, form: str) -> None:
    """Store every call that an Opendatasoft workspace recorded, once.

    URL is the address of the workspace; its data set ods-api-monitoring holds the calls. Pulling again stores the hours that are
    new, and replaces hours of the last days that changed.
    The API key comes from api_key_file in [[pull]], or from USAGE_OPENDATASOFT_API_KEY.
    """
    entry = _entry(context.settings, url, domain, _day('--since', since))
    last_day = _day('--until', until)
    columns = TextColumn('{task.description}'), BarColumn(), TextColumn('{task.completed} days'), TimeRemainingColumn()
    progress = Progress(*columns, console=context.notes, transient=True, disable=not context.notes.is_terminal)
    with Interrupts() as interrupts, context.opening() as opened, progress:
        # here, because they take 0.2 s to load; meanwhile, the database opens
        from exporter.ingest.opendatasoft import pull as source
        from exporter.ingest.opendatasoft.pulled import Pulled

        pulled = Pulled()
        task = progress.add_task(entry.url, total=None)

        def watch(day: date, number: int, days: int) -> None:
            progress.update(task, total=days, completed=number, description=day.isoformat())
            if not context.notes.is_terminal:
                click.echo(f'{day}: {pulled.summary.stored:,} calls stored so far', err=True)
            interrupts.check()

        enrichment = context.enrichment(entry.portal)
        ledger = context.ledger(opened(), enrichment)
        release_code('_chdb')
        try:
            with interrupts.hold():
                now = datetime.now(UTC)
                source.pull(context.settings, entry, enrichment, ledger, now, pulled, last_day, context.warn, watch)
            interrupts.over()
        except KeyboardInterrupt:
            raise InputError('interrupted', 'stored hours stay stored: run the command again to finish') from None
        except Exception:
            if pulled.summary.read:  # also accounts for what was stored before the error
                show_summaries(context, {entry.portal: pulled.summary}, form, MEANING)
            raise
        if form == 'json' or pulled.summary.read:
            show_summaries(context, {entry.portal: pulled.summary}, form, MEANING)
        else:
            context.out.print('no new calls: every complete hour is stored')
        for note in pulled.notes:
            context.note(note)
        stored = {row.domain: f'--from {row.first_day} --to {row.last_day}' for row in portals(opened())}
    if form == 'table' and pulled.summary.stored:
        context.out.print(f'\nNext: usage-exporter report --domain {entry.portal} {stored.get(entry.portal, "")}', soft_wrap=True)


def _entry(settings: Settings, url: str, domain: str | None, since: date | None) -> Pull:
    """The entry of the settings for this workspace with the options of the command, or one of the options alone.

    Raises SettingsError for an invalid address or domain.
    """
    given = {'url': url} | ({'domain': domain} if domain else {}) | ({'since': since} if since else {})
    try:
        entry = Pull.model_validate(given)
        configured = next((other for other in settings.pull if other.url == entry.url), None)
        return entry if configured is None else configured.model_copy(update=entry.model_dump(exclude_unset=True))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = {'url': 'URL', 'domain': '--domain'}[str(first['loc'][0])]
        raise SettingsError(f'{option}: {first["msg"].removeprefix("Value error, ")}') from None


def _day(option: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise SettingsError(f'{option}: invalid day {text!r}', 'write it as 2026-11-01') from None
