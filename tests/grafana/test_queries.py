"""The queries of the pages: each one runs, returns what its panel needs, and has the numbers of the report."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from math import asinh, degrees, hypot, radians, tan
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from dashboards import NAMES, expand, links, panels, queries

from exporter.catalogue import storage
from exporter.catalogue.dataset import Dataset
from exporter.catalogue.names import Names
from exporter.cli import main
from exporter.ingest.demo.traffic import TIMEZONE
from exporter.model.counting_rules import CHANGES, VERSION, event_id
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse

A, B = 'data.a.example', 'data.b.example'
FIRST, LAST = '2026-11-09 00:00:00', '2026-11-11 23:59:59'  # three days; Grafana ends a day at 23:59:59
EMPTY = '2025-01-01 00:00:00', '2025-01-14 23:59:59'
TABLES = {'calls', 'events', 'batches', 'catalogue', 'catalogue_updates'}

TEXT, NUMBER, FLOAT = 'Nullable(String)', 'Nullable(UInt64)', 'Nullable(Float64)'  # of tables, which always have a row
TIME, PRECISE_TIME = "DateTime('UTC')", "Nullable(DateTime64(3, 'UTC'))"
MEASURES = dict.fromkeys(('downloads', 'queries', 'page_views', 'users'), NUMBER)
COLUMNS: dict[tuple[str, Any], dict[str, str]] = {
    ('users', 1): {'time': TIME, 'calls': 'UInt64'},
    ('users', 2): {'users': NUMBER, 'change': 'String'},
    ('users', 3): {'calls_per_user': FLOAT, 'change': 'String'},
    ('users', 4): {'anonymous_users_percent': FLOAT, 'change': 'String'},
    ('users', 5): {'mobile_users_percent': FLOAT, 'change': 'String'},
    ('users', 6): {'user': 'String', 'calls': 'UInt64'},
    ('users', 7): {
        'place': 'String',
        'latitude': 'Float64',
        'longitude': 'Float64',
        'calls': 'UInt64',
        'label': 'UInt64',
        'size': 'Float64',
        'middle': 'String',
    },
    ('users', 8): {'country': TEXT, 'calls': NUMBER, 'percent': FLOAT},
    ('users', 10): {'weekday_number': TEXT, **dict.fromkeys((f'{hour:02}' for hour in range(24)), NUMBER)},
    ('users', 12): {'time': TIME, 'registered_users': 'UInt64', 'anonymous_users': 'UInt64'},
    ('users', 13): {'user': TEXT, 'calls': NUMBER, 'percent': FLOAT, 'days': NUMBER, 'last_day': TEXT},
    ('users', 15): {'dataset': TEXT, 'calls': NUMBER, 'percent': FLOAT, 'identifier': TEXT},
    ('users', 16): {'kind': TEXT, 'program': TEXT, 'calls': NUMBER, 'users': NUMBER, 'kind_code': TEXT},
    ('users', 19): {'audience': TEXT, 'calls': NUMBER, 'users': NUMBER},
    ('users', 20): {'network': TEXT, 'as_number': TEXT, 'calls': NUMBER, 'users': NUMBER},
    ('users', 21): {'site': TEXT, 'calls': NUMBER, 'datasets': NUMBER},
    ('users', 22): {'excluded_kind': TEXT, 'calls': NUMBER},
    ('users', 17): {'status_code': TEXT, 'calls': NUMBER, 'percent': FLOAT},
    ('datasets', 1): {'datasets_asked': NUMBER, 'change': 'String'},
    ('datasets', 2): {'calls': NUMBER, 'change': 'String'},
    ('datasets', 3): {'errors_percent': FLOAT, 'change': 'String'},
    ('datasets', 4): {'bytes': NUMBER, 'change': 'String'},
    ('datasets', 5): {'time': TIME, 'dataset': 'String', 'identifier': 'String', 'calls': 'UInt64'},
    ('datasets', 6): {
        'dataset': TEXT,
        'publisher': TEXT,
        'calls': NUMBER,
        **MEASURES,
        'download_requests': NUMBER,
        'errors': NUMBER,
        'errors_percent': FLOAT,
        'bytes': NUMBER,
        'identifier': TEXT,
    },
    ('datasets', 7): {'time': TIME, 'dataset': 'String', 'identifier': 'String', 'users': 'UInt64'},
    ('datasets', 8): {'time': TIME, 'dataset': 'String', 'identifier': 'String', 'errors': 'UInt64'},
    ('datasets', 9): {'time': TIME, 'dataset': 'String', 'identifier': 'String', 'bytes': 'UInt64'},
    ('datasets', 10): {
        'time': TIME,
        'queries': 'UInt64',
        'download_requests': 'UInt64',
        'page_views': 'UInt64',
        'metadata_requests': 'UInt64',
        'searches': 'UInt64',
        'map_requests': 'UInt64',
        'other_calls': 'UInt64',
    },
    ('datasets', 11): {'time': TIME, 'dataset': 'String', 'identifier': 'String', 'p95_ms': FLOAT},
    ('datasets', 12): {'queries': NUMBER, 'change': 'String'},
    ('datasets', 13): {'downloads': NUMBER, 'change': 'String'},
    ('datasets', 14): {'page_views': NUMBER, 'change': 'String'},
    ('datasets', 15): {'unused_datasets': NUMBER, 'change': 'String'},
    ('datasets', 16): {'publisher': TEXT, 'datasets': NUMBER, 'calls': NUMBER, **MEASURES},
    ('datasets', 17): {
        'dataset': TEXT,
        'created': TEXT,
        'publisher': TEXT,
        'calls': NUMBER,
        'downloads': NUMBER,
        'users': NUMBER,
        'identifier': TEXT,
    },
    ('datasets', 18): {'dataset': TEXT, 'created': TEXT, 'publisher': TEXT, 'identifier': TEXT},
    ('datasets', 19): {'month': 'String', 'queries': 'UInt64', 'downloads': 'UInt64', 'page_views': 'UInt64'},
    ('datasets', 20): {'month': TEXT, 'dataset': TEXT, 'calls': NUMBER, **MEASURES, 'identifier': TEXT},
    ('health', 1): {'stored_calls': NUMBER, 'change': 'String'},
    ('health', 2): {'rejected_lines': NUMBER, 'change': 'String'},
    ('health', 6): {'newest': 'Nullable(Int64)'},
    ('health', 8): {'cut_off': 'UInt64'},
    ('health', 5): {'time': TIME, 'stored_calls': 'UInt64', 'skipped_lines': 'UInt64', 'rejected_lines': 'UInt64'},
    ('health', 3): {'time': TIME, 'reason': 'String', 'lines': 'UInt64'},
    ('health', 7): {'reason': TEXT, 'lines': NUMBER, 'percent': FLOAT, 'last_at': PRECISE_TIME},
    ('health', 4): {'time': TIME, 'oldest_call': 'Nullable(Int64)', 'newest_call': 'Nullable(Int64)'},
    ('health', 9): {'geo_day': TEXT, 'stored_calls': NUMBER, 'first_used': PRECISE_TIME, 'last_used': PRECISE_TIME},
    ('health', 10): {
        'imported_at': PRECISE_TIME,
        'domain': TEXT,
        'source_name': TEXT,
        'origin': TEXT,
        'stored_calls': NUMBER,
        'skipped_lines': NUMBER,
        'rejected_lines': NUMBER,
        'first_call': PRECISE_TIME,
        'last_call': PRECISE_TIME,
        'geo_day': TEXT,
    },
    ('calls', 1): {'calls': NUMBER},
    ('calls', 2): {'time': TIME, 'calls': 'UInt64'},
    ('calls', 3): {
        'time': PRECISE_TIME,
        'domain': TEXT,
        'user': TEXT,
        'visitor_hash': TEXT,
        'kind': TEXT,
        'program': TEXT,
        'device_kind': TEXT,
        'place': TEXT,
        'method_name': TEXT,
        'path': TEXT,
        'dataset': TEXT,
        'status_code': TEXT,
        'bytes': NUMBER,
        'duration': 'Nullable(UInt32)',
    },
}
OTHER_COLUMNS = {
    'domain': {'domain': 'LowCardinality(String)'},
    'publisher': {'publisher': 'String'},
    'dataset': {'__value': 'String', '__text': 'String'},
    'tag': {'tag': 'String'},
    'Events': {'time': TIME, 'timeEnd': TIME, 'title': 'String', 'text': 'String', 'tags': 'Array(String)'},
}
ALL_COLUMNS = COLUMNS | {(name, query): columns for name in NAMES for query, columns in OTHER_COLUMNS.items()}


def insert_calls(database: ClickHouse, *calls: tuple[str, str, str, int, str, str, str, str, float, float]) -> None:
    """Stores calls: timestamp (UTC), domain, account, visitor, device, client, country, city, latitude, longitude."""
    values = ', '.join(
        f"('{call[0]}', 'UTC', toDate('{call[0][:10]}'), toStartOfHour(toDateTime('{call[0][:19]}', 'UTC')), "
        + ', '.join(repr(value) for value in call[1:])
        + f", '{'trees' if call[2] else ''}', {404 if call[4] == 'phone' else 200}, 1000, '{'' if call[5] == 'crawler' else 'curl'}', "
        f"'{'download' if call[2] else 'page'}')"
        for call in calls
    )
    columns = (
        'timestamp, timezone, day, hour, domain, user_id, visitor, device, client, country, city, latitude, longitude, '
        'dataset_id, status, bytes, browser, action'
    )
    database.command(f'INSERT INTO calls ({columns}) VALUES {values}')


@pytest.fixture
def portals(database: ClickHouse) -> ClickHouse:
    """Two portals with calls on 9 and 11 November 2026, a crawler's among them, events and the ledger of their imports."""
    paris, nowhere = ('FR', 'Paris', 48.86, 2.35), ('', '', 0.0, 0.0)
    insert_calls(
        database,
        *[(f'2026-11-07 10:{n:02}:00.000', A, '', 1, 'phone', 'browser', *paris) for n in range(10)],
        *[(f'2026-11-09 10:{n:02}:00.000', A, '', n % 4, 'desktop', 'browser', *paris) for n in range(20)],
        *[(f'2026-11-11 10:{n:02}:00.000', A, 'ada', 9, 'desktop', 'api_client', *nowhere) for n in range(6)],
        ('2026-11-11 23:59:59.900', A, '', 3, 'phone', 'browser', 'JP', 'Tokyo', 35.68, 139.69),
        ('2026-11-12 00:00:00.000', A, 'late', 9, 'desktop', 'browser', *paris),
        *[(f'2026-11-09 11:{n:02}:00.000', A, '', 77, 'desktop', 'crawler', *paris) for n in range(5)],
        *[(f'2026-11-11 12:{n:02}:00.000', B, 'ada', 8, 'tablet', 'browser', 'SN', '', 14.0, -14.0) for n in range(3)],
    )
    database.command(f"""
        INSERT INTO events (id, domain, start, end, title, text, tags) VALUES
        ('1', '', '2026-11-08 10:00:00', '2026-11-09 10:00:00', 'everywhere', 'it overlaps', ['outage']),
        ('2', '{A}', '2026-11-10 10:00:00', '2026-11-10 10:00:00', 'at a', '', []),
        ('3', '{B}', '2026-11-10 11:00:00', '2026-11-20 10:00:00', 'at b', '', ['dataset', 'new']),
        ('4', '{A}', '2026-11-12 10:00:00', '2026-11-12 10:00:00', 'after', '', [])""")
    database.command(f"""
        INSERT INTO batches (batch_id, state, at, domain, source, origin, log, stored, skipped, rejected, first_timestamp,
            last_timestamp, geo_date) VALUES
        ('1', 'begun', '2026-11-10 01:00:00', '{A}', 'access_log', 'a.log', 'x', 0, 0, map(), NULL, NULL, NULL),
        ('1', 'done', '2026-11-10 01:00:10', '{A}', 'access_log', 'a.log', 'x', 25, 7, map('format', 2, 'status', 1),
            '2026-11-09 10:00:00', '2026-11-09 11:04:00', '2026-11-01'),
        ('2', 'done', '2026-11-10 01:30:00', '{A}', 'access_log', 'a.log', 'x', 0, 3, map('format', 4), NULL, NULL, '2026-11-01'),
        ('3', 'done', '2026-11-11 13:00:00', '{B}', 'access_log', 'b.log', 'y', 3, 0, map(), '2026-11-11 12:00:00',
            '2026-11-11 12:02:00', NULL),
        ('4', 'begun', '2026-11-11 14:00:00', '{B}', 'access_log', 'b.log', 'y', 0, 0, map(), NULL, NULL, NULL),
        ('5', 'done', '2026-11-08 01:00:00', '{A}', 'access_log', 'a.log', 'x', 50, 0, map('format', 14), '2026-11-07 10:00:00',
            '2026-11-07 10:09:00', '2026-11-01'),
        ('6', 'done', '2026-11-11 15:00:00', 'unread.example', 'access_log', 'c.log', 'z', 0, 0, map('format', 9), NULL, NULL, NULL)
    """)
    return database


