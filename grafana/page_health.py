"""The Health page: whether calls arrive and become numbers, from the ledger."""

import queries_health as queries
from charts import labelled_series, named_series
from frame import dashboard
from panels import BLUE, GREY, ORANGE, Json, Place
from single import large_number
from tables import BAR, COUNT, MOMENT, PERCENT, WORD, table
from texts import Texts

# Something is to be done from the first one on.
_ALARMING = {'mode': 'absolute', 'steps': [{'color': GREY, 'value': None}, {'color': ORANGE, 'value': 1}]}


def health(text: Texts) -> Json:
    """What was imported when, and what became of it. A panel's number stays what it is: alerts name it."""
    became = {'stored_calls': BLUE, 'skipped_lines': GREY, 'rejected_lines': ORANGE}
    late = {'newest_call': BLUE, 'oldest_call': ORANGE}
    reasons: dict[str, Json] = {'reason': WORD, 'lines': BAR, 'percent': PERCENT, 'last_at': MOMENT}
    geolocation: dict[str, Json] = {'geo_day': WORD, 'stored_calls': BAR, 'first_used': MOMENT, 'last_used': MOMENT}
    imports: dict[str, Json] = {
        'imported_at': MOMENT,
        'domain': WORD,
        'source_name': WORD,
        'origin': WORD,
        **dict.fromkeys(('stored_calls', 'skipped_lines', 'rejected_lines'), COUNT | {'custom.width': 130}),
        'first_call': MOMENT,
        'last_call': MOMENT,
        'geo_day': {'custom.width': 150},
    }
    none, unread, never = 'none_imported', 'none_rejected', 'nothing_yet'
    ago = {'unit': 'dateTimeFromNow'}
    waiting = {'unit': 'locale', 'color': {'mode': 'thresholds'}, 'thresholds': _ALARMING}
    return dashboard(
        'health',
        [
            large_number(1, 'stored', queries.STORED, Place(0, 0, 6, 4), text, {'unit': 'short'}, empty=none),
            large_number(2, 'rejected', queries.REJECTED, Place(6, 0, 6, 4), text, {'unit': 'short'}, empty=unread),
            large_number(6, 'newest', queries.NEWEST_CALL, Place(12, 0, 6, 4), text, ago, change=False, empty=never),
            large_number(8, 'cut_off', queries.CUT_OFF, Place(18, 0, 6, 4), text, waiting, change=False, empty=never),
            named_series(5, 'lines_over_time', queries.LINES_OVER_TIME, Place(0, 4, 24, 9), text, became, bars=True, empty=none),
            labelled_series(
                3,
                'rejected_over_time',
                queries.REJECTED_OVER_TIME,
                Place(0, 13, 12, 9),
                text,
                'reason',
                bars=True,
                field={'unit': 'locale', 'decimals': 0},
                empty=unread,
            ),
            table(7, 'rejected_by_reason', queries.REJECTED_BY_REASON, Place(12, 13, 12, 9), text, reasons, empty=unread),
            named_series(4, 'lateness', queries.LATENESS, Place(0, 22, 12, 9), text, late, bars=False, unit='s', empty=none),
            table(9, 'geolocation', queries.GEOLOCATION, Place(12, 22, 12, 9), text, geolocation, empty=none),
            table(10, 'imports', queries.IMPORTS, Place(0, 31, 24, 12), text, imports, empty=none),
        ],
        text,
    )
