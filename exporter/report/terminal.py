"""Renders a report for the terminal, in English or French."""

from collections.abc import Callable, Iterable, Iterator, Sequence
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

from exporter.report.events import Event, in_language
from exporter.report.indicators import MEASURES, PartReport, Portal, Report
from exporter.report.output import printable
from exporter.report.part import ALL, Part

TEXTS = {
    'en': {
        'calls': 'API calls: {calls}',
        'crawlers': 'left out, of crawlers: {calls}',
        'crawlers_counted': 'of crawlers: {calls}',
        'left_out': 'left out, of audiences: {calls}',
        'left_out_counted': 'of audiences that are otherwise left out: {calls}',
        'suspects': 'of browsers in hosting networks, likely crawlers: {calls}',
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
        'hidden': 'users are underestimated: {calls} anonymous calls come without a whole address',
        'hidden_some': 'users are underestimated: some anonymous calls of the portal come without a whole address',
        'publisher': 'Publisher: {publisher}',
        'uses': 'Queries: {queries} · Downloads: {downloads} ({download_requests} requests) · Pages: {page_views}',
        'answers': 'Errors: {errors} · Size: {size}',
        'empty': 'no calls in this period; {domain} has calls from {first} to {last}',
        'empty_part': 'no calls of {part} in this period',
        'unnamed': 'API calls with POST and without a data set: {calls}; their body, which is in no log, may name one',
        'removed': 'calls before {day} were deleted and are not counted here',
    },
    'fr': {
        'calls': 'Appels API : {calls}',
        'crawlers': "non comptés, de robots d'indexation : {calls}",
        'crawlers_counted': "dont robots d'indexation : {calls}",
        'left_out': "non comptés, d'audiences exclues : {calls}",
        'left_out_counted': "dont audiences exclues d'ordinaire : {calls}",
        'suspects': "de navigateurs dans des réseaux d'hébergeurs, sans doute des robots : {calls}",
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
        'hidden': "nombre d'utilisateurs sous-estimé : {calls} appels anonymes n'ont pas d'adresse complète",
        'hidden_some': "nombre d'utilisateurs sous-estimé : des appels anonymes du portail n'ont pas d'adresse complète",
        'publisher': 'Producteur : {publisher}',
        'uses': 'Requêtes : {queries} · Téléchargements : {downloads} ({download_requests} demandes) · Pages : {page_views}',
        'answers': 'Erreurs : {errors} · Taille : {size}',
        'empty': 'aucun appel dans cette période ; {domain} a des appels du {first} au {last}',
        'empty_part': 'aucun appel de {part} dans cette période',
        'unnamed': 'appels API par POST sans jeu de données : {calls} ; leur corps, absent des journaux, peut en nommer un',
        'removed': 'les appels avant le {day} sont supprimés et ne sont pas comptés ici',
    },
}
LANGUAGES = tuple(TEXTS)
LOCALES = {'en': Locale('en', 'GB'), 'fr': Locale('fr')}
BLUE, ORANGE = '#4a7ec2', '#f0653a'
NO_VALUE = '\u2013'
PLACES = 10  # shown; the others are one row
DAYS = 62  # a longer period is shown by month
MAX_WIDTH, LABEL_WIDTH = 100, 36  # characters
UNITS = {'en': ('B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'), 'fr': ('o', 'ko', 'Mo', 'Go', 'To', 'Po', 'Eo')}  # of 1,000 each


def number(value: float | None, language: str, form: str = '#,##0') -> str:
    """A number in a form of CLDR, or a dash if there is none."""
    return NO_VALUE if value is None else format_decimal(value, form, LOCALES[language])