def rows(database: ClickHouse, query: tuple[str, int | str], *period: str, **chosen: Any) -> list[tuple[Any, ...]]:
    """The rows of a query, by default for both portals and the three days."""
    first, last = period or (FIRST, LAST)
    sql = expand(query, first, last, chosen.pop('domains', (A, B)), **chosen)
    return [tuple(row.values()) for row in database.query(sql)]


# form


def test_queries_name_no_database_and_read_public_views_and_tables_only() -> None:
    assert queries().keys() == ALL_COLUMNS.keys()
    public = {change.name for change in schema.views()} | TABLES
    for query, sql in queries().items():
        sources = set(re.findall(r'\b(?:FROM|(?<!ARRAY )JOIN)\s+([\w.]+)', sql))
        assert sources
        assert sources <= public, query
        assert not re.search(r'\bFORMAT\b', sql), 'the plugin adds its own'


@pytest.mark.slow
def test_queries_return_the_columns_that_their_panels_need(catalogue: ClickHouse) -> None:
    catalogue.command("ALTER TABLE calls UPDATE duration_ms = 40 WHERE dataset_id = 'trees' SETTINGS mutations_sync = 1")
    for query, columns in ALL_COLUMNS.items():
        sql = expand(query, FIRST, LAST, (A, B))
        described = catalogue.query(f'DESCRIBE ({sql})')
        assert [(column['name'], column['type']) for column in described] == list(columns.items()), query
        assert catalogue.query(sql), query


