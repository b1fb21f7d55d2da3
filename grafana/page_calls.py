"""The Calls page: the calls behind a bar, a line or a place of another page."""

import queries_calls as queries
from charts import area_chart
from frame import dashboard
from panels import Json, Place
from single import large_number
from tables import BYTES, MOMENT, WORD, coded, table
from texts import Texts
from variables import choice, entry


def calls(text: Texts) -> Json:
    """Single calls, by what the links of the other pages choose."""
    columns: dict[str, Json] = {
        'time': MOMENT,
        'domain': WORD,
        'user': WORD,
        'visitor_hash': WORD,
        'kind': {**WORD, **coded(text, 'kind_choice')},
        'program': WORD,
        'device_kind': {**WORD, **coded(text, 'device_choice')},
        'place': WORD,
        'method_name': {'custom.width': 90},
        'path': {'custom.minWidth': 220},
        'dataset': WORD,
        'status_code': {'custom.width': 80},
        'bytes': BYTES,
        'duration': {'unit': 'ms', 'custom.width': 90},
    }
    return dashboard(
        'calls',
        [
            large_number(
                1, 'number_of_calls', queries.NUMBER_OF_CALLS, Place(0, 0, 6, 7), text, {'unit': 'locale'}, change=False
            ),
            area_chart(2, 'calls_by_day', queries.CALLS_BY_DAY, Place(6, 0, 18, 7), text),
            table(3, 'newest_calls', queries.NEWEST_CALLS, Place(0, 7, 24, 18), text, columns),
        ],
        text,
        shown=('crawlers', 'dataset'),
        entries=[
            *(entry(name, text) for name in ('user', 'country')),
            choice('kind', text),
            *(entry(name, text) for name in ('program', 'status_code', 'circle')),
        ],
    )
