"""Charts: areas, lines and bars over time, bars by user."""

from grafana.layout import Size
from grafana.panels.panel import BLUE, Json, calls_link, override, panel, target
from grafana.texts import Texts

_NO_LEGEND = {'showLegend': False, 'displayMode': 'list', 'placement': 'bottom', 'calcs': []}
_LEGEND = {**_NO_LEGEND, 'showLegend': True}
_TOOLTIP = {'mode': 'single', 'sort': 'none'}
_ALL_SERIES = {'mode': 'multi', 'sort': 'desc'}
_CALLS = {'unit': 'locale', 'decimals': 0, 'min': 0}


def area_chart(number: int, key: str, sql: str, size: Size, text: Texts) -> Json:
    """Calls by time: columns `time` and `calls`."""
    custom = {
        'drawStyle': 'line',
        'lineInterpolation': 'linear',  # a smooth line would fall below 0 and show calls that do not exist
        'lineWidth': 2,
        'fillOpacity': 50,
        'showPoints': 'auto',
        'pointSize': 5,
        'axisLabel': text['calls'],
    }
    options = {'legend': _NO_LEGEND, 'tooltip': _TOOLTIP}
    overrides = [override('calls', {'displayName': text['calls']})]
    query, field = target(sql, time_series=True), {**_CALLS, 'custom': custom}
    return panel('timeseries', number, key, query, size, text, color=BLUE, field=field, options=options, overrides=overrides)


def series_by_column(
    number: int,
    key: str,
    sql: str,
    size: Size,
    text: Texts,
    colors: dict[str, str],
    *,
    bars: bool,
    unit: str = 'locale',
    empty: str = 'empty',
) -> Json:
    """A series for each column in `colors`, besides the column `time`. The text with the name of a column is its title."""
    return _series(number, key, sql, size, text, {'unit': unit, 'min': 0}, _named(colors, text), bars=bars, empty=empty)


def series_by_label(
    number: int,
    key: str,
    sql: str,
    size: Size,
    text: Texts,
    label: str,
    *,
    bars: bool,
    field: Json,
    empty: str = 'empty',
) -> Json:
    """A series for each value of the column `label`: the columns are `time`, `label` and a number. `field` has its unit."""
    named = {'min': 0, 'displayName': f'${{__field.labels.{label}}}', 'color': {'mode': 'palette-classic'}}
    return _series(number, key, sql, size, text, {**named, **field}, [], bars=bars, empty=empty)


def _series(
    number: int, key: str, sql: str, size: Size, text: Texts, field: Json, overrides: list[Json], *, bars: bool, empty: str
) -> Json:
    """Bars are stacked and cover an hour or more; lines connect days."""
    custom = {
        'drawStyle': 'bars' if bars else 'line',
        'lineInterpolation': 'linear',
        'lineWidth': 0 if bars else 2,
        'fillOpacity': 90 if bars else 0,
        'showPoints': 'never' if bars else 'auto',
        'pointSize': 5,
        'stacking': {'mode': 'normal' if bars else 'none', 'group': 'A'},
    }
    options = {'legend': _LEGEND, 'tooltip': _ALL_SERIES}
    query, fields = target(sql, time_series=True), {**field, 'custom': custom}
    chart = panel(
        'timeseries', number, key, query, size, text, color=BLUE, field=fields, options=options, overrides=overrides, empty=empty
    )
    return {**chart, 'interval': '1h'}


def bar_chart(number: int, key: str, sql: str, size: Size, text: Texts) -> Json:
    """Calls by user, in the order of the query: columns `user` and `calls`."""
    overrides = [override('calls', {'displayName': text['calls'], 'links': calls_link(text, user='__data.fields.user')})]
    custom = {'axisLabel': text['calls']}
    options = {'xField': 'user', 'xTickLabelRotation': -30, 'xTickLabelMaxLength': 18, 'showValue': 'auto'}
    return _bars(number, key, sql, size, text, overrides, custom, {**options, 'legend': _NO_LEGEND, 'tooltip': _TOOLTIP})


def bars_by_column(number: int, key: str, sql: str, size: Size, text: Texts, label: str, colors: dict[str, str]) -> Json:
    """Bars side by side, one for each column in `colors`, at each text in the column `label`, in the order of the query."""
    options = {'xField': label, 'xTickLabelRotation': -45, 'xTickLabelMaxLength': 18, 'showValue': 'never'}
    overrides = _named(colors, text)
    return _bars(number, key, sql, size, text, overrides, {}, {**options, 'legend': _LEGEND, 'tooltip': _ALL_SERIES})


def _bars(
    number: int, key: str, sql: str, size: Size, text: Texts, overrides: list[Json], custom: Json, own_options: Json
) -> Json:
    options = {
        'orientation': 'vertical',
        'stacking': 'none',
        'groupWidth': 0.7,
        'barWidth': 0.8,
        'barRadius': 0.05,
        'fullHighlight': False,
        'text': {'valueSize': 13},
        **own_options,
    }
    field = {**_CALLS, 'custom': {'fillOpacity': 90, 'lineWidth': 0, **custom}}
    return panel('barchart', number, key, target(sql), size, text, color=BLUE, field=field, options=options, overrides=overrides)


def _named(colors: dict[str, str], text: Texts) -> list[Json]:
    return [
        override(column, {'displayName': text[column], 'color': {'mode': 'fixed', 'fixedColor': color}})
        for column, color in colors.items()
    ]
