"""Panels with a single number: one row with the number and, in some of them, its change as text."""

from grafana.layout import Size
from grafana.panels.panel import BLUE, ORANGE, Json, panel, target
from grafana.texts import Texts

# The row itself instead of a reduction of it, so that the text of its change can be part of the name.
_ONE_ROW = {'values': True, 'calcs': ['lastNotNull'], 'fields': ''}


def stat(
    number: int, key: str, sql: str, size: Size, text: Texts, field: Json, *, change: bool = True, empty: str = 'empty'
) -> Json:
    """A large number with its change below it: columns of the number and `change`."""
    options = {
        'reduceOptions': _ONE_ROW,
        'orientation': 'auto',
        'textMode': 'value_and_name' if change else 'value',
        # a coloured number needs thresholds that give the colour a meaning
        'colorMode': 'value' if 'thresholds' in field else 'none',
        'graphMode': 'none',
        'justifyMode': 'center',
        'wideLayout': False,
        'showPercentChange': False,
        'percentChangeColorMode': 'same_as_value',
    }
    named = {'displayName': text['change']} if change else {}
    return panel('stat', number, key, target(sql), size, text, color=BLUE, field={**named, **field}, options=options, empty=empty)


def gauge(number: int, key: str, sql: str, size: Size, text: Texts) -> Json:
    """A share of 100 % with its change: a ring. Grafana before 13 draws an arc, unless its toggle `newGauge` is on."""
    field = {'displayName': text['change'], 'unit': 'percent', 'decimals': 0, 'min': 0, 'max': 100}
    options = {
        'reduceOptions': _ONE_ROW,
        'orientation': 'auto',
        'shape': 'circle',
        'barShape': 'flat',
        'barWidthFactor': 0.3,
        'segmentCount': 1,
        'segmentSpacing': 0.3,
        'endpointMarker': 'none',
        'effects': {'barGlow': False, 'centerGlow': False, 'gradient': False},
        'sparkline': False,
        'textMode': 'value_and_name',
        'showThresholdLabels': False,
        'showThresholdMarkers': False,
        'sizing': 'auto',
        'minVizHeight': 75,
        'minVizWidth': 75,
    }
    return panel('gauge', number, key, target(sql), size, text, color=ORANGE, field=field, options=options)
