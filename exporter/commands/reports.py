"""`report`: the seven indicators of a portal over a period."""

from datetime import UTC, datetime

import click

from exporter import report as reports
from exporter.commands.context import FORMATS, Context, pass_context
from exporter.errors import PeriodError
from exporter.terminal import LANGUAGES, drawing

EXAMPLES = """\b
Examples:
  usage-exporter report --domain data.example.org
  usage-exporter report --domain data.example.org --from 2026-11-01 --to 2026-11-14 --format json
  usage-exporter report --from 2026-11-01T08:00:00 --to 2026-11-01T12:00:00 --lang fr
"""


@click.command(epilog=EXAMPLES)
@click.option('--domain', metavar='D', help='The portal.  [default: the setting domain, or the only portal there is]')
@click.option(
    '--from',
    'first',
    metavar='DAY',
    help="The first day, or a date-time, in the portal's time zone.  [default: 13 days before --to]",
)
@click.option('--to', 'last', metavar='DAY', help='The last day, included whole, or a date-time, not included.  [default: today]')
@click.option('--crawlers', is_flag=True, help='Count the calls of crawlers too.')
@click.option('--lang', type=click.Choice(LANGUAGES), default='en', show_default=True, help='The language of the table.')
@click.option('--format', 'form', type=FORMATS, default='table', show_default=True, help='How to print the report.')
@pass_context
def report(
    context: Context, domain: str | None, first: str | None, last: str | None, crawlers: bool, lang: str, form: str
) -> None:
    """Print the seven indicators of a portal: by default of the last 14 days, today included."""
    named = context.domain(domain)
    with context.database() as database:
        portal = _portal(named, reports.portals(database))
        asked = reports.period(first, last, portal.timezone, datetime.now(UTC))
        found = reports.fetch(database, portal.domain, portal.timezone, asked, crawlers)
    if form == 'json':
        context.json(found)
    elif form == 'csv':
        click.echo(reports.as_csv(found), nl=False)
    else:
        context.out.print(drawing(found, lang, crawlers))
    if not found['calls']:
        context.warn(f'no calls in this period; {portal.domain} has calls from {portal.first_day} to {portal.last_day}')


def _portal(named: str | None, known: list[reports.Portal]) -> reports.Portal:
    """The portal that is meant. Raises PeriodError, naming those that there are, where it is not clear."""
    if not known:
        raise PeriodError('there are no calls yet; begin with usage-exporter import or usage-exporter demo')
    matching = [portal for portal in known if portal.domain == named] if named else known
    if len(matching) == 1:
        return matching[0]
    names = ', '.join(portal.domain for portal in known)
    raise PeriodError(
        f'{named} has no calls; there are calls of {names}' if named else f'which portal? Say --domain, one of {names}'
    )
