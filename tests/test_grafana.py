"""The dashboards: one source, two languages, and queries that give Grafana what it needs."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from math import asinh, degrees, hypot, radians, tan
from pathlib import Path
from typing import Any

import pytest

from exporter.clickhouse import ClickHouse

ROOT = Path(__file__).parent.parent
DASHBOARDS = ROOT / 'grafana' / 'dashboards'
PAGES = {language: json.loads((DASHBOARDS / language / 'users.json').read_text()) for language in ('en', 'fr')}
PANELS = {panel['title']: panel for panel in PAGES['en']['panels']}
PUBLIC = {
    'activity',
    'total_users',
    'calls_per_user',
    'anonymous_users',
    'mobile_users',
    'top_users',
    'map_of_calls',
    'summary',
    'domains',
    'events',
}

A, B = 'data.a.example', 'data.b.example'
FIRST, LAST = '2026-11-09 00:00:00', '2026-11-11 23:59:59'  # three days, as Grafana ends a period with a day


def test_what_is_committed_is_what_the_source_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / 'grafana' / 'build.py', tmp_path], check=True)
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob('*.json')}
    committed = {file.relative_to(DASHBOARDS): file.read_bytes() for file in DASHBOARDS.rglob('*.json')}
    assert made == committed


# languages


def leaves(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every text, number and null of a page, by its path; the properties of an override by their names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, *path, key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, dict) and set(inner) == {'id', 'value'}:
                yield from leaves(inner['value'], *path, inner['id'])
            else:
                yield from leaves(inner, *path, str(index))
    else:
        yield path, value


READ = {'title', 'description', 'label', 'noValue', 'axisLabel', 'displayName', 'text'}  # keys of what readers see


def test_both_languages_are_one_page_and_every_text_is_translated() -> None:
    english, french = (dict(leaves(PAGES[language])) for language in ('en', 'fr'))
    assert english.keys() == french.keys()
    differing = {path for path in english if english[path] != french[path]}
    texts = {path for path, value in english.items() if path[-1] in READ and value != 'Usage'}  # a proper name
    choices = {('templating', 'list', str(index), 'query') for index in (2, 3)}
    names = {('uid',), ('tags', '1'), ('links', '0', 'url'), ('annotations', 'list', '0', 'name')}
    assert differing == texts | choices | names
    assert all(french[path].strip() for path in texts)


def test_the_seven_indicators_are_called_what_the_original_page_calls_them() -> None:
    assert [panel['title'] for panel in PAGES['en']['panels']] == [
        'Activity',
        'Total users',
        'API calls per user',
        'Anonymous users',
        'Mobile users',
        'Top 5 users',
        'Map of API calls',
    ]
    assert [panel['title'] for panel in PAGES['fr']['panels']] == [
        'Activité',
        "Nombre total d'utilisateurs",
        'Appels API par utilisateur',
        'Utilisateurs anonymes',
        'Utilisateurs mobiles',
        'Top 5 utilisateurs',
        'Carte des appels API',
    ]


def test_each_page_leads_to_the_other_language_with_its_period_and_choices() -> None:
    for language, other in (('en', 'fr'), ('fr', 'en')):
        [link] = PAGES[language]['links']
        assert link['url'] == f'/d/{PAGES[other]["uid"]}'
        assert link['keepTime']
        assert link['includeVars']


# the page


def test_the_default_period_is_the_last_14_days() -> None:
    assert PAGES['en']['time'] == {'from': 'now-13d/d', 'to': 'now'}


def test_panels_fill_the_page_without_overlapping() -> None:
    cells = [
        (x, y)
        for panel in PANELS.values()
        for place in [panel['gridPos']]
        for x in range(place['x'], place['x'] + place['w'])
        for y in range(place['y'], place['y'] + place['h'])
    ]
    assert len(cells) == len(set(cells))
    height = max(y for _, y in cells) + 1
    assert set(cells) == {(x, y) for x in range(24) for y in range(height)}
    assert height <= 20, 'a laptop shows some 20 rows'


@pytest.mark.parametrize('language', ['en', 'fr'])
def test_every_panel_says_how_it_is_computed_and_what_it_leaves_out(language: str) -> None:
    computed, left_out = {'en': ('Computed: ', 'Left out: '), 'fr': ('Calcul : ', 'Exclus : ')}[language]
    for panel in PAGES[language]['panels']:
        _, second, third = panel['description'].split('\n\n')
        assert second.startswith(computed)
        assert third.startswith(left_out)


@pytest.mark.parametrize('title', PANELS)
def test_no_number_is_painted_as_good_or_bad_and_an_empty_panel_says_so(title: str) -> None:
    defaults = PANELS[title]['fieldConfig']['defaults']
    assert [step['value'] for step in defaults['thresholds']['steps']] == [None]
    assert defaults['color']['mode'] == 'fixed'
    assert defaults['noValue'] == 'No calls in this period'


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize('background', ['#ffffff', '#181b1f'])  # of Grafana's panels, light and dark
def test_colors_stand_out_from_light_and_dark(background: str) -> None:
    for panel in PANELS.values():
        assert contrast(panel['fieldConfig']['defaults']['color']['fixedColor'], background) >= 3


def test_the_map_needs_no_internet_and_its_numbers_can_be_read() -> None:
    options = PANELS['Map of API calls']['options']
    circles, counts = (layer['config']['style'] for layer in options['layers'])
    assert options['basemap']['config']['src'] == 'public/maps/countries.geojson'
    assert 'http' not in json.dumps(options)
    assert contrast(circles['color']['fixed'], counts['color']['fixed']) >= 4.5


def test_every_query_goes_to_the_chosen_data_source_which_is_the_provisioned_one_at_first() -> None:
    chosen = {'type': 'grafana-clickhouse-datasource', 'uid': '${datasource}'}
    source, *variables = PAGES['en']['templating']['list']
    assert (source['type'], source['query'], source['current']['value']) == (
        'datasource',
        'grafana-clickhouse-datasource',
        'usage-clickhouse',
    )
    assert [variable.get('datasource', chosen) for variable in variables] == [chosen] * len(variables)
    assert [panel['datasource'] for panel in PANELS.values()] == [chosen] * len(PANELS)
    assert [target['datasource'] for panel in PANELS.values() for target in panel['targets']] == [chosen] * len(PANELS)
    assert PAGES['en']['annotations']['list'][0]['target']['datasource'] == chosen


# the queries


def queries() -> dict[str, str]:
    """The SQL of panels, variables and annotations; a test above holds it the same in both languages."""
    page = PAGES['en']
    return (
        {panel['title']: panel['targets'][0]['rawSql'] for panel in page['panels']}
        | {one['label']: one['query']['rawSql'] for one in page['templating']['list'] if one['type'] == 'query'}
        | {one['name']: one['target']['rawSql'] for one in page['annotations']['list']}
    )


COLUMNS = {
    'Activity': {'time': "DateTime('UTC')", 'calls': 'UInt64'},
    'Total users': {'users': 'Nullable(UInt64)'},
    'API calls per user': {'calls_per_user': 'Nullable(Float64)'},
    'Anonymous users': {'anonymous_users_percent': 'Nullable(Float64)'},
    'Mobile users': {'mobile_users_percent': 'Nullable(Float64)'},
    'Top 5 users': {'user': 'String', 'calls': 'UInt64'},
    'Map of API calls': {
        'place': 'String',
        'latitude': 'Float64',
        'longitude': 'Float64',
        'calls': 'UInt64',
        'label': 'UInt64',
        'size': 'Float64',
    },
    'Portal': {'domain': 'LowCardinality(String)'},
    'Events': {
        'time': "DateTime('UTC')",
        'timeEnd': "DateTime('UTC')",
        'title': 'String',
        'text': 'String',
        'tags': 'Array(String)',
    },
}


def expanded(
    name: str, first: str = FIRST, last: str = LAST, domains: tuple[str, ...] = (), crawlers: int = 0, circles: int = 14
) -> str:
    """A query as the server gets it: with Grafana's variables and the plugin's macros put in."""

    def quoted(*values: object) -> str:
        return ','.join("'" + str(value).replace("'", "\\'") + "'" for value in values)

    def moment(text: str) -> str:
        return f'toDateTime({int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())})'

    sql = queries()[name]
    for written, value in {
        '${domain:singlequote}': quoted(*domains),
        '${crawlers:singlequote}': quoted(crawlers),
        '${circles:singlequote}': quoted(circles),
        '$__fromTime': moment(first),
        '$__toTime': moment(last),
    }.items():
        sql = sql.replace(written, value)
    assert '$' not in sql
    return sql


def insert_calls(database: ClickHouse, *calls: tuple[str, str, str, int, str, str, str, str, float, float]) -> None:
    """Stores calls: timestamp (UTC), domain, account, visitor, device, client, country, city, latitude, longitude."""
    rows = ', '.join(
        f"('{call[0]}', 'UTC', toDate('{call[0][:10]}'), toStartOfHour(toDateTime('{call[0][:19]}', 'UTC')), "
        + ', '.join(repr(value) for value in call[1:])
        + ')'
        for call in calls
    )
    columns = 'timestamp, timezone, day, hour, domain, user_id, visitor, device, client, country, city, latitude, longitude'
    database.command(f'INSERT INTO calls ({columns}) VALUES {rows}')


@pytest.fixture
def portals(database: ClickHouse) -> ClickHouse:
    """Two portals with calls on 9 and 11 November 2026, a crawler's among them, and four events."""
    paris, nowhere = ('FR', 'Paris', 48.86, 2.35), ('', '', 0.0, 0.0)
    insert_calls(
        database,
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
    return database


def test_queries_name_no_database_and_read_public_views_and_tables_only() -> None:
    assert queries().keys() == COLUMNS.keys()
    for sql in queries().values():
        sources = set(re.findall(r'\b(?:FROM|(?<!ARRAY )JOIN)\s+([\w.]+)', sql))
        assert sources
        assert sources <= PUBLIC
        assert not re.search(r'\bFORMAT\b', sql), 'the plugin adds its own'


def test_queries_give_the_columns_that_their_panels_need(portals: ClickHouse) -> None:
    for name, columns in COLUMNS.items():
        described = portals.query(f'DESCRIBE ({expanded(name)})')
        assert [(column['name'], column['type']) for column in described] == list(columns.items())
        assert portals.query(expanded(name))


def test_numbers_of_all_portals(portals: ClickHouse) -> None:
    activity = [(row['time'].day, row['calls']) for row in portals.query(expanded('Activity'))]
    assert activity == [(9, 20), (10, 0), (11, 10)]  # the last second of the 11th is in, the 12th is not
    assert portals.query(expanded('Total users')) == [{'users': 5}]
    assert portals.query(expanded('API calls per user')) == [{'calls_per_user': 6.0}]
    assert portals.query(expanded('Anonymous users')) == [{'anonymous_users_percent': 80.0}]
    assert portals.query(expanded('Mobile users')) == [{'mobile_users_percent': pytest.approx(100 * 4 / 30)}]
    assert portals.query(expanded('Top 5 users')) == [{'user': 'anonymous', 'calls': 21}, {'user': 'ada', 'calls': 9}]
    places = [(row['place'], row['calls'], row['label']) for row in portals.query(expanded('Map of API calls'))]
    assert places == [('Paris, FR', 20, 20), ('SN', 3, 3), ('Tokyo, JP', 1, 1)]
    assert [row['domain'] for row in portals.query(expanded('Portal'))] == [A, B]


def test_a_period_that_ends_at_midnight_shows_nothing_of_the_day_that_begins(portals: ClickHouse) -> None:
    days = portals.query(expanded('Activity', FIRST, '2026-11-12 00:00:00'))
    assert days == portals.query(expanded('Activity', FIRST, '2026-11-11 23:59:59'))
    assert len(days) == 3


def test_a_portal_is_shown_by_itself(portals: ClickHouse) -> None:
    assert [row['calls'] for row in portals.query(expanded('Activity', domains=(B,)))] == [0, 0, 3]
    assert portals.query(expanded('Top 5 users', domains=(B,))) == [{'user': 'ada', 'calls': 3}]
    both = portals.query(expanded('Map of API calls', domains=(A, B)))
    assert both == portals.query(expanded('Map of API calls'))


def test_crawlers_are_counted_where_that_is_chosen(portals: ClickHouse) -> None:
    assert [row['calls'] for row in portals.query(expanded('Activity', crawlers=1))] == [25, 0, 10]
    assert portals.query(expanded('Total users', crawlers=1)) == [{'users': 6}]


def test_events_of_a_portal_are_not_drawn_on_another(portals: ClickHouse) -> None:
    def titles(*domains: str) -> list[str]:
        return [row['title'] for row in portals.query(expanded('Events', domains=domains))]

    assert titles(A, B) == ['everywhere', 'at a', 'at b']
    assert titles(A) == ['everywhere', 'at a']
    assert titles(B) == ['everywhere', 'at b']
    assert titles() == ['everywhere']  # no portal has calls yet
    [_, event] = portals.query(expanded('Events', domains=(B,)))
    assert (event['time'].day, event['timeEnd'].day, event['tags']) == (10, 20, ['dataset', 'new'])


def test_an_empty_period_has_no_rows_or_no_value(portals: ClickHouse) -> None:
    first, last = '2025-01-01 00:00:00', '2025-01-14 23:59:59'
    for name in ('Activity', 'Top 5 users', 'Map of API calls', 'Events'):
        assert portals.query(expanded(name, first, last)) == []
    for name in ('Total users', 'API calls per user', 'Anonymous users', 'Mobile users'):
        [row] = portals.query(expanded(name, first, last))
        assert list(row.values()) == [None]


def test_the_time_zone_of_the_server_changes_nothing(portals: ClickHouse) -> None:
    for sql in (expanded(name, domains=(A, B)) for name in COLUMNS):
        assert portals.query(sql, session_timezone='America/New_York') == portals.query(sql)


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

    norths, easts = [height(north) for _, north, _ in spots], [east for _, _, east in spots]
    shown = max(max(easts) - min(easts), 2.8 * (max(norths) - min(norths)))
    found = {}
    for cut in (14, 112):
        found[cut] = database.query(expanded('Map of API calls', circles=cut))
        points = [(row['longitude'], height(row['latitude'])) for row in found[cut]]
        nearest = min(hypot(x - u, y - v) for i, (x, y) in enumerate(points) for u, v in points[:i])
        assert nearest >= shown / cut
        assert sum(row['calls'] for row in found[cut]) == sum(n for n, _, _ in spots)
        assert [row['calls'] for row in found[cut]] == sorted((row['calls'] for row in found[cut]), reverse=True)
        assert {row['longitude'] for row in found[cut]} <= set(easts)
    assert len(found[14]) < len(found[112]) <= len(spots)
    joined = sum(int(row['place'].partition(' + ')[2] or 0) for row in found[14])
    assert len(found[14]) + joined == len(spots)