def size(bytes_: int, language: str) -> str:
    """A number of bytes, such as 1.2 MB."""
    power = min((len(str(bytes_)) - 1) // 3, len(UNITS[language]) - 1)
    return f'{number(bytes_ / 1_000**power, language, "#,##0.#" if power else "0")} {UNITS[language][power]}'


def render_report(report: Report, language: str, crawlers: bool, events: Sequence[Event] = ()) -> RenderableType:
    """The report as tables and bars, as wide as the terminal, up to 100 characters.

    `crawlers` says whether the report counts the calls of crawlers; `events` are the events of its period.
    """
    texts, locale, zone = TEXTS[language], LOCALES[language], ZoneInfo(report.timezone)

    def bars(rows: Iterable[tuple[str, int]]) -> Table:
        entries = list(rows)
        largest = max((calls for _, calls in entries), default=0) or 1
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(no_wrap=True, max_width=LABEL_WIDTH)
        table.add_column(no_wrap=True, justify='right')
        table.add_column(ratio=1)
        for label, calls in entries:
            table.add_row(Text(printable(label)), number(calls, language), Bar(largest, 0, calls, color=BLUE))
        if not entries:
            table.add_row(NO_VALUE)
        return table

    def figure(title: str, value: float | None, form: str) -> Panel:
        return Panel(Text(number(value, language, form), 'bold', justify='center'), title=texts[title])

    def percentage(title: str, share: float | None) -> Panel:
        text = NO_VALUE if share is None else texts['percent'].format(share=number(share, language, '#,##0.0'))
        bar = ProgressBar(completed=share or 0, complete_style=ORANGE, finished_style=ORANGE)
        return Panel(Group(Text(text, 'bold', justify='center'), bar), title=texts[title])

    panels = Table.grid(expand=True)
    panels.add_column(ratio=1)
    panels.add_column(ratio=1)
    panels.add_row(
        figure('total_users', report.total_users, '#,##0'),
        figure('calls_per_user', report.calls_per_user, '#,##0.0'),
    )
    panels.add_row(
        percentage('anonymous_users_percent', report.anonymous_users_percent),
        percentage('mobile_users_percent', report.mobile_users_percent),
    )
    counted = texts['calls'].format(calls=number(report.calls, language))
    crawler_calls = texts['crawlers_counted' if crawlers else 'crawlers'].format(calls=number(report.crawler_calls, language))
    by_month = len(report.activity) > DAYS
    users = ((texts['anonymous'] if user.user == 'anonymous' else user.user, user.calls) for user in report.top_users)
    sections: list[RenderableType] = [
        Text.assemble((report.domain, 'bold'), f'  {_period(report, locale)} ({report.timezone})'),
        *(_part(report, language) if isinstance(report, PartReport) else ()),
        Text(f'{counted} ({crawler_calls})', style='dim'),
        *(Text(line, style='dim') for line in (*_left_out(report, language, crawlers), *_hidden(report, language))),
        _section(texts['by_month' if by_month else 'activity'], bars(_activity(report, _month if by_month else _day, locale))),
        *(_event(in_language(event, language), zone, locale) for event in events),
        '',
        panels,
        _section(texts['top_users'], bars(users)),
        _section(texts['map'], bars(_places(report, texts, locale))),
    ]
    return Constrain(Group(*sections), MAX_WIDTH)


def empty_period(portal: Portal, language: str, part: Part = ALL) -> str:
    """The warning for a period without calls; it names the days that have calls, or the part that has none."""
    if part != ALL:
        return TEXTS[language]['empty_part'].format(part=part.publisher if part.dataset is None else part.dataset)
    return TEXTS[language]['empty'].format(domain=portal.domain, first=portal.first_day, last=portal.last_day)


def unnamed_calls(calls: int, language: str) -> str:
    """The note about calls whose data set is not known."""
    return TEXTS[language]['unnamed'].format(calls=number(calls, language))


def removed_calls(kept: date, language: str) -> str:
    """The note that calls of the period were deleted; `kept` is the first day of the others."""
    return TEXTS[language]['removed'].format(day=kept)


def _part(report: PartReport, language: str) -> Iterator[Text]:
    texts = TEXTS[language]
    if report.dataset is not None:
        yield Text.assemble(
            (printable(report.title or report.dataset), 'bold'), f'  {printable(report.dataset)}' if report.title else ''
        )
    if report.publisher:
        yield Text(printable(texts['publisher'].format(publisher=report.publisher)))
    numbers = {name: number(getattr(report, name), language) for name in MEASURES}
    yield Text(texts['uses'].format(**numbers))
    yield Text(texts['answers'].format(**numbers, size=size(report.bytes, language)))


def _left_out(report: Report, language: str, crawlers: bool) -> Iterator[str]:
    texts = TEXTS[language]
    if report.left_out_calls:
        yield texts['left_out_counted' if crawlers else 'left_out'].format(calls=number(report.left_out_calls, language))
    if report.suspect_calls:
        yield texts['suspects'].format(calls=number(report.suspect_calls, language))


def _hidden(report: Report, language: str) -> Iterator[str]:
    if report.hidden_address_calls is None:
        yield TEXTS[language]['hidden_some']
    elif report.hidden_address_calls:
        yield TEXTS[language]['hidden'].format(calls=number(report.hidden_address_calls, language))


def _section(title: str, table: Table) -> Group:
    return Group('', Text(title, 'bold'), table)


def _period(report: Report, locale: Locale) -> str:
    bounds = [
        format_date(date.fromisoformat(text), locale=locale)
        if len(text) == len('2026-11-01')
        else format_datetime(datetime.fromisoformat(text), locale=locale)
        for text in (report.from_, report.to)
    ]
    return ' \u2013 '.join(dict.fromkeys(bounds))


def _day(day: date, locale: Locale) -> str:
    return format_skeleton('MMMEd', day, locale=locale)


def _month(day: date, locale: Locale) -> str:
    return format_skeleton('yMMM', day, locale=locale)


def _activity(report: Report, label: Callable[[date, Locale], str], locale: Locale) -> Iterable[tuple[str, int]]:
    """The calls of each day or month: `label` makes the label of a day, which is the same for all days of a month."""
    calls: dict[str, int] = {}
    for day in report.activity:
        text = label(date.fromisoformat(day.day), locale)
        calls[text] = calls.get(text, 0) + day.calls
    return calls.items()


def _event(event: Event, zone: ZoneInfo, locale: Locale) -> Text:
    return Text.assemble(('◆ ', ORANGE), f'{_day(event.start.astimezone(zone).date(), locale)}  {printable(event.title)}')


def _places(report: Report, texts: dict[str, str], locale: Locale) -> Iterable[tuple[str, int]]:
    for place in report.map[:PLACES]:
        country = locale.territories.get(place.country, place.country)
        yield f'{place.city}, {country}' if place.city else country, place.calls
    if others := report.map[PLACES:]:
        yield texts['others'], sum(place.calls for place in others)
    if report.unlocated_calls:
        yield texts['unlocated'], report.unlocated_calls
