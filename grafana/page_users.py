"""The Users page: the seven indicators, to be seen at once on a laptop; below them, what is behind them."""

import queries_users as queries
from charts import area_chart, column_chart, named_series
from frame import dashboard
from panels import BLUE, ORANGE, Json, Place, calls_link, row
from queries_map import MAP_OF_CALLS
from single import large_number, ring
from tables import BAR, COUNT, HIDDEN, PERCENT, WORD, coded, heat_map, table
from texts import Texts
from world_map import world_map


def users(text: Texts) -> Json:
    """Who uses the portal. A panel's number stays what it is: alerts and links name it."""
    return dashboard(
        'users',
        [*_indicators(text), *_when(text, 20), *_who(text, 31), *_what(text, 42)],
        text,
        shown=('crawlers', 'circles'),
    )


def _indicators(text: Texts) -> list[Json]:
    countries: dict[str, Json] = {
        'country': {**WORD, 'links': calls_link(text, country='__data.fields.country')},
        'calls': BAR,
        'percent': PERCENT,
    }
    return [
        area_chart(1, 'activity', queries.ACTIVITY, Place(0, 0, 14, 10), text),
        large_number(2, 'total_users', queries.TOTAL_USERS, Place(14, 0, 5, 4), text, {'unit': 'short'}),
        large_number(3, 'calls_per_user', queries.CALLS_PER_USER, Place(19, 0, 5, 4), text, {'unit': 'short', 'decimals': 1}),
        ring(4, 'anonymous_users', queries.ANONYMOUS_USERS, Place(14, 4, 5, 6), text),
        ring(5, 'mobile_users', queries.MOBILE_USERS, Place(19, 4, 5, 6), text),
        column_chart(6, 'top_users', queries.TOP_USERS, Place(0, 10, 6, 10), text),
        world_map(7, 'map_of_calls', MAP_OF_CALLS, Place(6, 10, 13, 10), text),
        table(8, 'countries', queries.COUNTRIES, Place(19, 10, 5, 10), text, countries),
    ]


def _when(text: Texts, y: int) -> list[Json]:
    return [
        row(9, 'when_row', y, text),
        heat_map(10, 'hours', queries.HOURS, Place(0, y + 1, 24, 10), text),
    ]


def _who(text: Texts, y: int) -> list[Json]:
    kinds = {'registered_users': BLUE, 'anonymous_users': ORANGE}
    accounts: dict[str, Json] = {
        'user': {**WORD, 'links': calls_link(text, user='__data.fields.user')},
        'calls': BAR,
        'percent': PERCENT,
        'days': COUNT,
        'last_day': {'custom.width': 110},
    }
    return [
        row(11, 'who_row', y, text),
        named_series(12, 'users_by_kind', queries.USERS_BY_KIND, Place(0, y + 1, 12, 10), text, kinds, bars=False),
        table(13, 'most_active_users', queries.MOST_ACTIVE_USERS, Place(12, y + 1, 12, 10), text, accounts),
    ]


def _what(text: Texts, y: int) -> list[Json]:
    datasets: dict[str, Json] = {
        'dataset': {**WORD, 'links': calls_link(text, dataset='__data.fields.dataset')},
        'calls': BAR,
        'percent': PERCENT,
    }
    clients: dict[str, Json] = {
        'kind': {**WORD, **coded(text, 'kind_choice')},
        'program': {**WORD, 'links': calls_link(text, kind='__data.fields.kind_code', program='__data.fields.program')},
        'calls': BAR,
        'users': COUNT,
        'kind_code': HIDDEN,
    }
    statuses: dict[str, Json] = {
        'status_code': {**WORD, 'links': calls_link(text, status_code='__data.fields.status_code')},
        'calls': BAR,
        'percent': PERCENT,
    }
    return [
        row(14, 'what_row', y, text),
        table(15, 'asked_datasets', queries.ASKED_DATASETS, Place(0, y + 1, 9, 10), text, datasets),
        table(16, 'clients', queries.CLIENTS, Place(9, y + 1, 9, 10), text, clients),
        table(17, 'statuses', queries.STATUSES, Place(18, y + 1, 6, 10), text, statuses),
    ]
