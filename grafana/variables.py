"""The choices above a page. Every page has them all, so that a link takes them along; it shows those that it uses."""

from collections.abc import Collection

from grafana import queries
from grafana.panels.panel import DATASOURCE, Json
from grafana.texts import Texts


def common_variables(shown: Collection[str], text: Texts) -> list[Json]:
    """Those of every page, in their order; what is not in `shown` is there and hidden."""
    every = [
        _datasource(text),
        {**_query('domain', queries.DOMAINS, text), 'sort': 1},
        choice('crawlers', text),
        choice('circles', text),
        {**_query('dataset', queries.DATASETS, text), 'allValue': "''"},
        {**_query('tag', queries.TAGS, text), 'allValue': "''"},
    ]
    return [{**one, 'hide': 0 if one['name'] in {'datasource', 'domain', 'tag', *shown} else 2} for one in every]


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


def text_box(name: str, text: Texts) -> Json:
    """A variable that is typed in, or set by a link; empty is any."""
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
        # as provisioned; where there is none of this name, Grafana takes the first
        'current': {'text': 'Usage', 'value': 'usage-clickhouse'},
        'options': [],
        'regex': '',
        'hide': 0,
        'refresh': 1,
        'multi': False,
        'includeAll': False,
    }


def _query(name: str, sql: str, text: Texts) -> Json:
    """A variable of which several, or all, of the values can be chosen that a query finds."""
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