@pytest.mark.parametrize('query', COLUMNS)
def test_panels_name_existing_columns(query: tuple[str, int]) -> None:
    panel, columns = panels(query[0])[query[1]], COLUMNS[query].keys()
    assert {override['matcher']['options'] for override in panel['fieldConfig']['overrides']} <= columns
    named = set(re.findall(r'__(?:data\.fields|field\.labels)\.(\w+)', json.dumps(panel)))
    assert named <= columns
    assert ('time' in columns and columns != COLUMNS['calls', 3].keys()) == (panel['type'] == 'timeseries')
    target = panel['targets'][0]
    assert (target['format'], target['queryType']) == ((0, 'timeseries') if panel['type'] == 'timeseries' else (1, 'table'))
    if panel['type'] == 'table' and query != ('users', 10):
        drawn = [override['matcher']['options'] for override in panel['fieldConfig']['overrides']]
        assert drawn == list(columns), 'every column has a title'


@pytest.mark.slow
def test_the_time_zone_of_the_server_changes_nothing(portals: ClickHouse) -> None:
    for query in ALL_COLUMNS:
        sql = expand(query, FIRST, LAST, (A, B))
        assert portals.query(sql, session_timezone='America/New_York') == portals.query(sql), query


def test_an_empty_period_has_no_rows_or_one_row_of_nulls(portals: ClickHouse) -> None:
    for query in COLUMNS.keys() - {('health', 6), ('health', 8)}:
        answer = rows(portals, query, *EMPTY)
        kind = panels(query[0])[query[1]]['type']
        if kind in ('stat', 'gauge'):
            assert [row[0] for row in answer] == [None], query
            assert answer[0][1:] in ((), ('-',)), query
        elif kind == 'table':
            assert [set(row) for row in answer] == [{None}], query
        else:
            assert answer == [], query


