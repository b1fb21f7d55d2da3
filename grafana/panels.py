"""What panels of every kind have in common, as Grafana's JSON: their query, their place, their texts, their links."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from texts import Texts

Json = dict[str, Any]

# All stand out from Grafana's light and dark panels; white text can be read on the blue.
BLUE = '#54779f'
ORANGE = '#f0653a'
GREY = '#7f8a96'

SOURCE = {'type': 'grafana-clickhouse-datasource', 'uid': '${datasource}'}
SHARED = ('datasource', 'domain', 'crawlers', 'tag', 'circles')  # variables that a link to the calls takes along


class Place(NamedTuple):
    """Where a panel lies in Grafana's grid: 24 columns, rows of some 38 pixels."""

    x: int
    y: int
    w: int
    h: int


def target(sql: str, *, time_series: bool = False) -> Json:
    """A query. A time series needs a column `time` and its rows in that order."""
    return {
        'refId': 'A',
        'datasource': SOURCE,
        'pluginVersion': '4.20.0',  # without one, the plugin takes the query for an old one and migrates it
        'editorType': 'sql',
        'queryType': 'timeseries' if time_series else 'table',
        'format': 0 if time_series else 1,
        'rawSql': sql,
    }


def override(column: str, properties: Json) -> Json:
    """What holds for one column only."""
    return {
        'matcher': {'id': 'byName', 'options': column},
        'properties': [{'id': name, 'value': value} for name, value in properties.items()],
    }


def panel(
    kind: str,
    number: int,
    key: str,
    query: Json,
    place: Place,
    text: Texts,
    *,
    color: str,
    field: Json,
    options: Json,
    overrides: Sequence[Json] = (),
    empty: str = 'empty',
) -> Json:
    """What panels of every kind have in common. `field` and `overrides` are for its columns, `options` for its kind.

    `empty` is the key of the text that a panel without values shows.
    """
    return {
        'id': number,
        'type': kind,
        'title': text[key],
        'description': text[f'{key}_about'],
        'datasource': SOURCE,
        'gridPos': place._asdict(),
        'targets': [query],
        'fieldConfig': {
            'defaults': {
                'noValue': text[empty],
                'color': {'mode': 'fixed', 'fixedColor': color},
                # Grafana's own thresholds paint numbers above 80 red
                'thresholds': {'mode': 'absolute', 'steps': [{'color': color, 'value': None}]},
                **field,
            },
            'overrides': list(overrides),
        },
        'options': options,
    }


def row(number: int, key: str, y: int, text: Texts) -> Json:
    """The title above the panels that follow; they can be folded away."""
    return {
        'id': number,
        'type': 'row',
        'title': text[key],
        'collapsed': False,
        'gridPos': Place(0, y, 24, 1)._asdict(),
        'panels': [],
    }


def calls_link(text: Texts, **values: str) -> list[Json]:
    """Leads from a bar, a line or a place to its calls: variables of the Calls page, with what tells their value."""
    kept = '&'.join(['${__url_time_range}', *(f'${{{name}:queryparam}}' for name in SHARED)])
    chosen = ''.join(f'&var-{name}=${{{value}:percentencode}}' for name, value in values.items())
    url = f'/d/usage-calls-{text["language"]}?{kept}{chosen}'
    return [{'title': text['calls_behind'], 'url': url, 'targetBlank': False}]
