"""The variables above a page. Every page has the common ones, so that links pass them on; it shows those that it uses."""

from collections.abc import Collection

from grafana import queries
from grafana.panels.panel import DATASOURCE, Json
from grafana.texts import Texts


def common_variables(shown: Collection[str], text: Texts) -> list[Json]:
    """The variables that every page has, in their order; those that are not in `shown` are hidden."""
    common = [
        _datasource(text),
        {**_query('domain', queries.DOMAINS, text), 'sort': 1},
        choice('crawlers', text),
        choice('circles', text),
        {**_query('publisher', queries.PUBLISHERS, text), 'allValue': "''"},
        {**_query('dataset', queries.DATASETS, text), 'allValue': "''"},
        {**_query('tag', queries.TAGS, text), 'allValue': "''"},
    ]
    always_shown = {'datasource', 'domain', 'tag'}
    return [{**variable, 'hide': 0 if variable['name'] in {*always_shown, *shown} else 2} for variable in common]


def choice(name: str, text: Texts) -> Json:
    """A variable with fixed options: its text `<name>_choice` is `name : value,…`. The first is the default."""
    options = text[f'{name}_choice']
    pairs = [option.split(' : ') for option in options.split(',')]
    entries = [{'text': shown, 'value': value, 'selected': value == pairs[0][1]} for shown, value in pairs]
    return {
        'type': 'custom',
        'name': name,
        'label': text[name],
        'query': options,
        'current': entries[0],
        'options': entries,
        'hide': 0,
        'multi': False,
        'includeAll': False,
    }


def text_box(name: str, text: Texts) -> Json:
    """A variable that the reader types or a link sets. An empty one matches all."""
    return {
        'type': 'textbox',
        'name': name,
        'label': text[name],
        'query': '',
        'current': {'text': '', 'value': ''},
        'options': [{'text': '', 'value': '', 'selected': True}],
        'hide': 0,
    }


def _datasource(text: Texts) -> Json:
    return {
        'type': 'datasource',
        'name': 'datasource',
        'label': text['datasource'],
        'query': DATASOURCE['type'],
        # the provisioned one; if it does not exist, Grafana takes the first
        'current': {'text': 'Usage', 'value': 'usage-clickhouse'},
        'options': [],
        'regex': '',
        'hide': 0,
        'refresh': 1,
        'multi': False,
        'includeAll': False,
    }


def _query(name: str, sql: str, text: Texts) -> Json:
    """A variable with the values that a query returns. The reader chooses one, several or all."""
    return {
        'type': 'query',
        'name': name,
        'label': text[name],
        'datasource': DATASOURCE,
        'query': {'refId': name, 'queryType': 'sql', 'rawSql': sql},
        'current': {'text': ['All'], 'value': ['$__all']},
        'options': [],
        'regex': '',
        'sort': 0,
        'hide': 0,
        'refresh': 2,
        'multi': True,
        'includeAll': True,
    }
