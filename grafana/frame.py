"""What is around the panels of every page: the choices above them, the events, the link to the other language."""

from collections.abc import Sequence

import queries
from panels import ORANGE, SOURCE, Json, target
from texts import LANGUAGES, Texts


def dashboard(page: str, panels: Sequence[Json], text: Texts, *, choices: Sequence[Json] = ()) -> Json:
    """One page in one language. `choices` are variables of this page only."""
    language = text['language']
    other = next(name for name in LANGUAGES if name != language)
    return {
        'uid': f'usage-{page}-{language}',
        'title': text[f'{page}_page'],
        'description': text[f'{page}_page_about'],
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
        'templating': {'list': [_source(text), _portal(text), choice('crawlers', text), *choices]},
        'annotations': {'list': [_events(text)]},
        'links': [_link(f'usage-{page}-{other}', text)],
        'panels': list(panels),
    }


def choice(name: str, text: Texts) -> Json:
    """A variable with fixed options: `text : value,…` in its text `<name>_choice`. The first is the default."""
    options = text[f'{name}_choice']
    pairs = [option.split(' : ') for option in options.split(',')]
    listed = [{'text': shown, 'value': value, 'selected': value == pairs[0][1]} for shown, value in pairs]
    return {
        'type': 'custom',
        'name': name,
        'label': text[name],
        'query': options,
        'current': listed[0],
        'options': listed,
        'hide': 0,
        'multi': False,
        'includeAll': False,
    }


def _source(text: Texts) -> Json:
    return {
        'type': 'datasource',
        'name': 'datasource',
        'label': text['source'],
        'query': SOURCE['type'],
        # as provisioned; where there is none of this name, Grafana takes the first
        'current': {'text': 'Usage', 'value': 'usage-clickhouse'},
        'options': [],
        'regex': '',
        'hide': 0,
        'refresh': 1,
        'multi': False,
        'includeAll': False,
    }


def _portal(text: Texts) -> Json:
    return {
        'type': 'query',
        'name': 'domain',
        'label': text['portal'],
        'datasource': SOURCE,
        'query': {'refId': 'domain', 'queryType': 'sql', 'rawSql': queries.DOMAINS},
        'current': {'text': ['All'], 'value': ['$__all']},
        'options': [],
        'regex': '',
        'sort': 1,
        'hide': 0,
        'refresh': 2,
        'multi': True,
        'includeAll': True,
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


def _link(uid: str, text: Texts) -> Json:
    return {
        'type': 'link',
        'title': text['other_language'],
        'url': f'/d/{uid}',
        'icon': 'external link',
        'tooltip': '',
        'tags': [],
        'asDropdown': False,
        'includeVars': True,
        'keepTime': True,
        'targetBlank': False,
    }
