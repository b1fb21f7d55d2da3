"""The public views have the documented columns and give correct numbers for any calls and any period."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from databases import Databases
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from independent import ACTIONS, UNLOCATED, Call, Catalogue, Count, Known, before, begin, totals, usual_activity

from exporter.model.call import Client, Device
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect

SECOND, HOUR, DAY, WEEK = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
PARIS = ('FR', 'Paris', 48.86, 2.35)
KATHMANDU = ('NP', 'Kathmandu', 27.72, 85.32)
PLACES = [PARIS, KATHMANDU, ('FR', 'Lyon', 45.75, 4.83), ('FR', '', 46.0, 2.0), ('NZ', 'Null Island', 0.0, 0.0), UNLOCATED]
DATASETS, PROGRAMS, STATUSES = ['', 'trees', 'rent'], ['', 'curl', 'Firefox'], [None, 200, 304, 399, 400, 404, 500]
DURATIONS = [None, 0, 1, 7, 130, 2_500]
PATHS, FILES = ['', '/files/rent.csv', '/files/other.csv'], [0, 0, 1, 2]
TREES, RENT = Known('id-of-trees', 'Trees', 'City', 'nature'), Known('rent-1', "Rent, l'année", 'Bureau', 'homes')
NAMES = {
    'trees': TREES,
    TREES.dataset_id: TREES,
    'rent-1': RENT,
    '/files/rent.csv': RENT,
    'new': Known('new', 'New', 'Bureau', ''),
}
NETWORKS, REFERRERS = [('', 0), ('Example AG', 64496), ('Example AG', 64497)], ['', '(own)', 'www.example.net']
ZONES = {
    'a.example': 'Europe/Paris',
    'b.example': 'Asia/Kathmandu',  # +05:45
    'c.example': 'America/New_York',
    'd.example': 'Australia/Lord_Howe',  # its clocks change by half an hour
    'e.example': 'Pacific/Kiritimati',  # +14:00
    'f.example': 'Etc/GMT+12',  # -12:00
}
ASKED = [
    ('calls', 'UInt64'), ('users', 'UInt64'), ('errors', 'UInt64'), ('bytes', 'UInt64'),
    ('queries', 'UInt64'), ('download_requests', 'UInt64'), ('page_views', 'UInt64'), ('downloads', 'UInt64'),
]  # fmt: skip
OF_CATALOGUE = [('title', 'String'), ('publisher', 'String'), ('theme', 'String')]
ACTION = "Enum8('other' = 0, 'query' = 1, 'download' = 2, 'page' = 3, 'metadata' = 4, 'search' = 5, 'map' = 6)"
PROMISED = {
    'activity': [('day', 'Date'), ('time', "DateTime('UTC')"), ('calls', 'UInt64')],
    'total_users': [('total_users', 'UInt64'), ('registered_users', 'UInt64'), ('anonymous_users', 'UInt64')],
    'calls_per_user': [('calls', 'UInt64'), ('total_users', 'UInt64'), ('calls_per_user', 'Nullable(Float64)')],
    'anonymous_users': [('anonymous_users_percent', 'Nullable(Float64)')],
    'mobile_users': [('mobile_users_percent', 'Nullable(Float64)')],
    'top_users': [('user', 'String'), ('calls', 'UInt64')],
    'map_of_calls': [
        ('country', 'LowCardinality(String)'),
        ('city', 'LowCardinality(String)'),
        ('latitude', 'Float64'),
        ('longitude', 'Float64'),
        ('calls', 'UInt64'),
    ],
    'summary': [
        ('calls', 'UInt64'),
        ('total_users', 'UInt64'),
        ('registered_users', 'UInt64'),
        ('anonymous_users', 'UInt64'),
        ('calls_per_user', 'Nullable(Float64)'),
        ('anonymous_users_percent', 'Nullable(Float64)'),
        ('mobile_users_percent', 'Nullable(Float64)'),
        ('unlocated_calls', 'UInt64'),
        ('crawler_calls', 'UInt64'),
        ('left_out_calls', 'UInt64'),
        ('suspect_calls', 'UInt64'),
    ],
    'usual_activity': [
        ('domain', 'LowCardinality(String)'),
        ('calls', 'UInt64'),
        ('usual', 'Nullable(Float64)'),
        ('weeks_before', 'Array(UInt64)'),
    ],
    'users_by_day': [('day', 'Date'), ('registered_users', 'UInt64'), ('anonymous_users', 'UInt64')],
    'users': [('user', 'String'), ('calls', 'UInt64'), ('days', 'UInt64'), ('last_day', 'Date')],
    'hours': [('weekday', 'UInt8'), ('hour', 'UInt8'), ('calls', 'UInt64')],
    'datasets': [('dataset_id', 'String'), *ASKED, *OF_CATALOGUE],
    'datasets_by_month': [('month', 'Date'), ('dataset_id', 'String'), *ASKED, *OF_CATALOGUE],
    'datasets_by_day': [('day', 'Date'), ('dataset_id', 'String'), *ASKED, *OF_CATALOGUE],
    'publishers': [('publisher', 'LowCardinality(String)'), *ASKED, ('datasets', 'UInt64')],
    'themes': [('theme', 'LowCardinality(String)'), *ASKED, ('datasets', 'UInt64')],
    'actions_by_day': [('day', 'Date'), ('action', ACTION), ('calls', 'UInt64')],
    'durations_by_day': [
        ('day', 'Date'),
        ('dataset_id', 'String'),
        ('calls', 'UInt64'),
        *((f'p{percent}_ms', 'Nullable(Float64)') for percent in (50, 95, 99)),
    ],
    'clients': [
        ('client', "Enum8('unknown' = 0, 'browser' = 1, 'api_client' = 2, 'crawler' = 3)"),
        ('browser', 'LowCardinality(String)'),
        ('calls', 'UInt64'),
        ('users', 'UInt64'),
    ],
    'audiences': [('audience', 'LowCardinality(String)'), *ASKED],
    'networks': [('network', 'LowCardinality(String)'), ('as_number', 'UInt32'), *ASKED],
    'referrers': [('host', 'LowCardinality(String)'), *ASKED, ('datasets', 'UInt64')],
    'statuses_by_day': [('day', 'Date'), ('status', 'Nullable(UInt16)'), ('calls', 'UInt64')],
    'domains': [
        ('domain', 'LowCardinality(String)'),
        ('timezone', 'String'),
        ('first_day', 'Date'),
        ('last_day', 'Date'),
        ('calls', 'UInt64'),
    ],
}
MEASURED = ['month', 'week', 'country', 'client', 'action', 'status']
CLIENT = PROMISED['clients'][0][1]
for key, kind in zip(MEASURED, ('Date', 'Date', 'LowCardinality(String)', CLIENT, ACTION, 'Nullable(UInt16)'), strict=True):
    PROMISED |= {f'{part}_by_{key}': [(key, kind), *ASKED] for part in ('calls', 'dataset', 'publisher')}
for part in ('calls', 'dataset', 'publisher'):
    PROMISED |= {
        f'{part}_by_{key}': [(column, 'LowCardinality(String)'), *ASKED]
        for key, column in (('audience', 'audience'), ('network', 'network'), ('referrer', 'referrer_host'))
    }
for part in ('dataset', 'publisher'):
    PROMISED |= {f'{part}_{view}': PROMISED[view] for view in ('activity', 'top_users', 'map_of_calls')}
    PROMISED[f'{part}_summary'] = [
        *PROMISED['summary'],
        *((name, 'UInt64') for name in ('errors', 'bytes', 'queries', 'download_requests', 'page_views', 'downloads')),
    ]
Period = tuple[datetime, datetime]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def store(database: ClickHouse, *calls: Call) -> None:
    database.insert_rows('calls', [call.row() for call in calls], token=f'{id(calls)} {datetime.now()}')


def store_catalogue(database: ClickHouse, domain: str) -> None:
    """Stores NAMES as the catalogue of a portal."""
    rows = [{'domain': domain, 'name': name, **known._asdict(), 'revision': 7} for name, known in NAMES.items()]
    database.insert_rows('catalogue', [*rows, {**rows[0], 'dataset_id': 'of an earlier revision', 'revision': 6}], token=domain)
    update = {'domain': domain, 'at': '2026-11-01 00:00:00', 'revision': 7}
    database.insert_rows('catalogue_updates', [update, {**update, 'at': '2026-11-02 00:00:00', 'revision': 0}], token=domain)


def parameters(view: str, domains: list[str], start: object, end: object, crawlers: int = 0, of: str = 'trees') -> str:
    """The parameters of a view; `of` is the data set or the publisher of views that are about one."""

    def text(moment: object) -> str:
        return f"'{moment:%Y-%m-%d %H:%M:%S}'" if isinstance(moment, datetime) else str(moment)

    part = view.partition('_')[0]
    more = f", {part}='{of}'" if part in ('dataset', 'publisher') else ''
    return f'(domains={domains}, from={text(start)}, to={text(end)}, crawlers={crawlers}{more})'


def ask(
    database: ClickHouse, view: str, domains: list[str], start: object, end: object, crawlers: int = 0, of: str = 'trees'
) -> list[tuple[Any, ...]]:
    rows = database.query(f'SELECT * FROM {view}{parameters(view, domains, start, end, crawlers, of)}')
    return [tuple(value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in row.values()) for row in rows]


def number_of_calls(database: ClickHouse, domains: list[str], start: object, end: object, crawlers: int = 0) -> int:
    """The number of calls in `summary`, which must equal the sum of `activity`."""
    [summary] = ask(database, 'summary', domains, start, end, crawlers)
    assert sum(row[-1] for row in ask(database, 'activity', domains, start, end, crawlers)) == summary[0]
    return int(summary[0])


@contextmanager
def one_database(databases: Databases) -> Iterator[ClickHouse]:
    """A database for several tests."""
    with databases.ready() as url, closing(connect(url)) as database:
        yield database


@pytest.fixture(scope='module')
def shared(databases: Databases) -> Iterator[ClickHouse]:
    """A database for tests that each use their own portal."""
    with one_database(databases) as database:
        yield database


# documented columns


@pytest.mark.parametrize('view', PROMISED)
def test_a_view_has_the_documented_columns_and_types(shared: ClickHouse, view: str) -> None:
    asked = view if view == 'domains' else view + parameters(view, [], at('2026-11-01'), at('2026-11-15'))
    columns = shared.query(f'DESCRIBE TABLE (SELECT * FROM {asked})')
    assert [(column['name'], column['type']) for column in columns] == PROMISED[view]


@pytest.mark.parametrize(
    'view', [name for name in PROMISED if name.startswith(('datasets', 'publishers', 'themes', 'durations'))]
)
def test_views_of_data_sets_do_not_depend_on_a_setting_of_the_session(database: ClickHouse, view: str) -> None:
    noon = at('2026-11-05T12:00:00')
    calls = [Call(noon, 'a.example', 'UTC', dataset_id=name, duration_ms=5) for name in ('trees', 'trees', 'rent', '')]
    store(database, *calls)
    store_catalogue(database, 'a.example')
    select = f'SELECT * FROM {view}{parameters(view, [], noon - DAY, noon + DAY)}'
    assert database.query(f'{select} SETTINGS join_use_nulls = 1') == database.query(select)


def test_no_other_view_is_public() -> None:
    assert {change.name for change in schema.views()} == PROMISED.keys()


# periods and days


@pytest.fixture(scope='module')
def minutely(databases: Databases) -> Iterator[ClickHouse]:
    """A call at each whole minute of three days in Paris, and one a millisecond before it."""
    with one_database(databases) as database:
        start = begin(date(2026, 11, 2), 'Europe/Paris')
        moments = [start + timedelta(minutes=minute) for minute in range(3 * 24 * 60)]
        before = [moment - timedelta(milliseconds=1) for moment in moments]
        store(database, *(Call(moment, 'a.example', 'Europe/Paris') for moment in moments + before))
        yield database


def test_a_period_is_exact_to_the_second_at_both_ends(minutely: ClickHouse) -> None:
    noon = at('2026-11-03T12:00:00')
    for start, end, expected in (
        (noon, noon + SECOND, 1),
        (noon - SECOND, noon, 1),
        (noon + SECOND, noon + timedelta(seconds=59), 0),
        (noon, noon + timedelta(minutes=1), 2),
        (noon - SECOND, noon + SECOND, 2),
        (noon - DAY, noon + DAY, 2 * 2 * 24 * 60),
        (noon - DAY - SECOND, noon + DAY - SECOND, 2 * 2 * 24 * 60),
        (noon - DAY + SECOND, noon + DAY + SECOND, 2 * 2 * 24 * 60),
    ):
        assert number_of_calls(minutely, [], start, end) == expected, (start, end)


def test_a_period_is_given_as_text_or_as_unix_seconds(minutely: ClickHouse) -> None:
    start, end = at('2026-11-02T12:00:30'), at('2026-11-04T08:15:00')
    seconds = int(start.timestamp()), int(end.timestamp())
    for view in PROMISED.keys() - {'domains'}:
        answer = ask(minutely, view, [], start, end)
        assert ask(minutely, view, [], *seconds) == answer
        assert ask(minutely, view, [], f"toUnixTimestamp(toDateTime('{start:%F %T}', 'UTC'))", seconds[1]) == answer
    assert number_of_calls(minutely, [], *seconds) == 2 * (seconds[1] - seconds[0]) // 60


def test_the_time_zone_of_a_session_changes_nothing(minutely: ClickHouse) -> None:
    asked = f'SELECT * FROM activity{parameters("activity", [], at("2026-11-02T12:00:30"), at("2026-11-04T08:15:00"))}'
    assert minutely.query(asked, session_timezone='America/New_York') == minutely.query(asked)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('start', 'end', 'expected'),
    [
        ("'1970-01-01 00:00:00'", "'1970-01-01 00:00:00'", 0),
        ("'1970-01-01 00:00:00'", "'1970-01-01 06:00:00'", 0),
        ('10000', '20000', 0),
        ("'1970-01-01 00:00:00'", "'2026-11-03 12:00:00'", 2 * 37 * 60 + 1),
        ("'1900-01-01 00:00:00'", "'2300-01-01 00:00:00'", 2 * 3 * 24 * 60),
        ('10000', '4294967295', 2 * 3 * 24 * 60),
        ("'2026-11-03 12:00:00'", "'2106-02-07 06:28:15'", 2 * 35 * 60 - 1),
        ("'2106-02-06 18:00:00'", "'2106-02-07 06:28:15'", 0),
        ("'2026-11-03 12:00:00'", "'2026-11-03 12:00:00'", 0),
        ("'2026-11-04 12:00:00'", "'2026-11-02 12:00:00'", 0),
    ],
)
def test_unusual_periods_count_their_calls(minutely: ClickHouse, start: str, end: str, expected: int) -> None:
    assert number_of_calls(minutely, [], start, end) == expected
    days = [row[0] for row in ask(minutely, 'activity', [], start, end)]
    assert all(later - earlier == DAY for earlier, later in pairwise(days))
    assert bool(days) == (ask(minutely, 'activity', ['nobody.example'], start, end) != [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ('zone', 'day', 'hours', 'begins'),
    [
        ('Europe/Paris', '2026-03-28', 24, '2026-03-27T23:00'),
        ('Europe/Paris', '2026-03-29', 23, '2026-03-28T23:00'),
        ('Europe/Paris', '2026-03-30', 24, '2026-03-29T22:00'),
        ('Europe/Paris', '2026-10-25', 25, '2026-10-24T22:00'),
        ('Europe/Paris', '2026-10-26', 24, '2026-10-25T23:00'),
        ('America/New_York', '2026-03-08', 23, '2026-03-08T05:00'),
        ('America/New_York', '2026-11-01', 25, '2026-11-01T04:00'),
        ('Australia/Lord_Howe', '2026-10-04', 23.5, '2026-10-03T13:30'),
        ('Australia/Lord_Howe', '2026-04-05', 24.5, '2026-04-04T13:00'),
        ('Asia/Kathmandu', '2026-11-10', 24, '2026-11-09T18:15'),
        ('Pacific/Kiritimati', '2026-11-10', 24, '2026-11-09T10:00'),
        ('Etc/GMT+12', '2026-11-10', 24, '2026-11-10T12:00'),
        ('Africa/Cairo', '2026-04-24', 23, '2026-04-23T22:00'),  # the clocks jump over midnight: it begins at one o'clock
    ],
)
def test_a_day_is_in_the_portals_time_zone_with_its_true_length(
    shared: ClickHouse, zone: str, day: str, hours: float, begins: str
) -> None:
    start, portal = at(begins), f'{zone.lower()}.{day}.example'
    quarters = [start + timedelta(minutes=15 * number, seconds=-1) for number in range(-100, 220)]
    store(shared, *(Call(moment, portal, zone) for moment in quarters))
    activity = ask(shared, 'activity', [portal], start - 3 * DAY, start + 5 * DAY)
    [found] = [row for row in activity if row[0] == date.fromisoformat(day)]
    assert found == (date.fromisoformat(day), start, 4 * hours)
    end = start + hours * HOUR
    assert ask(shared, 'activity', [portal], start, end) == [found]
    assert ask(shared, 'activity', [portal], start - SECOND, end + SECOND) == [
        (found[0] - DAY, begin(found[0] - DAY, zone), 1),
        found,
        (found[0] + DAY, end, 0),
    ]


def test_days_without_calls_are_zero_including_first_and_last(shared: ClickHouse) -> None:
    store(shared, Call(at('2026-11-05T12:00:00'), 'quiet.example', 'Europe/Paris'))
    start, end = begin(date(2026, 11, 2), 'Europe/Paris'), begin(date(2026, 11, 9), 'Europe/Paris')
    found = [(row[0].day, row[2]) for row in ask(shared, 'activity', ['quiet.example'], start, end)]
    assert found == [(2, 0), (3, 0), (4, 0), (5, 1), (6, 0), (7, 0), (8, 0)]
    found = [(row[0].day, row[2]) for row in ask(shared, 'activity', ['quiet.example'], start - SECOND, end + SECOND)]
    assert found == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (6, 0), (7, 0), (8, 0), (9, 0)]


def test_a_period_without_calls_has_the_portals_days(shared: ClickHouse) -> None:
    store(shared, Call(at('2026-11-05T12:00:00'), 'silent.example', 'Asia/Kathmandu'))
    year_before = ask(shared, 'activity', ['silent.example'], at('2025-11-01T18:15:00'), at('2025-11-03T18:15:00'))
    assert year_before == [
        (date(2025, 11, 2), at('2025-11-01T18:15:00'), 0),
        (date(2025, 11, 3), at('2025-11-02T18:15:00'), 0),
    ]


@pytest.mark.parametrize('domains', [[], ['nobody.example']])
def test_an_unknown_portal_has_utc_days_and_no_shares(database: ClickHouse, domains: list[str]) -> None:
    if domains:
        store(database, Call(at('2026-11-01T12:00:00'), 'a.example', 'Asia/Kathmandu', place=PARIS))
    period = at('2026-11-01'), at('2026-11-03')
    days = [(date(2026, 11, 1), period[0], 0), (date(2026, 11, 2), period[0] + DAY, 0)]
    assert ask(database, 'activity', domains, *period) == days
    assert ask(database, 'summary', domains, *period) == [(0, 0, 0, 0, None, None, None, 0, 0, 0, 0)]
    assert ask(database, 'calls_per_user', domains, *period) == [(0, 0, None)]
    assert ask(database, 'anonymous_users', domains, *period) == ask(database, 'mobile_users', domains, *period) == [(None,)]
    assert ask(database, 'top_users', domains, *period) == ask(database, 'map_of_calls', domains, *period) == []


# users, places, portals


def test_an_account_is_one_user_on_two_portals_and_from_two_addresses(database: ClickHouse) -> None:
    noon = at('2026-11-02T12:00:00')
    store(
        database,
        Call(noon, 'a.example', 'Europe/Paris', 'anna', 1),
        Call(noon, 'b.example', 'Asia/Kathmandu', 'anna', 2),
        Call(noon, 'a.example', 'Europe/Paris', '', 1),
        Call(noon, 'b.example', 'Asia/Kathmandu', '', 1),
        Call(noon + DAY, 'b.example', 'Asia/Kathmandu', '', 3),
    )
    period = noon - DAY, noon + 3 * DAY
    assert ask(database, 'total_users', ['a.example', 'b.example'], *period) == [(3, 1, 2)]
    assert ask(database, 'total_users', [], *period) == [(3, 1, 2)]
    assert ask(database, 'total_users', ['a.example'], *period) == [(2, 1, 1)]
    assert ask(database, 'top_users', [], *period) == [('anonymous', 3), ('anna', 2)]
    assert ask(database, 'anonymous_users', [], *period) == [(pytest.approx(200 / 3),)]
    assert ask(database, 'calls_per_user', [], *period) == [(5, 3, pytest.approx(5 / 3))]


def test_crawlers_count_only_on_request(database: ClickHouse) -> None:
    noon = at('2026-11-02T12:00:00')
    person = Call(noon, 'a.example', 'Europe/Paris', '', 1, 'phone', place=PARIS)
    crawler = Call(noon, 'a.example', 'Europe/Paris', '', 2, 'other', 'crawler', KATHMANDU)
    store(database, person, crawler, crawler)
    for period in ((noon, noon + SECOND), (noon - 3 * DAY, noon + 3 * DAY)):
        assert ask(database, 'summary', [], *period) == [(1, 1, 0, 1, 1, 100, 100, 0, 2, 0, 0)]
        assert ask(database, 'summary', [], *period, 1) == [(3, 2, 0, 2, 1.5, 100, pytest.approx(100 / 3), 0, 2, 0, 0)]
        assert ask(database, 'map_of_calls', [], *period) == [(*PARIS, 1)]
        assert ask(database, 'map_of_calls', [], *period, 1) == [(*KATHMANDU, 2), (*PARIS, 1)]
        assert (number_of_calls(database, [], *period), number_of_calls(database, [], *period, 1)) == (1, 3)


def test_the_top_five_are_exact_among_thousands_with_ties_by_name(database: ClickHouse) -> None:
    database.command(
        """
        INSERT INTO calls (timestamp, domain, timezone, day, hour, user_id)
        WITH ['zoe', 'bob', 'eve', 'ann', 'tim', 'kim'] AS most, toDateTime('2026-11-02 12:00:00', 'UTC') AS noon
        SELECT noon, 'a.example', 'UTC', noon, noon, if(number < 70, most[1 + number % 6], 'user ' || number % 3000)
        FROM numbers(33070)
        """
    )
    for period in ((at('2026-11-02T12:00:00'), at('2026-11-02T12:00:01')), (at('2026-10-01'), at('2026-12-01'))):
        top = ask(database, 'top_users', [], *period)
        assert top == [('ann', 12), ('bob', 12), ('eve', 12), ('zoe', 12), ('kim', 11)]
    store(database, *[Call(at('2026-11-03T12:00:00'), 'a.example', 'UTC', visitor=number) for number in range(12)])
    top = ask(database, 'top_users', [], at('2026-10-01'), at('2026-12-01'))
    assert top == [('ann', 12), ('anonymous', 12), ('bob', 12), ('eve', 12), ('zoe', 12)]


def test_the_map_has_located_calls_and_the_summary_counts_the_others(database: ClickHouse) -> None:
    noon = at('2026-11-02T12:00:00')
    places = [PARIS, KATHMANDU, UNLOCATED, PARIS, ('FR', '', 46.0, 2.0), UNLOCATED, UNLOCATED]
    store(database, *(Call(noon, 'a.example', 'Europe/Paris', place=place) for place in places))
    for period in ((noon, noon + SECOND), (noon - 3 * DAY, noon + 3 * DAY)):
        assert ask(database, 'map_of_calls', [], *period) == [(*PARIS, 2), ('FR', '', 46.0, 2.0, 1), (*KATHMANDU, 1)]
        [summary] = ask(database, 'summary', [], *period)
        assert summary[7] == 3


@pytest.mark.slow
@pytest.mark.parametrize('users', [1_000, 20_000, 200_000])
def test_many_users_are_estimated_within_seven_per_cent(database: ClickHouse, users: int) -> None:
    database.command(
        f"""
        INSERT INTO calls (timestamp, domain, timezone, day, hour, user_id, visitor)
        WITH toDateTime('2026-11-01 00:00:00', 'UTC') + toIntervalDay(number % 10) AS noon
        SELECT noon, 'a.example', 'UTC', noon, noon, if(number % 4 = 0, 'user ' || number, ''), sipHash64(intDiv(number, 2))
        FROM numbers({2 * users})
        """
    )
    [(total, registered, anonymous)] = ask(database, 'total_users', [], at('2026-11-01'), at('2026-11-11'))
    assert registered == pytest.approx(users / 2, rel=0.07)
    assert anonymous == pytest.approx(users, rel=0.07)
    assert total == registered + anonymous


def test_domains_lists_each_portal_with_its_days(database: ClickHouse) -> None:
    assert database.query('SELECT * FROM domains') == []
    store(
        database,
        Call(at('2026-11-02T23:30:00'), 'b.example', 'UTC'),
        Call(at('2026-11-05T23:30:00'), 'b.example', 'Europe/Paris', client='crawler'),
        Call(at('2026-11-05T12:00:00'), 'a.example', 'Asia/Kathmandu'),
    )
    assert [tuple(row.values()) for row in database.query('SELECT * FROM domains')] == [
        ('a.example', 'Asia/Kathmandu', date(2026, 11, 5), date(2026, 11, 5), 1),
        ('b.example', 'Europe/Paris', date(2026, 11, 2), date(2026, 11, 6), 2),
    ]


# random calls and periods

SEASONS = [(at('2026-03-24'), 14), (at('2026-10-20'), 14)]  # including clock changes
MIDNIGHTS = {
    zone: [begin(start.date() + number * DAY, zone) for start, days in SEASONS for number in range(days)]
    for zone in ZONES.values()
}
near_midnights = st.builds(
    lambda zone, number, seconds: MIDNIGHTS[zone][number] + seconds * SECOND,
    st.sampled_from(list(MIDNIGHTS)),
    st.integers(0, 27),
    st.integers(-2, 2),
)
within_seasons = st.builds(
    lambda season, second: season[0] + second * SECOND, st.sampled_from(SEASONS), st.integers(0, 14 * 86400)
)
near_months = st.builds(
    lambda month, zone, seconds: begin(month, zone) + seconds * SECOND,
    st.sampled_from(
        [date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1), date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)]
    ),
    st.sampled_from(list(ZONES.values())),
    st.integers(-1, 1),
)
moments = near_midnights | within_seasons | near_months
periods = st.tuples(moments, moments).map(sorted)
parts = st.sampled_from(
    [('calls', ''), ('dataset', 'trees'), ('dataset', 'rent-1'), ('dataset', 'rent'), ('publisher', 'Bureau')]
)
some_domains = st.lists(st.sampled_from([*ZONES, 'nobody.example']), max_size=3, unique=True)
fast = settings(max_examples=25, deadline=None)


def agree(database: ClickHouse, expected: Count, domains: list[str], crawlers: bool) -> None:
    """Every view gives the expected numbers, and the summary agrees with the single views."""

    def answer(view: str) -> list[tuple[Any, ...]]:
        return ask(database, view, domains, expected.start, expected.end, int(crawlers))

    [(total, registered, anonymous)] = answer('total_users')
    for estimate, exact in ((registered, expected.registered_users), (anonymous, expected.anonymous_users)):
        # the estimator is exact up to 16 users; above, its error is at most 7 %, or two users
        assert estimate == exact if exact <= 16 else abs(estimate - exact) <= max(0.07 * exact, 2)
    calls = len(expected.calls)
    per_user = calls / total if total else None
    anonymous_percent = 100 * anonymous / total if total else None
    mobile_percent = 100 * expected.mobile_calls / calls if calls else None
    assert answer('activity') == expected.activity()
    assert answer('top_users') == expected.top_users()
    assert answer('map_of_calls') == expected.map_of_calls()
    assert answer('calls_per_user') == [(calls, total, per_user)]
    assert answer('anonymous_users') == [(anonymous_percent,)]
    assert answer('mobile_users') == [(mobile_percent,)]
    assert answer('summary') == [
        (
            *(calls, total, registered, anonymous, per_user, anonymous_percent, mobile_percent),
            *(expected.unlocated_calls, expected.crawler_calls, expected.left_out_calls, expected.suspect_calls),
        )
    ]
    assert answer('hours') == expected.hours()
    assert answer('users') == expected.users()
    assert answer('statuses_by_day') == expected.statuses_by_day()
    assert answer('actions_by_day') == expected.actions_by_day()
    percentiles_are_near(answer('durations_by_day'), expected.durations_by_day())
    near(answer('users_by_day'), expected.users_by_day(), users=(1, 2))
    assert answer('datasets') == expected.datasets()
    assert answer('datasets_by_day') == expected.datasets_by_day()
    assert answer('datasets_by_month') == expected.datasets_by_month()
    assert answer('publishers') == expected.publishers()
    assert answer('themes') == expected.themes()
    near(answer('clients'), expected.clients(), users=(3,))
    assert {row[0]: row[1:] for row in answer('audiences')} == expected.by(lambda call: call.audience)
    assert {row[:2]: row[2:] for row in answer('networks')} == expected.by(lambda call: call.network)
    assert answer('referrers') == expected.referrers()
    assert total == registered + anonymous
    assert all(percent is None or 0 <= percent <= 100 for percent in (anonymous_percent, mobile_percent))


def parts_agree(database: ClickHouse, expected: Count, domains: list[str], crawlers: bool, part: str, of: str) -> None:
    """Every view about a data set, a publisher or all calls gives the expected numbers."""

    def answer(view: str) -> list[tuple[Any, ...]]:
        return ask(database, f'{part}_{view}', domains, expected.start, expected.end, int(crawlers), of)

    is_of = expected.is_of(part, of)
    assert answer('by_month') == expected.by_month_of(is_of)
    keys: dict[str, Callable[[Call], Any]] = {
        'week': lambda call: call.day - timedelta(call.day.weekday()),
        'country': lambda call: call.place[0],
        'client': lambda call: call.client,
        'action': lambda call: call.action,
        'status': lambda call: call.status,
        'audience': lambda call: call.audience,
        'network': lambda call: call.network[0],
        'referrer': lambda call: call.referrer_host,
    }
    for name, key in keys.items():
        assert {row[0]: row[1:] for row in answer(f'by_{name}')} == expected.by(key, is_of)
    if part != 'calls':
        single = expected.of_part(is_of)
        assert answer('activity') == single.activity()
        assert answer('top_users') == single.top_users()
        assert answer('map_of_calls') == single.map_of_calls()
        [summary] = answer('summary')
        users, (_, _, *measures) = single.registered_users + single.anonymous_users, totals(single.calls)
        assert summary[:4] == (len(single.calls), users, single.registered_users, single.anonymous_users)
        assert summary[7:] == (
            *(single.unlocated_calls, single.crawler_calls, single.left_out_calls, single.suspect_calls),
            *measures,
        )


def percentiles_are_near(actual: list[tuple[Any, ...]], exact: list[tuple[Any, ...]]) -> None:
    """The rows equal the exact ones; each percentile is within 1 %."""
    assert [row[:3] for row in actual] == [row[:3] for row in exact]
    for row, counted in zip(actual, exact, strict=True):
        assert row[3:] == pytest.approx(counted[3:], rel=0.010001)


def near(actual: list[tuple[Any, ...]], exact: Sequence[tuple[Any, ...]], users: tuple[int, ...]) -> None:
    """The rows equal the exact ones; the columns `users` are estimates."""

    def exact_columns(row: tuple[Any, ...]) -> list[Any]:
        return [value for column, value in enumerate(row) if column not in users]

    assert [exact_columns(row) for row in actual] == [exact_columns(row) for row in exact]
    for row, counted in zip(actual, exact, strict=True):
        for column in users:
            # the estimator is exact up to 16 accounts and 16 visitors
            assert (
                row[column] == counted[column]
                if counted[column] <= 16
                else abs(row[column] - counted[column]) <= max(0.07 * counted[column], 2)
            )


@pytest.fixture(scope='module')
def two_seasons(databases: Databases) -> Iterator[tuple[ClickHouse, list[Call]]]:
    """Calls of six portals around clock changes, many of them near midnight."""
    chance, whose = random.Random(7), random.Random(11)
    stored = []
    for _ in range(4000):
        start, days = chance.choice(SEASONS)
        domain = chance.choice(list(ZONES))
        midnight, anywhere = chance.choice(MIDNIGHTS[ZONES[domain]]), start + timedelta(days=chance.uniform(0, days))
        moment = chance.choice([midnight, anywhere]) + timedelta(milliseconds=chance.choice([-1, 0, 0, 1, 999, 1000]))
        stored.append(
            Call(
                moment.replace(microsecond=moment.microsecond // 1000 * 1000),
                domain,
                ZONES[domain],
                f'user {chance.randrange(40)}' if chance.random() < 0.3 else '',
                chance.randrange(400),
                chance.choice(['desktop', 'phone', 'tablet', 'tv', 'other', 'unknown']),
                chance.choice(['browser', 'api_client', 'crawler', 'unknown']),
                chance.choice(PLACES),
                chance.choice(DATASETS),
                chance.choice(STATUSES),
                chance.randrange(10**6),
                chance.choice(PROGRAMS),
                chance.choice(ACTIONS),
                chance.choice(PATHS),
                chance.choice(FILES),
                chance.choice(DURATIONS),
                whose.choice(['', '', 'internal', 'state']),
                int(whose.random() < 0.03),
                whose.choice(NETWORKS),
                int(whose.random() < 0.1),
                whose.choice(REFERRERS),
            )
        )
    with one_database(databases) as database:
        for batch in range(0, len(stored), 500):
            store(database, *stored[batch : batch + 500])
        store_catalogue(database, 'a.example')
        yield database, stored


@pytest.mark.slow
@pytest.mark.parametrize('zone', ZONES.values())
def test_a_period_may_begin_and_end_within_seconds_of_any_midnight(two_seasons: tuple[ClickHouse, list[Call]], zone: str) -> None:
    database, stored = two_seasons
    for days in (range(24, 30), range(26, 28)):
        first, last = (begin(date(2026, 3, day), zone) for day in (days[0], days[-1]))
        for beside in (-SECOND, 0 * SECOND, SECOND):
            period = first + beside, last + beside
            assert ask(database, 'activity', [], *period) == Count(stored, [], *period, False).activity()


@pytest.mark.slow
@fast
@given(period=periods, domains=some_domains, crawlers=st.booleans(), part=parts)
@example(period=[at('2026-03-24'), at('2026-04-07')], domains=[], crawlers=False, part=('dataset', 'rent-1'))
@example(period=[at('2026-10-25'), at('2026-10-25')], domains=['a.example'], crawlers=True, part=('calls', ''))
def test_any_period_of_any_portals_is_counted_correctly(
    two_seasons: tuple[ClickHouse, list[Call]], period: Period, domains: list[str], crawlers: bool, part: tuple[str, str]
) -> None:
    database, stored = two_seasons
    catalogue: Catalogue = {('a.example', name): known for name, known in NAMES.items()}
    expected = Count(stored, domains, *period, crawlers, catalogue=catalogue)
    agree(database, expected, domains, crawlers)
    parts_agree(database, expected, domains, crawlers, *part)


numbers = count()
portal_calls = st.lists(
    st.builds(
        lambda moment, milliseconds, *others: (moment + timedelta(milliseconds=milliseconds), *others),
        moments,
        st.integers(0, 999),
        st.sampled_from(['', '', 'ann', 'bob', 'Bob', 'émile', 'eve', 'anon', 'zoe', "o'brien"]),
        st.integers(0, 20) | st.integers(0, 2**64 - 1),
        st.sampled_from(Device).map(str),
        st.sampled_from(Client).map(str),
        st.sampled_from(PLACES),
        st.sampled_from(DATASETS),
        st.sampled_from(STATUSES),
        st.integers(0, 2**40),
        st.sampled_from(PROGRAMS),
        st.sampled_from(ACTIONS),
        st.sampled_from(PATHS),
        st.sampled_from(FILES),
        st.sampled_from(DURATIONS),
        st.sampled_from(['', 'internal', 'state']),
        st.integers(0, 1),
        st.sampled_from(NETWORKS),
        st.integers(0, 1),
        st.sampled_from(REFERRERS),
    ),
    max_size=12,
)  # fmt: skip


@pytest.mark.slow
@fast
@given(
    portals=st.tuples(portal_calls, portal_calls),
    zones=st.tuples(*[st.sampled_from(list(ZONES.values()))] * 2),
    both=st.booleans(),
    period=periods,
    crawlers=st.booleans(),
    part=parts,
)
def test_any_calls_are_counted_correctly(
    shared: ClickHouse,
    portals: tuple[list[Any], ...],
    zones: tuple[str, ...],
    both: bool,
    period: Period,
    crawlers: bool,
    part: tuple[str, str],
) -> None:
    domains = [f'{next(numbers)}.example', f'{next(numbers)}.example']
    stored = [
        Call(call[0], domain, zone, *call[1:])
        for domain, zone, portal in zip(domains, zones, portals, strict=True)
        for call in portal
    ]
    if stored:
        store(shared, *stored)
    store_catalogue(shared, domains[1])
    asked = domains if both else domains[1:]
    catalogue: Catalogue = {(domains[1], name): known for name, known in NAMES.items()}
    expected = Count(stored, asked, *period, crawlers, catalogue=catalogue)
    agree(shared, expected, asked, crawlers)
    parts_agree(shared, expected, asked, crawlers, *part)


# weeks


@pytest.fixture(scope='module')
def seven_weeks(databases: Databases) -> Iterator[tuple[ClickHouse, list[Call]]]:
    """Calls of six portals before and after clock changes; one portal begins in the third week."""
    chance = random.Random(3)
    stored = []
    for _ in range(6000):
        domain = chance.choice(list(ZONES))
        second = chance.randrange(3 * 7 * 86400 if domain == 'b.example' else 0, 7 * 7 * 86400)
        moment = at('2026-10-05') + timedelta(seconds=second, milliseconds=chance.choice([0, 1, 999]))
        client = chance.choice(['browser', 'crawler', 'api_client'])
        stored.append(Call(moment, domain, ZONES[domain], client=client))
    with one_database(databases) as database:
        store(database, *stored)
        yield database, stored


weeks_and_more = st.builds(
    lambda second, seconds: (at('2026-10-20') + second * SECOND, at('2026-10-20') + (second + seconds) * SECOND),
    st.integers(0, 5 * 7 * 86400),
    st.integers(0, 3 * 3600) | st.integers(0, 7 * 86400),
)


def shown_once(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether this local time exists exactly once in each of the previous weeks; otherwise more than one answer is correct."""
    return all(
        before(moment, week, zone).astimezone(zone).utcoffset() == (moment - week * WEEK).astimezone(zone).utcoffset()
        for week in range(5)
    )


