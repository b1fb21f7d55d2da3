"""The Users page: the seven indicators on one screen of a laptop; below them, what is behind them."""

from grafana.dashboard import Page
from grafana.layout import Size
from grafana.panels.charts import area_chart, bar_chart, series_by_column
from grafana.panels.geomap import geomap
from grafana.panels.numbers import gauge, stat
from grafana.panels.panel import BLUE, ORANGE, Json, calls_link, heading
from grafana.panels.tables import BAR, COUNT, HIDDEN, IDENTIFIER, PERCENT, TEXT, heat_map, table, value_names
from grafana.texts import Texts
from grafana.users import queries

Rows = list[list[Json]]


def users_page(text: Texts) -> Page:
    """Who uses the portal. The numbers of panels are fixed: alerts and links name them."""
    return Page(
        [*_indicators(text), *_when(text), *_who(text), *_what(text), *_whose(text)], shown_variables=('crawlers', 'circles')
    )


def _indicators(text: Texts) -> Rows:
    per_user: Json = {'unit': 'short', 'decimals': 1}
    countries: dict[str, Json] = {
        'country': {**TEXT, 'links': calls_link(text, country='__data.fields.country')},
        'calls': BAR,
        'percent': PERCENT,
    }
    return [
        [
            area_chart(1, 'activity', queries.ACTIVITY, Size(14, 10), text),
            stat(2, 'total_users', queries.TOTAL_USERS, Size(5, 4), text, {'unit': 'short'}),
            stat(3, 'calls_per_user', queries.CALLS_PER_USER, Size(5, 4), text, per_user),
            gauge(4, 'anonymous_users', queries.ANONYMOUS_USERS, Size(5, 6), text),
            gauge(5, 'mobile_users', queries.MOBILE_USERS, Size(5, 6), text),
        ],
        [
            bar_chart(6, 'top_users', queries.TOP_USERS, Size(6, 10), text),
            geomap(7, 'map_of_calls', queries.MAP_OF_CALLS, Size(13, 10), text),
            table(8, 'countries', queries.COUNTRIES, Size(5, 10), text, countries),
        ],
    ]


def _when(text: Texts) -> Rows:
    return [
        [heading(9, 'when_row', text)],
        [heat_map(10, 'hours', queries.HOURS, Size(24, 10), text)],
    ]


def _who(text: Texts) -> Rows:
    kinds = {'registered_users': BLUE, 'anonymous_users': ORANGE}
    accounts: dict[str, Json] = {
        'user': {**TEXT, 'links': calls_link(text, user='__data.fields.user')},
        'calls': BAR,
        'percent': PERCENT,
        'days': COUNT,
        'last_day': {'custom.width': 110},
    }
    return [
        [heading(11, 'who_row', text)],
        [
            series_by_column(12, 'users_by_kind', queries.USERS_BY_KIND, Size(12, 10), text, kinds, bars=False),
            table(13, 'most_active_users', queries.MOST_ACTIVE_USERS, Size(12, 10), text, accounts),
        ],
    ]


def _what(text: Texts) -> Rows:
    datasets: dict[str, Json] = {
        'dataset': {**TEXT, 'links': calls_link(text, dataset='__data.fields.identifier')},
        'calls': BAR,
        'percent': PERCENT,
        'identifier': IDENTIFIER,
    }
    clients: dict[str, Json] = {
        'kind': {**TEXT, **value_names(text, 'kind_choice')},
        'program': {**TEXT, 'links': calls_link(text, kind='__data.fields.kind_code', program='__data.fields.program')},
        'calls': BAR,
        'users': COUNT,
        'kind_code': HIDDEN,
    }
    statuses: dict[str, Json] = {
        'status_code': {**TEXT, 'links': calls_link(text, status_code='__data.fields.status_code')},
        'calls': BAR,
        'percent': PERCENT,
    }
    return [
        [heading(14, 'what_row', text)],
        [
            table(15, 'asked_datasets', queries.ASKED_DATASETS, Size(9, 10), text, datasets),
            table(16, 'clients', queries.CLIENTS, Size(9, 10), text, clients),
            table(17, 'statuses', queries.STATUSES, Size(6, 10), text, statuses),
        ],
    ]


def _whose(text: Texts) -> Rows:
    audiences: dict[str, Json] = {'audience': TEXT, 'calls': BAR, 'users': COUNT}
    networks: dict[str, Json] = {'network': TEXT, 'as_number': {'custom.width': 90}, 'calls': BAR, 'users': COUNT}
    referrers: dict[str, Json] = {'site': TEXT, 'calls': BAR, 'datasets': COUNT}
    excluded: dict[str, Json] = {'excluded_kind': {**TEXT, **value_names(text, 'excluded_choice')}, 'calls': BAR}
    return [
        [heading(18, 'whose_row', text)],
        [
            table(19, 'audiences', queries.AUDIENCES, Size(5, 10), text, audiences),
            table(20, 'networks', queries.NETWORKS, Size(8, 10), text, networks),
            table(21, 'referrers', queries.REFERRERS, Size(6, 10), text, referrers),
            table(22, 'excluded', queries.EXCLUDED, Size(5, 10), text, excluded),
        ],
    ]
