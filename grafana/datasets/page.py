"""The Data sets page: which data sets people ask for."""

from grafana.dashboard import Page
from grafana.datasets import queries
from grafana.layout import Size
from grafana.panels.charts import series_by_column, series_by_label
from grafana.panels.numbers import stat
from grafana.panels.panel import BLUE, GREY, ORANGE, Json, calls_link
from grafana.panels.tables import BAR, BYTES, COUNT, PERCENT, TEXT, table
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


def datasets_page(text: Texts) -> Page:
    """Calls, users, errors and sizes by data set, and day by day."""
    columns: dict[str, Json] = {
        'dataset': {**TEXT, 'links': calls_link(text, dataset='__data.fields.dataset')},
        'calls': BAR,
        'queries': COUNT,
        'download_requests': COUNT,
        'page_views': COUNT,
        'users': COUNT,
        'errors': COUNT,
        'errors_percent': PERCENT | {'custom.width': 130},
        'bytes': BYTES,
    }
    quarter = Size(6, 4)
    percent, size = {'unit': 'percent', 'decimals': 1}, {'unit': 'decbytes', 'decimals': 1}
    return Page(
        [
            [
                stat(1, 'datasets_asked', queries.DATASETS_ASKED, quarter, text, {'unit': 'locale'}),
                stat(2, 'dataset_calls', queries.DATASET_CALLS, quarter, text, {'unit': 'short'}),
                stat(3, 'errors_percent', queries.DATASET_ERRORS, quarter, text, percent),
                stat(4, 'dataset_bytes', queries.DATASET_BYTES, quarter, text, size),
            ],
            [
                _over_time(5, 'calls', Size(12, 9), text),
                series_by_column(10, 'actions_over_time', queries.ACTIONS_OVER_TIME, Size(12, 9), text, ACTION_COLORS, bars=True),
            ],
            [table(6, 'datasets_table', queries.DATASETS_TABLE, Size(24, 12), text, columns)],
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
                    field={'unit': 'ms', 'links': calls_link(text, dataset='__field.labels.dataset')},
                    empty='no_durations',
                ),
            ],
        ],
        shown_variables=('crawlers', 'dataset'),
    )


def _over_time(number: int, value: str, size: Size, text: Texts, unit: str = 'locale') -> Json:
    field = {'unit': unit, 'links': calls_link(text, dataset='__field.labels.dataset')}
    sql = queries.over_time(value)
    return series_by_label(number, f'{value}_over_time', sql, size, text, 'dataset', bars=False, field=field)