# the Users page


def test_indicators_of_two_portals_and_their_change(portals: ClickHouse) -> None:
    assert [(row[0].day, row[1]) for row in rows(portals, ('users', 1))] == [(9, 20), (10, 0), (11, 10)]
    assert rows(portals, ('users', 2)) == [(5, '+400 %')]  # one on the 7th
    assert rows(portals, ('users', 3)) == [(6.0, '-40 %')]
    assert rows(portals, ('users', 4)) == [(80.0, '-20 points')]
    assert rows(portals, ('users', 5)) == [(pytest.approx(100 * 4 / 30), '-87 points')]
    assert rows(portals, ('users', 6)) == [('anonymous', 21), ('ada', 9)]
    assert rows(portals, ('users', 7)) == [
        ('Paris, FR', 48.86, 2.35, 20, 20, pytest.approx(20**0.5), '48.86,2.35'),
        ('SN', 14, -14, 3, 3, pytest.approx(3**0.5), '14,-14'),
        ('Tokyo, JP', 35.68, 139.69, 1, 1, 1, '35.68,139.69'),
    ]


def test_the_change_of_an_equal_value_and_of_one_without_a_previous_value(portals: ClickHouse) -> None:
    before = '2026-11-06 00:00:00', '2026-11-08 23:59:59'
    assert rows(portals, ('users', 2), *before) == [(1, '-')]
    assert rows(portals, ('users', 4), *before) == [(100.0, '-')]
    day = '2026-11-11 00:00:00', '2026-11-11 11:59:59'
    half = '2026-11-11 12:00:00', '2026-11-11 23:59:59'
    assert rows(portals, ('users', 3), *day, domains=(A,)) == [(6.0, '-')]
    assert rows(portals, ('users', 3), *half, domains=(A,)) == [(1.0, '-83 %')]
    assert rows(portals, ('users', 2), *half, domains=(A,)) == [(1, '±0 %')]
    assert rows(portals, ('users', 4), *half, domains=(A,)) == [(100.0, '+100 points')]


def test_a_period_that_ends_at_midnight_shows_nothing_of_the_next_day(portals: ClickHouse) -> None:
    for query in (('users', 1), ('users', 12), ('calls', 2), ('users', 13), ('calls', 3)):
        assert rows(portals, query, FIRST, '2026-11-12 00:00:00') == rows(portals, query), query
    assert len(rows(portals, ('users', 1))) == 3


def test_the_details_behind_the_indicators(portals: ClickHouse) -> None:
    assert rows(portals, ('users', 8)) == [
        ('FR', 20, pytest.approx(100 * 20 / 30)),
        ('-', 6, 20),
        ('SN', 3, 10),
        ('JP', 1, pytest.approx(100 / 30)),
    ]
    hours = {row[0]: {hour: calls for hour, calls in enumerate(row[1:]) if calls} for row in rows(portals, ('users', 10))}
    nothing: dict[int, int] = {}
    assert hours == {'1': {10: 20}, '2': nothing, '3': {10: 6, 12: 3, 23: 1}, **{str(day): nothing for day in range(4, 8)}}
    assert [(row[0].day, *row[1:]) for row in rows(portals, ('users', 12))] == [(9, 0, 4), (10, 0, 0), (11, 1, 1)]
    assert rows(portals, ('users', 13)) == [('anonymous', 21, 70, 2, '2026-11-11'), ('ada', 9, 30, 1, '2026-11-11')]
    assert rows(portals, ('users', 15)) == [('-', 21, 70, '-'), ('trees', 9, 30, 'trees')]
    assert rows(portals, ('users', 16)) == [('browser', 'curl', 24, 5, 'browser'), ('api_client', 'curl', 6, 1, 'api_client')]
    assert rows(portals, ('users', 16), crawlers=1)[-1] == ('crawler', '-', 5, 1, 'crawler')
    assert rows(portals, ('users', 17)) == [('200', 29, pytest.approx(100 * 29 / 30)), ('404', 1, pytest.approx(100 / 30))]


def test_an_unknown_status_or_duration_is_shown_as_unknown(portals: ClickHouse) -> None:
    insert_calls(portals, ('2026-11-10 10:00:00.000', B, 'ada', 8, 'tablet', 'browser', 'SN', '', 14.0, -14.0))
    portals.command("ALTER TABLE calls UPDATE status = NULL WHERE day = '2026-11-10' SETTINGS mutations_sync = 1")
    assert rows(portals, ('users', 17), domains=(B,)) == [('200', 3, 75), ('-', 1, 25)]
    assert rows(portals, ('calls', 1), status_code='-', domains=(B,)) == [(1,)]
    assert rows(portals, ('calls', 1), domains=(B,)) == [(4,)]
    assert [row[-3:] for row in rows(portals, ('calls', 3), status_code='-', domains=(B,))] == [('-', 1000, None)]