@pytest.mark.slow
@fast
@given(period=weeks_and_more, domains=some_domains, crawlers=st.booleans())
@example(period=(at('2026-11-10T10:00:00'), at('2026-11-10T11:00:00')), domains=[], crawlers=False)
@example(period=(at('2026-10-27T23:00:00'), at('2026-11-03T23:00:00')), domains=[], crawlers=True)
def test_usual_activity_is_that_of_the_same_local_times_of_the_previous_weeks(
    seven_weeks: tuple[ClickHouse, list[Call]], period: Period, domains: list[str], crawlers: bool
) -> None:
    database, stored = seven_weeks
    for domain, zone in ZONES.items():
        arrived = [call.timestamp for call in stored if call.domain == domain and period[0] <= call.timestamp < period[1]]
        assume(all(shown_once(moment, ZoneInfo(zone)) for moment in (period[0], max(arrived, default=period[0]))))
    expected = usual_activity(stored, domains, *period, crawlers)
    assert ask(database, 'usual_activity', domains, *period, int(crawlers)) == expected


def test_a_week_with_removed_calls_is_not_a_week_without_calls(database: ClickHouse) -> None:
    period = at('2026-11-18T10:00:00'), at('2026-11-18T11:00:00')
    store(database, *(Call(period[0] - week * WEEK, 'a.example', 'UTC') for week in range(6)))
    assert ask(database, 'usual_activity', [], *period) == [('a.example', 1, 1.0, [1, 1, 1, 1])]
    database.insert_rows('retention', [{'at': '2026-11-18 02:00:00.000', 'calls_from': '2026-10-30'}], token='kept')
    assert ask(database, 'usual_activity', [], *period) == [('a.example', 1, 1.0, [1, 1])]
