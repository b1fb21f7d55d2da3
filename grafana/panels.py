"""The kinds of panel, as Grafana's JSON: each takes its number, its key among the texts, its SQL and its place."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from texts import Texts

Json = dict[str, Any]

# Both stand out from Grafana's light and dark panels; white text can be read on the blue.
BLUE = '#54779f'
ORANGE = '#f0653a'

SOURCE = {'type': 'grafana-clickhouse-datasource', 'uid': '${datasource}'}


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
) -> Json:
    """What panels of every kind have in common. `field` and `overrides` are for its columns, `options` for its kind."""
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
                'noValue': text['empty'],
                'color': {'mode': 'fixed', 'fixedColor': color},
                # Grafana's own thresholds paint numbers above 80 red
                'thresholds': {'mode': 'absolute', 'steps': [{'color': color, 'value': None}]},
                **field,
            },
            'overrides': list(overrides),
        },
        'options': options,
    }


_NO_LEGEND = {'showLegend': False, 'displayMode': 'list', 'placement': 'bottom', 'calcs': []}
_TOOLTIP = {'mode': 'single', 'sort': 'none'}
_ONE_NUMBER = {'values': False, 'calcs': ['lastNotNull'], 'fields': ''}


def area_chart(number: int, key: str, sql: str, place: Place, text: Texts) -> Json:
    """Calls by time: columns `time` and `calls`."""
    custom = {
        'drawStyle': 'line',
        'lineInterpolation': 'linear',  # a smooth line would fall below 0 and show calls that nobody made
        'lineWidth': 2,
        'fillOpacity': 50,
        'showPoints': 'auto',
        'pointSize': 5,
        'axisLabel': text['calls'],
    }
    field = {'unit': 'locale', 'decimals': 0, 'min': 0, 'custom': custom}
    options = {'legend': _NO_LEGEND, 'tooltip': _TOOLTIP}
    overrides = [override('calls', {'displayName': text['calls']})]
    query = target(sql, time_series=True)
    return panel('timeseries', number, key, query, place, text, color=BLUE, field=field, options=options, overrides=overrides)


def large_number(number: int, key: str, sql: str, place: Place, text: Texts, field: Json) -> Json:
    """One large number: one row of one column."""
    options = {
        'reduceOptions': _ONE_NUMBER,
        'orientation': 'auto',
        'textMode': 'value',
        'colorMode': 'none',
        'graphMode': 'none',
        'justifyMode': 'center',
        'wideLayout': True,
        'showPercentChange': False,
        'percentChangeColorMode': 'standard',
    }
    return panel('stat', number, key, target(sql), place, text, color=BLUE, field=field, options=options)


def ring(number: int, key: str, sql: str, place: Place, text: Texts) -> Json:
    """A share of 100 %: one row of one column. Grafana before 13 draws an arc, unless its toggle `newGauge` is on."""
    field = {'unit': 'percent', 'decimals': 0, 'min': 0, 'max': 100}
    options = {
        'reduceOptions': _ONE_NUMBER,
        'orientation': 'auto',
        'shape': 'circle',
        'barShape': 'flat',
        'barWidthFactor': 0.3,
        'segmentCount': 1,
        'segmentSpacing': 0.3,
        'endpointMarker': 'none',
        'effects': {'barGlow': False, 'centerGlow': False, 'gradient': False},
        'sparkline': False,
        'textMode': 'value',
        'showThresholdLabels': False,
        'showThresholdMarkers': False,
        'sizing': 'auto',
        'minVizHeight': 75,
        'minVizWidth': 75,
    }
    return panel('gauge', number, key, target(sql), place, text, color=ORANGE, field=field, options=options)


def column_chart(number: int, key: str, sql: str, place: Place, text: Texts) -> Json:
    """Calls by user, as they come: columns `user` and `calls`."""
    custom = {'fillOpacity': 90, 'lineWidth': 0, 'axisLabel': text['calls']}
    field = {'unit': 'locale', 'decimals': 0, 'min': 0, 'custom': custom}
    options = {
        'orientation': 'vertical',
        'xField': 'user',
        'xTickLabelRotation': -30,
        'xTickLabelMaxLength': 18,
        'showValue': 'auto',
        'stacking': 'none',
        'groupWidth': 0.7,
        'barWidth': 0.8,
        'barRadius': 0.05,
        'fullHighlight': False,
        'legend': _NO_LEGEND,
        'tooltip': _TOOLTIP,
        'text': {'valueSize': 13},
    }
    overrides = [override('calls', {'displayName': text['calls']})]
    return panel('barchart', number, key, target(sql), place, text, color=BLUE, field=field, options=options, overrides=overrides)
