"""The Data sets page: what is asked of the portal."""

import queries_datasets as queries
from charts import labelled_series
from frame import dashboard
from panels import Json, Place, calls_link
from single import large_number
from tables import BAR, BYTES, COUNT, PERCENT, WORD, table
from texts import Texts


def datasets(text: Texts) -> Json:
    """Calls, users, errors and sizes by data set, and day by day."""
    rows: dict[str, Json] = {
        'dataset': {**WORD, 'links': calls_link(text, dataset='__data.fields.dataset')},
        'calls': BAR,
        'users': COUNT,
        'errors': COUNT,
        'errors_percent': PERCENT | {'custom.width': 130},
        'bytes': BYTES,
    }
    return dashboard(
        'datasets',
        [
            large_number(1, 'datasets_asked', queries.DATASETS_ASKED, Place(0, 0, 6, 4), text, {'unit': 'locale'}),
            large_number(2, 'dataset_calls', queries.DATASET_CALLS, Place(6, 0, 6, 4), text, {'unit': 'short'}),
            large_number(
                3, 'dataset_errors', queries.DATASET_ERRORS, Place(12, 0, 6, 4), text, {'unit': 'percent', 'decimals': 1}
            ),
            large_number(
                4, 'dataset_bytes', queries.DATASET_BYTES, Place(18, 0, 6, 4), text, {'unit': 'decbytes', 'decimals': 1}
            ),
            _over_time(5, 'calls', Place(0, 4, 24, 9), text),
            table(6, 'datasets_table', queries.DATASETS_TABLE, Place(0, 13, 24, 12), text, rows),
            _over_time(7, 'users', Place(0, 25, 8, 9), text),
            _over_time(8, 'errors', Place(8, 25, 8, 9), text),
            _over_time(9, 'bytes', Place(16, 25, 8, 9), text, unit='decbytes'),
        ],
        text,
        shown=('crawlers', 'dataset'),
    )


def _over_time(number: int, value: str, place: Place, text: Texts, unit: str = 'locale') -> Json:
    field = {'unit': unit, 'links': calls_link(text, dataset='__field.labels.dataset')}
    sql = queries.over_time(value)
    return labelled_series(number, f'{value}_over_time', sql, place, text, 'dataset', bars=False, field=field)
