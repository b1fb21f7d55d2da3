"""The API calls page: the calls behind a bar, a line or a place of another page."""

from grafana.calls import queries
from grafana.dashboard import Page
from grafana.layout import Size
from grafana.panels.charts import area_chart
from grafana.panels.numbers import stat
from grafana.panels.panel import Json
from grafana.panels.tables import BYTES, TEXT, TIME, table, value_names
from grafana.texts import Texts
from grafana.variables import choice, text_box


def calls_page(text: Texts) -> Page:
    """Single calls, selected by variables that the links of the other pages set."""
    count: Json = {'unit': 'locale'}
    columns: dict[str, Json] = {
        'time': TIME,
        'domain': TEXT,
        'user': TEXT,
        'visitor_hash': TEXT,
        'kind': {**TEXT, **value_names(text, 'kind_choice')},
        'program': TEXT,
        'device_kind': {**TEXT, **value_names(text, 'device_choice')},
        'place': TEXT,
        'method_name': {'custom.width': 90},
        'path': {'custom.minWidth': 220},
        'dataset': TEXT,
        'status_code': {'custom.width': 80},
        'bytes': BYTES,
        'duration': {'unit': 'ms', 'custom.width': 90},
    }
    return Page(
        [
            [
                stat(1, 'number_of_calls', queries.NUMBER_OF_CALLS, Size(6, 7), text, count, change=False),
                area_chart(2, 'calls_by_day', queries.CALLS_BY_DAY, Size(18, 7), text),
            ],
            [table(3, 'newest_calls', queries.NEWEST_CALLS, Size(24, 18), text, columns)],
        ],
        shown_variables=('crawlers', 'publisher', 'dataset'),
        own_variables=[
            *(text_box(name, text) for name in ('user', 'country')),
            choice('kind', text),
            *(text_box(name, text) for name in ('program', 'status_code', 'circle')),
        ],
    )
