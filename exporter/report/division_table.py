"""Renders what is counted of each part of the calls as a table, in English or French."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from babel.dates import format_date, format_skeleton
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.report import divisions
from exporter.report.output import natural_width, printable, show, show_whole
from exporter.report.terminal import LOCALES, NO_VALUE, number, size
from exporter.store.clickhouse import Row

HEADS = {
    'en': {
        'dataset': 'Data set', 'title': 'Title', 'publisher': 'Publisher', 'theme': 'Theme', 'month': 'Month', 'week': 'Week of',
        'country': 'Country', 'client': 'Client', 'action': 'Action', 'status': 'Status', 'audience': 'Audience',
        'network': 'Network', 'referrer': 'Site', 'calls': 'Calls', 'queries': 'Queries',
        'downloads': 'Downloads', 'page_views': 'Pages', 'users': 'Users', 'errors': 'Errors', 'bytes': 'Size',
    },
    'fr': {
        'dataset': 'Jeu de données', 'title': 'Titre', 'publisher': 'Producteur', 'theme': 'Thème', 'month': 'Mois',
        'week': 'Semaine du', 'country': 'Pays', 'client': 'Client', 'action': 'Action', 'status': 'Statut',
        'audience': 'Audience', 'network': 'Réseau', 'referrer': 'Site', 'calls': 'Appels',
        'queries': 'Requêtes', 'downloads': 'Téléch.', 'page_views': 'Pages', 'users': 'Utilis.', 'errors': 'Erreurs',
        'bytes': 'Taille',
    },
}  # fmt: skip
VALUES = {  # of clients and actions
    'en': {'api_client': 'API client'},
    'fr': {
        'unknown': 'inconnu', 'browser': 'navigateur', 'api_client': 'client API', 'crawler': 'robot', 'query': 'requête',
        'download': 'téléchargement', 'page': 'page', 'metadata': 'métadonnées', 'search': 'recherche', 'map': 'carte',
        'other': 'autre',
    },
}  # fmt: skip
LEAST_NAME = 10  # characters of a name that is cut to fit


def show_division(console: Console, rows: Sequence[Row], by: str, language: str) -> None:
    """Prints the rows of a division as a table.

    On a narrow terminal, one column names the part, cut if it must be: the title of a data set, else its name. On a terminal that
    is too narrow for the numbers, each row is a list.
    """
    heads, names = HEADS[language], divisions.names(by)
    texts = [{name: _text(row, name, language) for name in divisions.columns(by)} for row in rows]
    table = _table(texts, names, heads)
    if console.is_terminal and natural_width(console, table) > console.width:
        for row, text in zip(rows, texts, strict=True):
            if row.get('title'):
                text[by] = text['title']
        least = natural_width(console, _table(texts, (by,), heads, LEAST_NAME))
        if least > console.width:
            columns = [by, *divisions.MEASURES]
            show(console, [{heads[name]: text[name] for name in columns} for text in texts], [heads[name] for name in columns])
            return
        table = _table(texts, (by,), heads, LEAST_NAME + console.width - least)
    show_whole(console, table)


def _table(
    texts: Sequence[Mapping[str, str]], names: Sequence[str], heads: Mapping[str, str], widest_name: int | None = None
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), collapse_padding=True)
    for name in names:
        table.add_column(heads[name], no_wrap=True, max_width=widest_name, overflow='ellipsis')
    for measure in divisions.MEASURES:
        table.add_column(heads[measure], justify='right', no_wrap=True)
    for text in texts:
        table.add_row(*(Text(text[name]) for name in (*names, *divisions.MEASURES)))
    return table


def _text(row: Row, name: str, language: str) -> str:
    """A field of a row: the size of the answers, another number, or a name."""
    if name == 'bytes':
        return size(row[name], language)
    return number(row[name], language) if name in divisions.MEASURES else printable(_label(row[name], name, language))


def _label(value: Any, name: str, language: str) -> str:
    locale = LOCALES[language]
    if value in ('', None):
        return NO_VALUE
    match name:
        case 'month':
            return str(format_skeleton('yMMM', date.fromisoformat(f'{value}-01'), locale=locale))
        case 'week':
            return str(format_date(date.fromisoformat(value), locale=locale))
        case 'country':
            return str(locale.territories.get(value, value))
        case 'client' | 'action':
            return VALUES[language].get(value, str(value))
    return str(value)
