"""Draws a report in the terminal, in English or French."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.numbers import format_decimal
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from exporter.report.events import Event
from exporter.report.indicators import Portal, Report
from exporter.report.output import printable

TEXTS = {
    'en': {
        'calls': 'API calls: {calls}',
        'crawlers': 'left out, of crawlers: {calls}',
        'crawlers_counted': 'of crawlers: {calls}',
        'activity': 'Activity',
        'by_month': 'Activity, by month',
        'total_users': 'Total users',
        'calls_per_user': 'API calls per user',
        'anonymous_users_percent': 'Anonymous users',
        'mobile_users_percent': 'Mobile users',
        'percent': '{share}%',
        'top_users': 'Top 5 users',
        'map': 'Map of API calls',
        'anonymous': 'anonymous',
        'others': 'other places',
        'unlocated': 'without a place',
        'empty': 'no calls in this period; {domain} has calls from {first} to {last}',
    },
    'fr': {
        'calls': 'Appels API : {calls}',
        'crawlers': "non comptés, de robots d'indexation : {calls}",
        'crawlers_counted': "dont robots d'indexation : {calls}",
        'activity': 'Activité',
        'by_month': 'Activité, par mois',
        'total_users': "Nombre total d'utilisateurs",
        'calls_per_user': 'Appels API par utilisateur',
        'anonymous_users_percent': 'Utilisateurs anonymes',
        'mobile_users_percent': 'Utilisateurs mobiles',
        'percent': '{share}\u202f%',
        'top_users': 'Top 5 utilisateurs',
        'map': 'Carte des appels API',
        'anonymous': 'anonyme',
        'others': 'autres lieux',
        'unlocated': 'sans lieu',
        'empty': 'aucun appel dans cette période ; {domain} a des appels du {first} au {last}',
    },
}
LANGUAGES = tuple(TEXTS)
LOCALES = {'en': Locale('en', 'GB'), 'fr': Locale('fr')}
BLUE, ORANGE = '#4a7ec2', '#f0653a'
NOTHING = '\u2013'  # where a value does not exist
PLACES = 10  # shown of the map
DAYS = 62  # shown; the days of a longer period are added up by month
WIDEST, LABEL = 100, 36  # columns of the report, and of a label in it


def drawing(report: Report, language: str, crawlers: bool, events: Sequence[Event] = ()) -> RenderableType:
    """The report as tables and bars, as wide as the terminal, up to 100 columns.

    `crawlers` says whether their calls are among those counted; `events` are those of its period.
    """
    texts, locale, zone = TEXTS[language], LOCALES[language], ZoneInfo(report['timezone'])

    def number(value: float | None, form: str = '#,##0') -> str:
        return NOTHING if value is None else format_decimal(value, form, locale)

    def bars(rows: Iterable[tuple[str, int]]) -> Table:
        counted = list(rows)
        most = max((calls for _, calls in counted), default=0) or 1
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(no_wrap=True, max_width=LABEL)
        table.add_column(no_wrap=True, justify='right')
        table.add_column(ratio=1)
        for label, calls in counted:
            table.add_row(Text(printable(label)), number(calls), Bar(most, 0, calls, color=BLUE))
        if not counted:
            table.add_row(NOTHING)
        return table

    def big(name: str, form: str) -> Panel:
        return Panel(Text(number(report[name], form), 'bold', justify='center'), title=texts[name])

    def ring(name: str) -> Panel:
        share = report[name]
        text = NOTHING if share is None else texts['percent'].format(share=number(share, '#,##0.0'))
        ring = ProgressBar(completed=share or 0, complete_style=ORANGE, finished_style=ORANGE)
        return Panel(Group(Text(text, 'bold', justify='center'), ring), title=texts[name])

    panels = Table.grid(expand=True)
    panels.add_column(ratio=1)
    panels.add_column(ratio=1)
    panels.add_row(big('total_users', '#,##0'), big('calls_per_user', '#,##0.0'))
    panels.add_row(ring('anonymous_users_percent'), ring('mobile_users_percent'))
    counted = texts['calls'].format(calls=number(report['calls']))
    beside = texts['crawlers_counted' if crawlers else 'crawlers'].format(calls=number(report['crawler_calls']))
    long = len(report['activity']) > DAYS
    users = ((texts['anonymous'] if row['user'] == 'anonymous' else row['user'], row['calls']) for row in report['top_users'])
    parts: list[RenderableType] = [
        Text.assemble((report['domain'], 'bold'), f'  {_period(report, locale)} ({report["timezone"]})'),
        Text(f'{counted} ({beside})', style='dim'),
        _titled(texts['by_month' if long else 'activity'], bars(_activity(report, _month if long else _day, locale))),
        *(_event(event, zone, locale) for event in events),
        '',
        panels,
        _titled(texts['top_users'], bars(users)),
        _titled(texts['map'], bars(_places(report, texts, locale))),
    ]
    return Constrain(Group(*parts), WIDEST)


def nothing(portal: Portal, language: str) -> str:
    """Which period has data, where the one that was asked for has none."""
    return TEXTS[language]['empty'].format(domain=portal.domain, first=portal.first_day, last=portal.last_day)


def _titled(title: str, table: Table) -> Group:
    return Group('', Text(title, 'bold'), table)


def _period(report: Report, locale: Locale) -> str:
    ends = [
        format_date(date.fromisoformat(text), locale=locale)
        if len(text) == len('2026-11-01')
        else format_datetime(datetime.fromisoformat(text), locale=locale)
        for text in (report['from'], report['to'])
    ]
    return ' \u2013 '.join(dict.fromkeys(ends))


def _day(day: date, locale: Locale) -> str:
    return format_skeleton('MMMEd', day, locale=locale)


def _month(day: date, locale: Locale) -> str:
    return format_skeleton('yMMM', day, locale=locale)


def _activity(report: Report, name: Callable[[date, Locale], str], locale: Locale) -> Iterable[tuple[str, int]]:
    """Calls by what a day is called: its own name, or that of its month."""
    calls: dict[str, int] = {}
    for row in report['activity']:
        label = name(date.fromisoformat(row['day']), locale)
        calls[label] = calls.get(label, 0) + row['calls']
    return calls.items()


def _event(event: Event, zone: ZoneInfo, locale: Locale) -> Text:
    return Text.assemble(('◆ ', ORANGE), f'{_day(event.start.astimezone(zone).date(), locale)}  {printable(event.title)}')


def _places(report: Report, texts: dict[str, str], locale: Locale) -> Iterable[tuple[str, int]]:
    for row in report['map'][:PLACES]:
        country = locale.territories.get(row['country'], row['country'])
        yield f'{row["city"]}, {country}' if row['city'] else country, row['calls']
    if others := report['map'][PLACES:]:
        yield texts['others'], sum(row['calls'] for row in others)
    if report['unlocated_calls']:
        yield texts['unlocated'], report['unlocated_calls']
