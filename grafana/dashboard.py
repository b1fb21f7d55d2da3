"""What surrounds the panels of every page: variables, events, links to the other pages."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from grafana import queries
from grafana.layout import arrange
from grafana.panels.panel import DATASOURCE, ORANGE, Json, target
from grafana.texts import LANGUAGES, Texts
from grafana.variables import common_variables


class Page(NamedTuple):
    """What a page declares. Its panels stand in rows, from top to bottom."""

    rows: Sequence[Sequence[Json]]
    shown_variables: Collection[str] = ()  # common variables that this page shows; it has the others hidden
    own_variables: Sequence[Json] = ()


def dashboard(name: str, page: Page, names: Sequence[str], text: Texts) -> Json:
    """One page in one language, as Grafana's JSON. `names` are those of all pages, in the order of their links."""
    language = text['language']
    other_language = next(other for other in LANGUAGES if other != language)
    links = [_link(other, language, text[other], 'dashboard') for other in names if other != name]
    return {
        'uid': f'usage-{name}-{language}',
        'title': text[name],
        'description': text[f'{name}_about'],
        'tags': ['usage', language],
        'schemaVersion': 41,
        'version': 1,
        'editable': True,
        'graphTooltip': 0,
        'timezone': '',  # that of Grafana: it should be the portal's, otherwise the first and the last day are cut
        'weekStart': '',
        'fiscalYearStartMonth': 0,
        'refresh': '',
        'time': {'from': 'now-13d/d', 'to': 'now'},  # the last 14 days, today included
        'timepicker': {},
        'templating': {'list': [*common_variables(page.shown_variables, text), *page.own_variables]},
        'annotations': {'list': [_events(text)]},
        'links': [*links, _link(name, other_language, text['other_language'], 'external link')],
        'panels': arrange(page.rows),
    }


def _events(text: Texts) -> Json:
    return {
        'name': text['events'],
        'enable': True,
        'hide': False,
        'iconColor': ORANGE,
        'datasource': DATASOURCE,
        'target': target(queries.events(text['language'])),
    }


def _link(page: str, language: str, title: str, icon: str) -> Json:
    return {
        'type': 'link',
        'title': title,
        'url': f'/d/usage-{page}-{language}',
        'icon': icon,
        'tooltip': '',
        'tags': [],
        'asDropdown': False,
        'includeVars': True,
        'keepTime': True,
        'targetBlank': False,
    }
