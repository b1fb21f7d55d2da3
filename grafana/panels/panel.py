"""What panels of every kind have in common: query, size, texts and links."""

from collections.abc import Sequence
from typing import Any

from grafana.layout import COLUMNS, Size
from grafana.texts import Texts

Json = dict[str, Any]

# Each stands out from Grafana's light and dark panels; white text is readable on the blue.
BLUE = '#54779f'
ORANGE = '#f0653a'
GREY = '#7f8a96'

DATASOURCE = {'type': 'grafana-clickhouse-datasource', 'uid': '${datasource}'}
SHARED_VARIABLES = ('datasource', 'domain', 'crawlers', 'tag', 'circles')  # a link to the Calls page passes them on


def target(sql: str, *, time_series: bool = False) -> Json:
    """A query. A time series needs a column `time` and rows in the order of time."""
    return {
        'refId': 'A',
        'datasource': DATASOURCE,
        'pluginVersion': '4.20.0',  # without it, the plugin migrates the query as if an older version had written it
        'editorType': 'sql',
        'queryType': 'timeseries' if time_series else 'table',
        'format': 0 if time_series else 1,
        'rawSql': sql,
    }


def override(column: str, properties: Json) -> Json:
    """Properties of one column."""
    return {
        'matcher': {'id': 'byName', 'options': column},
        'properties': [{'id': name, 'value': value} for name, value in properties.items()],
    }


def panel(
    kind: str,
    number: int,
    key: str,
    query: Json,
    size: Size,
    text: Texts,
    *,
    color: str,
    field: Json,
    options: Json,
    overrides: Sequence[Json] = (),
    empty: str = 'empty',
) -> Json:
    """A panel of any kind. `field` and `overrides` set properties of its columns, `options` those of its kind.

    `empty` is the key of the text that a panel without values shows.
    """
    return {
        'id': number,
        'type': kind,
        'title': text[key],
        'description': text[f'{key}_about'],
        'datasource': DATASOURCE,
        'gridPos': size.as_grid_position(),
        'targets': [query],
        'fieldConfig': {
            'defaults': {
                'noValue': text[empty],
                'color': {'mode': 'fixed', 'fixedColor': color},
                # Grafana's default thresholds paint numbers above 80 red
                'thresholds': {'mode': 'absolute', 'steps': [{'color': color, 'value': None}]},
                **field,
            },
            'overrides': list(overrides),
        },
        'options': options,
    }


def heading(number: int, key: str, text: Texts) -> Json:
    """A title across the page. A click on it folds the panels below."""
    return {
        'id': number,
        'type': 'row',
        'title': text[key],
        'collapsed': False,
        'gridPos': Size(COLUMNS, 1).as_grid_position(),
        'panels': [],
    }


def calls_link(text: Texts, **values: str) -> list[Json]:
    """A link from a bar, a line or a place to its calls.

    `values`: for each variable of the Calls page that the link sets, the expression that Grafana replaces by its value.
    """
    kept = '&'.join(['${__url_time_range}', *(f'${{{name}:queryparam}}' for name in SHARED_VARIABLES)])
    chosen = ''.join(f'&var-{name}=${{{value}:percentencode}}' for name, value in values.items())
    url = f'/d/usage-calls-{text["language"]}?{kept}{chosen}'
    return [{'title': text['calls_behind'], 'url': url, 'targetBlank': False}]