def test_one_portal_is_shown_alone(portals: ClickHouse) -> None:
    assert [row[1] for row in rows(portals, ('users', 1), domains=(B,))] == [0, 0, 3]
    assert rows(portals, ('users', 6), domains=(B,)) == [('ada', 3)]
    assert rows(portals, ('users', 13), domains=(B,)) == [('ada', 3, 100, 1, '2026-11-11')]
    assert [row[0] for row in rows(portals, ('users', 'domain'))] == [A, B, 'unread.example']


def test_crawlers_are_counted_if_chosen(portals: ClickHouse) -> None:
    assert [row[1] for row in rows(portals, ('users', 1), crawlers=1)] == [25, 0, 10]
    assert rows(portals, ('users', 2), crawlers=1) == [(6, '+500 %')]


# events


def titles(database: ClickHouse, *domains: str, **chosen: Any) -> list[str]:
    return [row[2] for row in rows(database, ('users', 'Events'), domains=domains, **chosen)]


def test_events_of_one_portal_are_not_drawn_on_another(portals: ClickHouse) -> None:
    assert titles(portals, A, B) == ['everywhere', 'at a', 'at b']
    assert titles(portals, A) == ['everywhere', 'at a']
    assert titles(portals, B) == ['everywhere', 'at b']
    assert titles(portals) == ['everywhere']  # no portal has calls yet
    [_, event] = rows(portals, ('users', 'Events'), domains=(B,))
    assert (event[0].day, event[1].day, event[4]) == (10, 20, ['dataset', 'new'])


def test_a_french_page_translates_the_events_that_the_program_wrote(portals: ClickHouse) -> None:
    first, second = ({'start': moment, 'end': moment} for moment in ('2026-11-09 12:00:00', '2026-11-09 13:00:00'))
    event = {'title': 'Rules', 'text': 'What changed', 'tags': ['rules']}
    events = [event | first | {'id': event_id(VERSION)}, event | second | {'id': '5', 'title': 'Our own'}]
    portals.insert_rows('events', events, token='rules')
    english = rows(portals, ('users', 'Events'), domains=(A,))
    french = rows(portals, ('users', 'Événements'), domains=(A,), language='fr')
    assert [row[2:4] for row in english] == [
        ('everywhere', 'it overlaps'),
        ('Rules', 'What changed'),
        ('Our own', 'What changed'),
        ('at a', ''),
    ]
    translated = tuple(CHANGES[VERSION]['fr'])
    assert [row[3:] for row in french] == [translated if row[2:4] == ('Rules', 'What changed') else row[2:4] for row in english]
    assert [row[2] for row in french] == [row[4] for row in english]  # the tags


def test_events_are_chosen_by_tag(portals: ClickHouse) -> None:
    assert [row[0] for row in rows(portals, ('users', 'tag'))] == ['dataset', 'new', 'outage']
    assert [row[0] for row in rows(portals, ('users', 'tag'), domains=(A,))] == ['outage']
    assert titles(portals, A, B, tag=('outage',)) == ['everywhere']
    assert titles(portals, A, B, tag=('new', 'outage')) == ['everywhere', 'at b']


# data sets


def test_data_sets(portals: ClickHouse) -> None:
    assert rows(portals, ('datasets', 6)) == [
        ('-', '-', 21, 0, 0, 21, 4, 0, 1, pytest.approx(100 / 21), 21_000, '-'),
        ('trees', '-', 9, 2, 0, 0, 1, 9, 0, 0, 9_000, 'trees'),
    ]
    assert [row[0] for row in rows(portals, ('datasets', 6), dataset=('trees',))] == ['trees']
    assert [rows(portals, ('datasets', number)) for number in (1, 2, 3, 4)] == [
        [(1, '-')],
        [(9, '-')],
        [(0, '-')],
        [(9_000, '-')],
    ]
    assert rows(portals, ('datasets', 1), dataset=('rent',)) == [(None, '-')]
    for number, last in ((5, 9), (7, 1), (8, 0), (9, 9_000)):
        days = [(row[0].day, row[1], row[3]) for row in rows(portals, ('datasets', number))]
        assert days == [(9, 'trees', 0), (10, 'trees', 0), (11, 'trees', last)]
    assert rows(portals, ('datasets', 5), dataset=('rent',)) == []
    assert rows(portals, ('datasets', 'dataset')) == [('-', '-'), ('trees', 'trees')]


def test_kinds_of_access_and_response_times(portals: ClickHouse) -> None:
    days = [(row[0].day, *row[1:]) for row in rows(portals, ('datasets', 10))]
    assert [day[0] for day in days] == [9, 11]
    assert [sum(numbers) for numbers in zip(*(day[1:] for day in days), strict=True)] == [0, 9, 21, 0, 0, 0, 0]
    assert rows(portals, ('datasets', 11)) == []  # no response times
    portals.command("ALTER TABLE calls UPDATE duration_ms = 40 WHERE dataset_id = 'trees' SETTINGS mutations_sync = 1")
    [(time, *names, milliseconds)] = rows(portals, ('datasets', 11))
    assert (time.day, names, milliseconds) == (11, ['trees', 'trees'], pytest.approx(40, rel=0.01))
    assert rows(portals, ('datasets', 11), dataset=('rent',)) == []


