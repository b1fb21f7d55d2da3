"""The Data sets page: which data sets people ask for."""

from grafana.dashboard import Page
from grafana.datasets import queries
from grafana.layout import Size
from grafana.panels.charts import series_by_label
from grafana.panels.numbers import stat
from grafana.panels.panel import Json, calls_link
from grafana.panels.tables import BAR, BYTES, COUNT, PERCENT, TEXT, table
from grafana.texts import Texts


def datasets_page(text: Texts) -> Page:
    """Calls, users, errors and sizes by data set, and day by day."""
    columns: dict[str, Json] = {
        'dataset': {**TEXT, 'links': calls_link(text, dataset='__data.fields.dataset')},
        'calls': BAR,
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
            [_over_time(5, 'calls', Size(24, 9), text)],
            [table(6, 'datasets_table', queries.DATASETS_TABLE, Size(24, 12), text, columns)],
            [
                _over_time(7, 'users', Size(8, 9), text),
                _over_time(8, 'errors', Size(8, 9), text),
                _over_time(9, 'bytes', Size(8, 9), text, unit='decbytes'),
            ],
        ],
        shown_variables=('crawlers', 'dataset'),
    )


def _over_time(number: int, value: str, size: Size, text: Texts, unit: str = 'locale') -> Json:
    field = {'unit': unit, 'links': calls_link(text, dataset='__field.labels.dataset')}
    sql = queries.over_time(value)
    return series_by_label(number, f'{value}_over_time', sql, size, text, 'dataset', bars=False, field=field)
