"""Draws a report in the terminal, in English or French."""

from collections.abc import Iterable
from datetime import date

from rich.bar import Bar
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from exporter.report import Report, place

TEXTS = {
    'en': {
        'title': '{domain}, {first} to {last} ({zone})',
        'activity': 'Activity',
        'calls': 'API calls',
        'total_users': 'Total users',
        'calls_per_user': 'API calls per user',
        'anonymous_users_percent': 'Anonymous users',
        'mobile_users_percent': 'Mobile users',
        'top_users': 'Top 5 users',
        'map': 'Map of API calls',
        'anonymous': 'anonymous',
        'others': 'other places',
        'unlocated': 'without a place',
        'crawlers': 'Left out: {calls} calls of crawlers.',
        'crawlers_counted': '{calls} of them are of crawlers.',
        'weekdays': 'Mon Tue Wed Thu Fri Sat Sun',
    },
    'fr': {
        'title': '{domain}, du {first} au {last} ({zone})',
        'activity': 'Activité',
        'calls': 'Appels API',
        'total_users': "Nombre total d'utilisateurs",
        'calls_per_user': 'Appels API par utilisateur',
        'anonymous_users_percent': 'Utilisateurs anonymes',
        'mobile_users_percent': 'Utilisateurs mobiles',
        'top_users': 'Top 5 utilisateurs',
        'map': 'Carte des appels API',
        'anonymous': 'anonyme',
        'others': 'autres lieux',
        'unlocated': 'sans lieu',
        'crawlers': "Non comptés : {calls} appels de robots d'indexation.",
        'crawlers_counted': "Dont {calls} appels de robots d'indexation.",
        'weekdays': 'lun mar mer jeu ven sam dim',
    },
}
LANGUAGES = tuple(TEXTS)
BLUE, ORANGE = '#5a7aa5', '#f0653a'
NOTHING = '\u2013'  # where a value does not exist
PLACES = 10  # shown of the map


def drawing(report: Report, language: str, crawlers: bool) -> RenderableType:
    """The report as tables and bars. `crawlers` says whether their calls are among those counted."""
    texts = TEXTS[language]

    def number(value: float | None, decimals: int = 0) -> str:
        if value is None:
            return NOTHING
        text = f'{value:,.{decimals}f}'
        return text.replace(',', '\u202f').replace('.', ',') if language == 'fr' else text

    def bars(title: str, rows: Iterable[tuple[str, int]], width: int) -> Table:
        table = Table(title=title, title_justify='left', title_style='bold', show_header=False, box=None, padding=(0, 1))
        counted = list(rows)
        most = max((calls for _, calls in counted), default=0)
        table.add_column(no_wrap=True, max_width=32)
        table.add_column(width=width)
        table.add_column(justify='right', no_wrap=True)
        for label, calls in counted:
            table.add_row(Text(label), Bar(most or 1, 0, calls, width=width, color=BLUE), number(calls))
        return table

    def big(name: str, decimals: int = 0) -> Panel:
        return Panel(Text(number(report[name], decimals), style='bold', justify='center'), title=texts[name], width=30)

    def ring(name: str) -> Panel:
        share = report[name]
        text = Text(f'{number(share, 1)}\u202f%' if share is not None else NOTHING, style='bold', justify='center')
        return Panel(Group(text, Bar(100, 0, share or 0, color=ORANGE)), title=texts[name], width=30)

    weekdays = texts['weekdays'].split()
    days = ((f'{weekdays[date.fromisoformat(row["day"]).weekday()]} {row["day"]}', row['calls']) for row in report['activity'])
    users = ((texts['anonymous'] if row['user'] == 'anonymous' else row['user'], row['calls']) for row in report['top_users'])
    places = [(place(row), row['calls']) for row in report['map'][:PLACES]]
    if len(report['map']) > PLACES:
        places.append((texts['others'], sum(row['calls'] for row in report['map'][PLACES:])))
    places.append((texts['unlocated'], report['unlocated_calls']))
    title = texts['title'].format(domain=report['domain'], first=report['from'], last=report['to'], zone=report['timezone'])
    left_out = texts['crawlers_counted' if crawlers else 'crawlers'].format(calls=number(report['crawler_calls']))
    return Group(
        Text(title, style='bold'),
        Text(f'{number(report["calls"])} {texts["calls"]}. {left_out}', style='dim'),
        '',
        bars(texts['activity'], days, 60),
        '',
        Columns(
            [
                big('total_users'),
                big('calls_per_user', 1),
                ring('anonymous_users_percent'),
                ring('mobile_users_percent'),
            ]
        ),
        '',
        bars(texts['top_users'], users, 40),
        '',
        bars(texts['map'], places, 40),
    )