TREES, FOUNTAINS = 'O\'Brien\'s "trees" \\ ${domain} %', 'Fountains'
TOWN, REGION = "the town's `gardens`", 'Region'


@pytest.fixture
def catalogue(portals: ClickHouse) -> ClickHouse:
    """The portals with a catalogue of A: of its data sets one is requested under three names, one by crawlers only, one never."""
    insert_calls(
        portals, *[(f'2026-11-10 09:{n:02}:00.000', A, 'ada', n, 'desktop', 'browser', '', '', 0.0, 0.0) for n in range(4)]
    )
    day = f"domain = '{A}' AND day = '2026-11-10'"
    for minute, change in enumerate(
        (
            "dataset_id = 'old-trees'",
            "dataset_id = '', path = '/files/trees.csv'",
            "dataset_id = 'fountains'",
            "dataset_id = 'lost'",
        )
    ):
        where = f'{day} AND toMinute(timestamp) = {minute}'
        portals.command(f'ALTER TABLE calls UPDATE {change} WHERE {where} SETTINGS mutations_sync = 1')
    stored = Names('test')
    for dataset in (
        Dataset('trees', ('old-trees', '/files/trees.csv'), TREES, TOWN, 'Nature', date(2020, 1, 1)),
        Dataset('fountains', (), FOUNTAINS, REGION, '', date(2026, 9, 1)),
        Dataset('unused', (), FOUNTAINS, '', '', None),
    ):
        stored.add(dataset)
    storage.replace(portals, A, 'test', stored.resolve(), 3)
    return portals


def test_titles_publishers_and_all_names_of_data_sets(catalogue: ClickHouse) -> None:
    by_id = {row[-1]: row for row in rows(catalogue, ('datasets', 6), domains=(A,))}
    assert {name: row[:3] for name, row in by_id.items()} == {
        '-': ('-', '-', 21),
        'trees': (TREES, TOWN, 8),
        'fountains': (FOUNTAINS, REGION, 1),
        'lost': ('lost', '-', 1),
    }
    assert rows(catalogue, ('datasets', 'publisher'), domains=(A,)) == [('-',), (REGION,), (TOWN,)]
    assert rows(catalogue, ('datasets', 'publisher'), domains=(B,)) == []
    assert rows(catalogue, ('datasets', 'dataset'), domains=(A,)) == [
        ('-', '-'),
        ('trees', TREES),
        ('fountains', f'{FOUNTAINS} (fountains)'),
        ('lost', 'lost'),
        ('unused', f'{FOUNTAINS} (unused)'),
    ]
    assert [row[:3] for row in rows(catalogue, ('datasets', 16), domains=(A,))] == [('-', 1, 22), (TOWN, 1, 8), (REGION, 1, 1)]
    assert rows(catalogue, ('datasets', 18), domains=(A,)) == [(FOUNTAINS, '-', '-', 'unused')]
    assert rows(catalogue, ('datasets', 15), domains=(A,)) == [(1, '-67 %')]
    assert [row[:4] for row in rows(catalogue, ('datasets', 17), domains=(A,))] == [(FOUNTAINS, '2026-09-01', REGION, 1)]
    assert (TREES, 8, 'trees') in [(*row[:2], row[3]) for row in rows(catalogue, ('users', 15), domains=(A,))]


def test_months_are_whole_and_at_least_twelve(catalogue: ClickHouse) -> None:
    insert_calls(
        catalogue,
        *[
            (f'{day} 10:00:00.000', A, 'ada', 9, 'desktop', 'browser', '', '', 0.0, 0.0)
            for day in ('2025-11-30', '2025-12-01', '2026-10-31')
        ],
    )
    last_year = [('2025-12', 0, 1, 0), ('2026-10', 0, 1, 0), ('2026-11', 0, 4, 0)]
    assert rows(catalogue, ('datasets', 19), domains=(A,)) == last_year
    assert rows(catalogue, ('datasets', 19), '2025-11-30 23:00:00', LAST, domains=(A,)) == [('2025-11', 0, 1, 0), *last_year]
    newest = rows(catalogue, ('datasets', 20), domains=(A,))
    assert [row[:3] for row in newest if row[1] == TREES] == [('2026-11', TREES, 8), ('2026-10', TREES, 1), ('2025-12', TREES, 1)]


