"""`report`: prints the seven indicators of a portal over a period."""

from datetime import UTC, datetime

import click

from exporter.commands.context import ROWS, Context, format_option, pass_context
from exporter.report import events, indicators
from exporter.report.period import period
from exporter.report.terminal import LANGUAGES, empty_period, render_report

EXAMPLES = """\b
Examples:
  usage-exporter report --domain data.example.org
  usage-exporter report --from 2026-11-01 --to 2026-11-14 --format json
  usage-exporter report --from 2026-11-01T08:00 --to 2026-11-01T12:00 --lang fr
"""


@click.command(epilog=EXAMPLES)
@click.option('--domain', metavar='D', help='The portal.  [default: the setting domain, or the only portal]')
@click.option(
    '--from',
    'first',
    metavar='DAY',
    help="The first day, or a date-time, in the portal's time zone.  [default: 13 days before --to]",
)
@click.option('--to', 'last', metavar='DAY', help='The last day, included whole, or a date-time, not included.  [default: today]')
@click.option('--crawlers', is_flag=True, help='Count the calls of crawlers too.')
@click.option('--lang', type=click.Choice(LANGUAGES), default='en', show_default=True, help='The language of the table.')
@format_option('report', ROWS)
@pass_context
def report(
    context: Context, domain: str | None, first: str | None, last: str | None, crawlers: bool, lang: str, form: str
) -> None:
    """Print the seven indicators of a portal.

    By default, the period is the last 14 days, including today.
    """
    portal_domain = context.domain(domain)
    with context.database() as database:
        portal = indicators.choose_portal(portal_domain, indicators.portals(database))
        report_period = period(first, last, portal.timezone, datetime.now(UTC))
        result = indicators.fetch(database, portal.domain, portal.timezone, report_period, crawlers)
        period_events = events.of_period(database, portal.domain, report_period)
    if form == 'json':
        context.json(result)
    elif form == 'csv':
        context.csv(indicators.as_csv(result))
    else:
        context.out.print(render_report(result, lang, crawlers, period_events))
    if not result.calls:
        context.note(empty_period(portal, lang))
