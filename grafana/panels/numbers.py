"""Panels of a single number: one row, the number and, where it has one, its change as text."""

from grafana.layout import Size
from grafana.panels.panel import BLUE, ORANGE, Json, panel, target
from grafana.texts import Texts

# The row, not a reduction of it: its text can then be part of the name.
_ONE_ROW = {'values': True, 'calcs': ['lastNotNull'], 'fields': ''}


def large_number(
    number: int, key: str, sql: str, size: Size, text: Texts, field: Json, *, change: bool = True, empty: str = 'empty'
) -> Json:
    """One large number and, below it, how it changed: the columns are the number and `change`."""
    options = {
        'reduceOptions': _ONE_ROW,
        'orientation': 'auto',
        'textMode': 'value_and_name' if change else 'value',
        # the number in its own colour only where thresholds give it a meaning
        'colorMode': 'value' if 'thresholds' in field else 'none',
        'graphMode': 'none',
        'justifyMode': 'center',
        'wideLayout': False,
        'showPercentChange': False,
        'percentChangeColorMode': 'same_as_value',
    }
    named = {'displayName': text['change']} if change else {}
    return panel('stat', number, key, target(sql), size, text, color=BLUE, field={**named, **field}, options=options, empty=empty)


def ring(number: int, key: str, sql: str, size: Size, text: Texts) -> Json:
    """A share of 100 % and how it changed. Grafana before 13 draws an arc, unless its toggle `newGauge` is on."""
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