@pytest.mark.slow
@pytest.mark.parametrize('publisher', [TOWN, REGION, '-'])
def test_a_publisher_filters_every_panel_of_the_page(catalogue: ClickHouse, publisher: str) -> None:
    ids = {TOWN: {'trees'}, REGION: {'fountains'}, '-': {'-', 'lost', 'unused'}}[publisher]
    shown: dict[str, Any] = {'domains': (A,), 'publisher': (publisher,)}
    calls = sum(row[2] for row in rows(catalogue, ('datasets', 6), domains=(A,)) if row[-1] in ids)
    for number in panels('datasets'):
        answer = catalogue.query(expand(('datasets', number), FIRST, LAST, **shown))
        assert {row['identifier'] for row in answer if row.get('identifier')} <= ids, number
        assert {row['publisher'] for row in answer if row.get('publisher')} <= {publisher}, number
    assert sum(sum(row[1:]) for row in rows(catalogue, ('datasets', 10), **shown)) == calls
    assert rows(catalogue, ('calls', 1), **shown) == [(calls,)]
    assert {row[0] for row in rows(catalogue, ('datasets', 'dataset'), **shown)} == ids
    for identifier in ids - {'unused'}:
        [row] = [row for row in rows(catalogue, ('datasets', 6), **shown) if row[-1] == identifier]
        assert rows(catalogue, ('calls', 1), **shown, dataset=(identifier,)) == [(row[2],)]


@pytest.mark.slow
def test_the_setting_join_use_nulls_changes_nothing(catalogue: ClickHouse) -> None:
    for query in ALL_COLUMNS:
        sql = expand(query, FIRST, LAST, (A, B))
        assert catalogue.query(sql, join_use_nulls=1) == catalogue.query(sql), query


# health


def test_lines_by_outcome_and_rejects_by_reason(portals: ClickHouse) -> None:
    assert rows(portals, ('health', 1)) == [(28, '-44 %')]  # 50 in the three days before
    assert rows(portals, ('health', 2)) == [(7, '-50 %')]
    assert [(row[0].day, row[0].hour, *row[1:]) for row in rows(portals, ('health', 5))] == [
        (10, 1, 25, 10, 7),
        (11, 13, 3, 0, 0),
    ]
    assert [row[1:] for row in rows(portals, ('health', 3))] == [('format', 6), ('status', 1)]
    [by_format, by_status] = rows(portals, ('health', 7))
    assert by_format[:3] == ('format', 6, pytest.approx(100 * 6 / 45))
    assert by_format[3].minute == 30
    assert by_status[:2] == ('status', 1)
    assert rows(portals, ('health', 7), domains=(B,))[0][0] is None


def test_delays_newest_call_and_unfinished_imports(portals: ClickHouse) -> None:
    late = [(row[0].day, *row[1:]) for row in rows(portals, ('health', 4))]
    assert late == [(10, 15 * 3600 + 10, 13 * 3600 + 56 * 60 + 10), (11, 3600, 58 * 60)]
    [(newest,)] = rows(portals, ('health', 6))
    assert datetime.fromtimestamp(newest / 1000, UTC) == datetime(2026, 11, 11, 12, 2, tzinfo=UTC)
    assert rows(portals, ('health', 8)) == [(1,)]
    assert rows(portals, ('health', 8), domains=(A,)) == [(0,)]


def test_imports_and_their_geolocation_data(portals: ClickHouse) -> None:
    assert [row[:2] for row in rows(portals, ('health', 9))] == [('2026-11-01', 25), ('-', 3)]
    newest, oldest = rows(portals, ('health', 10))
    assert (newest[1], newest[3:7], newest[9]) == (B, ('b.log', 3, 0, 0), None)
    assert (oldest[1], oldest[3:7], oldest[9]) == (A, ('a.log', 25, 10, 7), '2026-11-01')
    [unread] = rows(portals, ('health', 10), domains=('unread.example',))
    assert unread[4:7] == (0, 0, 9)


# single calls


def matching_calls(database: ClickHouse, url: str, row: dict[str, Any], period: tuple[str, str], **chosen: Any) -> int:
    """How many calls the page shows that a link of this row opens."""
    columns_of_variables = dict(
        re.findall(r'&var-(\w+)=\$\{__(?:data\.fields|field\.labels)\.(\w+):percentencode}', unquote(url))
    )
    values = {
        name: (row[column],) if name in ('dataset', 'publisher') else row[column] for name, column in columns_of_variables.items()
    }
    [(number,)] = rows(database, ('calls', 1), *period, **chosen, **values)
    return int(number)


@pytest.mark.slow
@pytest.mark.parametrize(
    'query', [query for query in COLUMNS if links(panels(query[0])[query[1]]) and query[1] not in (7, 8, 9, 11)]
)
@pytest.mark.parametrize('crawlers', [0, 1])
def test_a_link_opens_as_many_calls_as_its_row_counts(catalogue: ClickHouse, query: tuple[str, int], crawlers: int) -> None:
    [url] = links(panels(query[0])[query[1]])
    if query == ('datasets', 5):
        days = catalogue.query(expand(query, FIRST, LAST, (A, B), crawlers=crawlers))
        series = {row['identifier'] for row in days}
        linked_rows = [
            {'identifier': name, 'calls': sum(row['calls'] for row in days if row['identifier'] == name)} for name in series
        ]
    else:
        linked_rows = catalogue.query(expand(query, FIRST, LAST, (A, B), crawlers=crawlers))
    assert linked_rows
    for row in linked_rows:
        assert matching_calls(catalogue, url, row, (FIRST, LAST), crawlers=crawlers) == row['calls']


