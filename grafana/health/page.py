"""The Health page: whether calls arrive and are stored, from the ledger."""

from grafana.dashboard import Page
from grafana.health import queries
from grafana.layout import Size
from grafana.panels.charts import series_by_column, series_by_label
from grafana.panels.numbers import stat
from grafana.panels.panel import BLUE, GREY, ORANGE, Json
from grafana.panels.tables import BAR, COUNT, PERCENT, TEXT, TIME, table
from grafana.texts import Texts

# Any number above 0 needs action.
_ORANGE_FROM_ONE = {'mode': 'absolute', 'steps': [{'color': GREY, 'value': None}, {'color': ORANGE, 'value': 1}]}
_OUTCOMES = {'stored_calls': BLUE, 'skipped_lines': GREY, 'rejected_lines': ORANGE}
_DELAYS = {'newest_call': BLUE, 'oldest_call': ORANGE}
_REASONS: dict[str, Json] = {'reason': TEXT, 'lines': BAR, 'percent': PERCENT, 'last_at': TIME}
_GEOLOCATION: dict[str, Json] = {'geo_day': TEXT, 'stored_calls': BAR, 'first_used': TIME, 'last_used': TIME}
_IMPORTS: dict[str, Json] = {
    'imported_at': TIME,
    'domain': TEXT,
    'source_name': TEXT,
    'origin': TEXT,
    **dict.fromkeys(('stored_calls', 'skipped_lines', 'rejected_lines'), COUNT | {'custom.width': 130}),
    'first_call': TIME,
    'last_call': TIME,
    'geo_day': {'custom.width': 150},
}


def health_page(text: Texts) -> Page:
    """What was imported when, and what became of it. The numbers of panels are fixed: alerts name them."""
    quarter, half, full = Size(6, 4), Size(12, 9), Size(24, 9)
    count: Json = {'unit': 'short'}
    ago: Json = {'unit': 'dateTimeFromNow'}
    unfinished: Json = {'unit': 'locale', 'color': {'mode': 'thresholds'}, 'thresholds': _ORANGE_FROM_ONE}
    lines: Json = {'unit': 'locale', 'decimals': 0}
    no_imports, no_rejects, nothing_yet = 'none_imported', 'none_rejected', 'nothing_yet'
    return Page(
        [
            [
                stat(1, 'stored_calls', queries.STORED, quarter, text, count, empty=no_imports),
                stat(2, 'rejected_lines', queries.REJECTED, quarter, text, count, empty=no_rejects),
                stat(6, 'newest', queries.NEWEST_CALL, quarter, text, ago, change=False, empty=nothing_yet),
                stat(8, 'cut_off', queries.CUT_OFF, quarter, text, unfinished, change=False, empty=nothing_yet),
            ],
            [
                series_by_column(
                    5, 'lines_over_time', queries.LINES_OVER_TIME, full, text, _OUTCOMES, bars=True, empty=no_imports
                ),
            ],
            [
                series_by_label(
                    3,
                    'rejected_over_time',
                    queries.REJECTED_OVER_TIME,
                    half,
                    text,
                    'reason',
                    bars=True,
                    field=lines,
                    empty=no_rejects,
                ),
                table(7, 'rejected_by_reason', queries.REJECTED_BY_REASON, half, text, _REASONS, empty=no_rejects),
            ],
            [
                series_by_column(4, 'lateness', queries.LATENESS, half, text, _DELAYS, bars=False, unit='s', empty=no_imports),
                table(9, 'geolocation', queries.GEOLOCATION, half, text, _GEOLOCATION, empty=no_imports),
            ],
            [table(10, 'imports', queries.IMPORTS, Size(24, 12), text, _IMPORTS, empty=no_imports)],
        ]
    )
