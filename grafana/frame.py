"""What is around the panels of every page: the choices above them, the events, the links to the other pages."""

from collections.abc import Collection, Sequence

import queries
from panels import ORANGE, SOURCE, Json, target
from texts import LANGUAGES, Texts
from variables import variables

PAGES = ('users', 'datasets', 'health', 'calls')  # in the order of their links


def dashboard(
    page: str, panels: Sequence[Json], text: Texts, *, shown: Collection[str] = (), entries: Sequence[Json] = ()
) -> Json:
    """One page in one language. `shown`: which of the common choices it shows; `entries` are variables of its own."""
    language = text['language']
    other = next(name for name in LANGUAGES if name != language)
    links = [_link(name, language, text[name], 'dashboard') for name in PAGES if name != page]
    return {
        'uid': f'usage-{page}-{language}',
        'title': text[page],
        'description': text[f'{page}_about'],
        'tags': ['usage', language],
        'schemaVersion': 41,
        'version': 1,
        'editable': True,
        'graphTooltip': 0,
        'timezone': '',  # the one set in Grafana: make it the portal's, or days are cut where they do not end
        'weekStart': '',
        'fiscalYearStartMonth': 0,
        'refresh': '',
        'time': {'from': 'now-13d/d', 'to': 'now'},  # the last 14 days, today included
        'timepicker': {},
        'templating': {'list': [*variables(shown, text), *entries]},
        'annotations': {'list': [_events(text)]},
        'links': [*links, _link(page, other, text['other_language'], 'external link')],
        'panels': list(panels),
    }


def _events(text: Texts) -> Json:
    return {
        'name': text['events'],
        'enable': True,
        'hide': False,
        'iconColor': ORANGE,
        'datasource': SOURCE,
        'target': target(queries.EVENTS),
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