def test_the_calls_page_shows_single_calls(portals: ClickHouse) -> None:
    assert rows(portals, ('calls', 1)) == [(30,)]
    assert [(row[0].day, row[1]) for row in rows(portals, ('calls', 2), user='ada')] == [(9, 0), (10, 0), (11, 9)]
    newest, *others = rows(portals, ('calls', 3))
    assert len(others) == 29
    assert newest[0].isoformat() == '2026-11-11T23:59:59.900000'
    assert newest[1:] == (*(A, 'anonymous', '3', 'browser', 'curl', 'phone', 'Tokyo, JP', '', '', '-', '404', 1000, None),)
    assert rows(portals, ('calls', 1), user="o'brien") == [(None,)]


# the map


@pytest.mark.slow
def test_circles_do_not_overlap_and_lose_no_call(database: ClickHouse) -> None:
    spots = [(n, round(-50 + 7.3 * n % 117, 2), round(-120 + 23.9 * n % 260, 2)) for n in range(1, 61)]
    insert_calls(
        database,
        *[
            (f'2026-11-10 {n % 24:02}:00:00.000', A, '', call, 'desktop', 'browser', 'XX', f'place {n}', north, east)
            for n, north, east in spots
            for call in range(n)
        ],
    )

    def height(latitude: float) -> float:
        return degrees(asinh(tan(radians(latitude))))

    [url] = links(panels('users')[7])
    norths, easts = [height(north) for _, north, _ in spots], [east for _, _, east in spots]
    shown = max(max(easts) - min(easts), 2.8 * (max(norths) - min(norths)))
    circles = {}
    for cut in (12, 96):
        circles[cut] = database.query(expand(('users', 7), FIRST, LAST, (A,), circles=cut))
        points = [(row['longitude'], height(row['latitude'])) for row in circles[cut]]
        nearest = min(hypot(x - u, y - v) for i, (x, y) in enumerate(points) for u, v in points[:i])
        assert nearest >= shown / cut
        assert sum(row['calls'] for row in circles[cut]) == sum(n for n, _, _ in spots)
        assert [row['calls'] for row in circles[cut]] == sorted((row['calls'] for row in circles[cut]), reverse=True)
        assert {row['longitude'] for row in circles[cut]} <= set(easts)
        for row in circles[cut]:
            assert matching_calls(database, url, row, (FIRST, LAST), domains=(A,), circles=cut) == row['calls']
    assert len(circles[12]) < len(circles[96]) <= len(spots)
    joined = sum(int(row['place'].partition(' + ')[2] or 0) for row in circles[12])
    assert len(circles[12]) + joined == len(spots)


# the report


@pytest.mark.slow
def test_every_number_equals_that_of_the_report(settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    settings.setenv('USAGE_TIMEZONE', TIMEZONE)
    assert CliRunner().invoke(main, ['demo']).exit_code == 0
    [(portal, last)] = [tuple(row.values()) for row in database.query('SELECT domain, last_day FROM domains')]
    start, end = last - timedelta(days=13), last
    days = ['--domain', portal, '--from', f'{start}', '--to', f'{end}', '--format', 'json']
    report = json.loads(CliRunner().invoke(main, ['report', *days]).stdout)

    def midnight(day: date) -> datetime:
        text = f"SELECT toDateTime('{day} 00:00:00', '{TIMEZONE}')::DateTime('UTC') AS moment"
        moment: datetime = database.query(text)[0]['moment']
        return moment

    period = f'{midnight(start):%F %T}', f'{midnight(end + timedelta(days=1)) - timedelta(seconds=1):%F %T}'

    def panel(number: int, page: str = 'users', **chosen: Any) -> list[tuple[Any, ...]]:
        return rows(database, (page, number), *period, domains=(portal,), **chosen)

    activity = panel(1)
    assert [(f'{start + timedelta(days=at)}', row[1]) for at, row in enumerate(activity)] == [
        (row['day'], row['calls']) for row in report['activity']
    ]
    assert [row[0] for row in activity] == [midnight(start + timedelta(days=at)) for at in range(14)]
    names = ('total_users', 'calls_per_user', 'anonymous_users_percent', 'mobile_users_percent')
    assert [panel(number)[0][0] for number in (2, 3, 4, 5)] == [report[name] for name in names]
    assert panel(6) == [(row['user'], row['calls']) for row in report['top_users']]
    places = {
        (f'{row["city"]}, {row["country"]}' if row['city'] else row['country'], row['latitude'], row['longitude']): row['calls']
        for row in report['map']
    }
    assert {row[:3]: row[3] for row in panel(7, circles=10**6)} == places
    assert dict(row[:2] for row in panel(8)).get('-', 0) == report['unlocated_calls']
    assert sum(row[1] for row in panel(1, crawlers=1)) - report['calls'] == report['crawler_calls']
    # the details add up to the indicators
    for number, column in ((8, 1), (13, 1), (15, 1), (16, 2), (17, 1)):
        assert sum(row[column] for row in panel(number)) == report['calls'], number
    assert sum(sum(row[1:]) for row in panel(10)) == report['calls']
    assert panel(13)[: len(report['top_users'])] == [
        (row['user'], row['calls'], *panel(13)[at][2:]) for at, row in enumerate(report['top_users'])
    ]
    assert panel(1, 'calls') == [(report['calls'],)]
    assert sum(row[1] for row in panel(2, 'calls')) == report['calls']
    assert sum(row[2] for row in panel(6, 'datasets')) == report['calls']
    assert sum(row[2] for row in panel(16, 'datasets')) == report['calls']
