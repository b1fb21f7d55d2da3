"""`report`: the seven indicators of a portal over a period, of a part of its calls, or what is counted of each part."""

from datetime import UTC, datetime
from pathlib import Path

import click

from exporter.commands.context import ROWS, Context, format_option, pass_context
from exporter.errors import PartError
from exporter.report import divisions, events, indicators
from exporter.report.division_table import show_division
from exporter.report.part import ALL, Selection, find_part
from exporter.report.period import period
from exporter.report.terminal import LANGUAGES, empty_period, removed_calls, render_report, unnamed_calls

EXAMPLES = """\b
Examples:
  usage-exporter report --domain data.example.org
  usage-exporter report --from 2026-11-01 --to 2026-11-14 --format json
  usage-exporter report --from 2026-11-01T08:00 --to 2026-11-01T12:00 --lang fr
  usage-exporter report --by dataset --from 2026-01-01 --to 2026-12-31 --format csv
  usage-exporter report --dataset air-quality --by month --exact
  usage-exporter report --from 2026-10-01 --to 2026-10-31 --format html -o october.html
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
@click.option('--dataset', metavar='ID', help='Limit to this data set: any of its names.')
@click.option('--publisher', metavar='NAME', help='Limit to the data sets of this publisher of the catalogue.')
@click.option('--by', type=click.Choice(divisions.BY), help='Print what is counted of each part of the calls instead.')
@click.option('--exact', 'count_exactly', is_flag=True, help='Count users and downloads exactly: slower, needs the stored calls.')
@click.option('--crawlers', is_flag=True, help='Count the calls of crawlers too.')
@click.option('--lang', type=click.Choice(LANGUAGES), default='en', show_default=True, help='The language of table and page.')
@format_option('report', (*ROWS, 'html'))
@click.option('-o', '--output', type=click.Path(dir_okay=False, path_type=Path), metavar='FILE', help='Write a file instead.')
@pass_context
def report(
    context: Context,
    domain: str | None,
    first: str | None,
    last: str | None,
    dataset: str | None,
    publisher: str | None,
    by: str | None,
    count_exactly: bool,
    crawlers: bool,
    lang: str,
    form: str,
    output: Path | None,
) -> None:
    """Print the indicators of a portal, a data set or a publisher.

    By default, the period is the last 14 days, including today.
    """
    if by and form == 'html':
        raise PartError(f'there is no page by {by}', 'choose another --format, or leave --by out')
    portal_domain = context.domain(domain)
    with context.database() as database:
        portal = indicators.choose_portal(portal_domain, indicators.portals(database))
        part = find_part(database, portal.domain, _text(dataset), _text(publisher))
        report_period = period(first, last, portal.timezone, datetime.now(UTC))
        selection = Selection(portal.domain, report_period, part, crawlers)
        if form == 'html':
            from exporter.page import content, render  # here: other formats need no templates

            page = content.fetch(database, portal, selection, count_exactly)
            calls, unnamed = page.report.calls, 0
        elif by:
            rows = divisions.rows(database, selection, by, count_exactly)
            unnamed = divisions.unnamed(database, selection) if by == 'dataset' and part == ALL else 0
            calls = sum(row['calls'] for row in rows)
        else:
            result = indicators.fetch(database, portal.domain, portal.timezone, report_period, crawlers, part, count_exactly)
            period_events = events.of_period(database, portal.domain, report_period)
            calls, unnamed = result.calls, 0
        removed = divisions.removed_before(database, selection, by) if by or part != ALL else None
    with context.writing(output):
        if form == 'html':
            context.verbatim(render.render(page, lang))
        elif by and form == 'table':
            show_division(context.out, rows, by, lang)
        elif by:
            context.show(rows, divisions.columns(by), form)
        elif form == 'json':
            context.json(result)
        elif form == 'csv':
            context.verbatim(indicators.as_csv(result))
        else:
            context.out.print(render_report(result, lang, crawlers, period_events))
    if unnamed:
        context.note(unnamed_calls(unnamed, lang))
    if removed:
        context.note(removed_calls(removed, lang))
    if not calls:
        context.note(empty_period(portal, lang, part))


def _text(argument: str | None) -> str | None:
    """An argument in UTF-8: bytes that are not are replaced, as in stored requests."""
    return None if argument is None else argument.encode(errors='surrogateescape').decode(errors='replace')
