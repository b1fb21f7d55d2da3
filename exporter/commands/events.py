"""`events`: what explains a change in activity, drawn on the dashboards."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from exporter import events as stored
from exporter.commands.context import FORMATS, Context, pass_context
from exporter.errors import PeriodError

EXAMPLES = """\b
Examples:
  usage-exporter events add "Air quality published" --start 2026-11-03 --domain data.example.org --tag dataset
  usage-exporter events list
  usage-exporter events remove 1a2b3c4d
"""


@click.group(epilog=EXAMPLES)
def events() -> None:
    """Note what explains a change in activity: a new data set, a campaign, an outage."""


@events.command(epilog=EXAMPLES)
@click.argument('title')
@click.option('--start', required=True, metavar='TIME', help="A day or date-time in the portal's time zone.")
@click.option('--end', metavar='TIME', help='Until when.  [default: the start]')
@click.option('--domain', metavar='D', help='The portal.  [default: every portal]')
@click.option('--text', default='', help='More about it.')
@click.option('--tag', 'tags', multiple=True, metavar='TAG', help='A word to filter by; may be given several times.')
@pass_context
def add(context: Context, title: str, start: str, end: str | None, domain: str | None, text: str, tags: tuple[str, ...]) -> None:
    """Add an event."""
    portal = context.given_domain(domain) if domain else ''
    zone = ZoneInfo(context.settings.portal(portal).timezone)
    first = _moment('--start', start, zone)
    last = _moment('--end', end, zone) if end else first
    event = stored.Event(portal, first, last, title, text, list(tags))
    with context.database() as database:
        stored.add(database, event)
    click.echo(f'added event {event.id}')


@events.command('list', epilog=EXAMPLES)
@click.option('--domain', metavar='D', help='Those of one portal, and of every portal.')
@click.option('--format', 'form', type=FORMATS, default='table', show_default=True, help='How to print them.')
@pass_context
def list_events(context: Context, domain: str | None, form: str) -> None:
    """List the events, the earliest first; times are UTC."""
    portal = context.given_domain(domain) if domain else None
    with context.database() as database:
        found = [
            vars(event) | {'start': event.start.isoformat(), 'end': event.end.isoformat()}
            for event in stored.listed(database, portal)
        ]
    context.show(found, ['id', 'domain', 'start', 'end', 'title', 'text', 'tags'], form)


@events.command(epilog=EXAMPLES)
@click.argument('event_id', metavar='ID')
@pass_context
def remove(context: Context, event_id: str) -> None:
    """Remove an event."""
    with context.database() as database:
        stored.remove(database, event_id)
    click.echo(f'removed event {event_id}')


def _moment(option: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise PeriodError(f'{option}: {text!r} is no time; write it as 2026-11-01 or 2026-11-01T08:30:00') from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
