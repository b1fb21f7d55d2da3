"""The Data sets page: which data sets people ask for."""

from grafana.dashboard import Page
from grafana.datasets import queries
from grafana.layout import Size
from grafana.panels.charts import bars_by_column, series_by_column, series_by_label
from grafana.panels.numbers import stat
from grafana.panels.panel import BLUE, GREY, ORANGE, Json, calls_link
from grafana.panels.tables import BAR, BYTES, COUNT, IDENTIFIER, PERCENT, table
from grafana.texts import Texts

# Each stands out from Grafana's light and dark panels.
ACTION_COLORS = {
    'queries': BLUE,
    'download_requests': ORANGE,
    'page_views': '#5a9a45',
    'metadata_requests': '#a35fc0',
    'searches': '#a88600',
    'map_requests': '#2f9c95',
    'other_calls': GREY,
}
KIND_COLORS = {'queries': BLUE, 'downloads': ORANGE, 'page_views': ACTION_COLORS['page_views']}
_TITLE: Json = {'custom.minWidth': 150}
_PUBLISHER: Json = {'custom.minWidth': 120}
_DAY: Json = {'custom.width': 110}
# Each is as wide as its title in French.
_MEASURES: dict[str, Json] = {
    'downloads': {**COUNT, 'custom.width': 130},
    'queries': COUNT,
    'page_views': {**COUNT, 'custom.width': 110},
    'users': {**COUNT, 'custom.width': 110},
}
# Without links: a link keeps the period, which can have other calls than the month.
_MONTH_COLUMNS: dict[str, Json] = {
    'month': {'custom.width': 80},
    'dataset': _TITLE,
    'calls': BAR,
    **_MEASURES,
    'identifier': IDENTIFIER,
}
_UNUSED_COLUMNS: dict[str, Json] = {'dataset': _TITLE, 'created': _DAY, 'publisher': _PUBLISHER, 'identifier': IDENTIFIER}


def datasets_page(text: Texts) -> Page:
    """Numbers, then data sets and publishers, months, and day by day."""
    quarter = Size(6, 4)
    count: Json = {'unit': 'locale'}
    percent, size = {'unit': 'percent', 'decimals': 1}, {'unit': 'decbytes', 'decimals': 1}
    return Page(
        [
            [
                stat(1, 'datasets_asked', queries.DATASETS_ASKED, quarter, text, count),
                stat(2, 'dataset_calls', queries.DATASET_CALLS, quarter, text, {'unit': 'short'}),
                stat(3, 'errors_percent', queries.DATASET_ERRORS, quarter, text, percent),
                stat(4, 'dataset_bytes', queries.DATASET_BYTES, quarter, text, size),
            ],
            [
                *(
                    stat(number, kind, queries.calls_of_kind(kind), quarter, text, count)
                    for number, kind in enumerate(KIND_COLORS, start=12)
                ),
                stat(15, 'unused_datasets', queries.UNUSED_DATASETS, quarter, text, count),
            ],
            [
                _over_time(5, 'calls', Size(12, 9), text),
                series_by_column(10, 'actions_over_time', queries.ACTIONS_OVER_TIME, Size(12, 9), text, ACTION_COLORS, bars=True),
            ],
            [table(6, 'datasets_table', queries.DATASETS_TABLE, Size(24, 12), text, _dataset_columns(text))],
            [
                table(16, 'publishers_table', queries.PUBLISHERS_TABLE, Size(15, 10), text, _publisher_columns(text)),
                table(18, 'unused_table', queries.UNUSED_TABLE, Size(9, 20), text, _UNUSED_COLUMNS, empty='none_unused'),
                table(17, 'new_datasets', queries.NEW_DATASETS, Size(15, 10), text, _new_columns(text), empty='none_new'),
            ],
            [
                bars_by_column(19, 'months', queries.MONTHS, Size(8, 12), text, 'month', KIND_COLORS),
                table(20, 'months_table', queries.MONTHS_TABLE, Size(16, 12), text, _MONTH_COLUMNS),
            ],
            [
                _over_time(7, 'users', Size(12, 9), text),
                _over_time(8, 'errors', Size(12, 9), text),
            ],
            [
                _over_time(9, 'bytes', Size(12, 9), text, unit='decbytes'),
                series_by_label(
                    11,
                    'durations_over_time',
                    queries.DURATIONS_OVER_TIME,
                    Size(12, 9),
                    text,
                    'dataset',
                    bars=False,
                    field={'unit': 'ms', 'links': _series_link(text)},
                    empty='no_durations',
                ),
            ],
        ],
        shown_variables=('crawlers', 'publisher', 'dataset'),
    )


def _dataset_columns(text: Texts) -> dict[str, Json]:
    return {
        'dataset': _dataset(text),
        'publisher': _PUBLISHER,
        'calls': BAR,
        **_MEASURES,
        'download_requests': {**COUNT, 'custom.width': 215},
        'errors': COUNT,
        'errors_percent': {**PERCENT, 'custom.width': 130},
        'bytes': BYTES,
        'identifier': IDENTIFIER,
    }


def _publisher_columns(text: Texts) -> dict[str, Json]:
    publisher = {**_PUBLISHER, 'links': calls_link(text, publisher='__data.fields.publisher')}
    return {'publisher': publisher, 'datasets': {**COUNT, 'custom.width': 130}, 'calls': BAR, **_MEASURES}


def _new_columns(text: Texts) -> dict[str, Json]:
    measures = {'calls': BAR, 'downloads': _MEASURES['downloads'], 'users': _MEASURES['users']}
    return {'dataset': _dataset(text), 'created': _DAY, 'publisher': _PUBLISHER, **measures, 'identifier': IDENTIFIER}


def _dataset(text: Texts) -> Json:
    return {**_TITLE, 'links': calls_link(text, dataset='__data.fields.identifier')}


def _over_time(number: int, value: str, size: Size, text: Texts, unit: str = 'locale') -> Json:
    field = {'unit': unit, 'links': _series_link(text)}
    sql = queries.over_time(value)
    return series_by_label(number, f'{value}_over_time', sql, size, text, 'dataset', bars=False, field=field)


def _series_link(text: Texts) -> list[Json]:
    return calls_link(text, dataset='__field.labels.identifier')
