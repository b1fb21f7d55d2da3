"""`events`: adds, lists and removes events, which explain a change in activity."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import click

from exporter.commands.context import ROWS, Context, format_option, pass_context
from exporter.report import events as event_store
from exporter.report import indicators
from exporter.report.period import moment
from exporter.store.clickhouse import ClickHouse

EXAMPLES = """\b
Examples:
  usage-exporter events add "Air quality published" --start 2026-11-03 \\
    --domain data.example.org --tag dataset --tag air
  usage-exporter events add "Outage" --start 2026-11-03T08:15 --end 2026-11-03T10:00
  usage-exporter events list
  usage-exporter events remove 1a2b3c4d
"""


@click.group(epilog=EXAMPLES)
def events() -> None:
    """Record what explains a change in activity.

    A new data set, a campaign, an outage: Grafana draws the events on the activity chart, and the report lists them.
    """


@events.command(epilog=EXAMPLES)
@click.argument('title')
@click.option('--start', required=True, metavar='TIME', help="A day or date-time in the portal's time zone.")
@click.option('--end', metavar='TIME', help='The end; a day is included whole.  [default: the start]')
@click.option('--domain', metavar='D', help='The portal.  [default: every portal]')
@click.option('--text', default='', help='A longer description.')
@click.option('--tag', 'tags', multiple=True, metavar='TAG', help='A word to filter by; can be given several times.')
@pass_context
def add(context: Context, title: str, start: str, end: str | None, domain: str | None, text: str, tags: tuple[str, ...]) -> None:
    """Add an event."""
    if not title.strip():
        raise click.UsageError('the title is empty; write a title')
    portal = context.given_domain(domain) if domain else ''
    with context.database() as database:
        zone = _zones(context, database)(portal)
        first_second = moment('--start', start, zone).begins
        last_second = event_store.last_second(moment('--end', end, zone)) if end else first_second
        event = event_store.Event(portal, first_second, last_second, title, text, list(tags))
        event_store.add(database, event)
    click.echo(f'added event {event.id}')


@events.command('list', epilog=EXAMPLES)
@click.option('--domain', metavar='D', help='Limit to the events of this portal and those for every portal.')
@format_option('events', ROWS)
@pass_context
def list_events(context: Context, domain: str | None, form: str) -> None:
    """List the events, the earliest first."""
    portal = context.given_domain(domain) if domain else None
    with context.database() as database:
        zone = _zones(context, database)
        rows = [event_store.as_row(event, zone(event.domain)) for event in event_store.read(database, portal)]
    context.show(rows, ['id', 'domain', 'start', 'end', 'title', 'text', 'tags'], form)


@events.command(epilog=EXAMPLES)
@click.argument('event_id', metavar='ID')
@pass_context
def remove(context: Context, event_id: str) -> None:
    """Remove an event."""
    with context.database() as database:
        event_store.remove(database, event_id)
    click.echo(f'removed event {event_id}')


def _zones(context: Context, database: ClickHouse) -> Callable[[str], ZoneInfo]:
    return indicators.zones(indicators.portals(database), lambda domain: context.settings.portal(domain).timezone)
