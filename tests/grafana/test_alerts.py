"""The alerts: Grafana accepts the file, and each rule fires on the data that it should fire on, and on no other."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from files import ROOT
from test_docs import anchors

from exporter.store.clickhouse import ClickHouse, Row

FILE = ROOT / 'provisioning' / 'alerting' / 'usage.yaml'
PROVISIONED = yaml.safe_load(FILE.read_text())
GROUP: dict[str, Any] = PROVISIONED['groups'][0]
RULES: dict[str, dict[str, Any]] = {rule['title']: rule for rule in GROUP['rules']}
ZONE = 'Europe/Paris'
NOW = datetime(2026, 11, 18, 10, 37, tzinfo=UTC)  # a Wednesday; clocks were changed between the third and the fourth week before
MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


# what Grafana accepts


def test_the_source_writes_the_committed_file(tmp_path: Path) -> None:
    subprocess.run([sys.executable, '-m', 'grafana.build', tmp_path], cwd=ROOT, check=True)
    assert (tmp_path / FILE.relative_to(ROOT)).read_bytes() == FILE.read_bytes(), 'run: make dashboards'


def test_the_file_has_no_contact_points_and_no_policies() -> None:
    assert PROVISIONED.keys() == {'apiVersion', 'groups'}
    assert not any('notification_settings' in rule for rule in RULES.values())


def test_every_rule_is_paused_and_has_its_own_uid_and_title() -> None:
    assert all(rule['isPaused'] is True for rule in RULES.values())
    assert len(RULES) == len(GROUP['rules']) == len({rule['uid'] for rule in RULES.values()}) == 7
    assert all(re.fullmatch(r'[\w-]{1,40}', rule['uid']) for rule in RULES.values())


def test_grafana_starts_with_the_group() -> None:
    [group] = PROVISIONED['groups']
    number, unit = re.fullmatch(r'(\d+)([sm])', group['interval']).groups()  # type: ignore[union-attr]
    assert int(number) * {'s': 1, 'm': 60}[unit] % 10 == 0
    [provider] = yaml.safe_load((ROOT / 'provisioning' / 'dashboards' / 'usage.yaml').read_text())['providers']
    assert group['folder'] not in ('', provider['folder'])


@pytest.mark.parametrize('rule', RULES.values(), ids=RULES)
def test_the_parts_of_a_rule_refer_to_each_other(rule: dict[str, Any]) -> None:
    nodes = {node['refId']: node for node in rule['data']}
    assert len(nodes) == len(rule['data'])
    assert nodes[rule['condition']]['model']['type'] == 'threshold'
    assert rule['noDataState'] in ('OK', 'NoData', 'Alerting', 'KeepLast')
    assert rule['execErrState'] in ('OK', 'Error', 'Alerting', 'KeepLast')
    assert re.fullmatch(r'\d+[sm]', rule['for'])
    [source] = yaml.safe_load((ROOT / 'provisioning' / 'datasources' / 'usage.yaml').read_text())['datasources']
    for name, node in nodes.items():
        assert node['model']['refId'] == name
        assert node['datasourceUid'] in (source['uid'], '__expr__')
        if node['datasourceUid'] == '__expr__':
            assert node['model']['expression'] in nodes
        else:
            assert node['model']['datasource'] == {'type': source['type'], 'uid': source['uid']}
            assert node['model']['pluginVersion'].startswith('4.')
            assert node['model']['format'] == 1


@pytest.mark.parametrize('rule', RULES.values(), ids=RULES)
def test_a_rule_reads_public_views_and_tables_only_and_names_no_database(rule: dict[str, Any]) -> None:
    for sql in statements(rule):
        sources = set(re.findall(r'\b(?:FROM|JOIN)\s+([\w.]+)', sql))
        assert sources
        assert sources <= {'usual_activity', 'batches', 'datasets_by_month'}
        assert not re.search(r'\bFORMAT\b', sql), 'the plugin adds its own'
        assert set(re.findall(r'\$\w*', sql)) <= {'$__fromTime', '$__toTime'}


@pytest.mark.parametrize('rule', RULES.values(), ids=RULES)
def test_a_rule_links_to_its_panel_and_its_runbook(rule: dict[str, Any]) -> None:
    page, _, anchor = rule['annotations']['runbook'].partition('#')
    assert anchor in anchors(ROOT / page)
    uid, panel_id = rule['annotations']['__dashboardUid__'], rule['annotations']['__panelId__']
    pages = [json.loads(file.read_text()) for file in (ROOT / 'grafana' / 'dashboards').rglob('*.json')]
    [panel_ids] = [{str(panel['id']) for panel in page['panels']} for page in pages if page['uid'] == uid]
    assert panel_id in panel_ids


@pytest.mark.parametrize('rule', RULES.values(), ids=RULES)
def test_a_rule_without_a_value_says_so_in_words_in_both_languages(rule: dict[str, Any]) -> None:
    deciding = next(node['model']['expression'] for node in rule['data'] if node['model']['refId'] == rule['condition'])
    for name, sentence in (('summary', 'no value: the database did not'), ('summary_fr', 'aucune valeur : la base de données')):
        template = rule['annotations'][name]
        assert template.startswith(f'{{{{ if $values.{deciding} }}}}')
        assert render(template, 'a.example', {}).startswith(sentence)


@pytest.mark.parametrize('rule', RULES.values(), ids=RULES)
def test_the_sentences_of_a_rule_have_the_same_values(rule: dict[str, Any]) -> None:
    english, french = (re.findall(r'printf "\S+" \$values\.\w+', rule['annotations'][name]) for name in ('summary', 'summary_fr'))
    assert english == french != []


# when a rule fires


def statements(rule: dict[str, Any]) -> list[str]:
    return [node['model']['rawSql'] for node in rule['data'] if 'rawSql' in node['model']]


def summaries(database: ClickHouse, title: str, now: datetime = NOW) -> dict[str, str]:
    """The summaries for the portals for which a rule fires, summaries as Grafana does."""
    rule = RULES[title]
    values: dict[str, dict[str, Any]] = {}
    for node in rule['data']:
        model = node['model']
        match model:
            case {'rawSql': sql}:
                values[node['refId']] = numbers(database.query(expand(sql, node['relativeTimeRange'], now)))
            case {'type': 'reduce', 'reducer': 'last'}:
                values[node['refId']] = values[model['expression']]
            case {'type': 'threshold', 'conditions': [{'evaluator': {'type': kind, 'params': [limit]}}]}:
                beyond = {'gt': float.__gt__, 'lt': float.__lt__}[kind]
                values[node['refId']] = {key: beyond(value, float(limit)) for key, value in values[model['expression']].items()}
            case _:
                raise AssertionError(model)
    return {
        portal: render(rule['annotations']['summary'], portal, values)
        for portal, fires in values[rule['condition']].items()
        if fires
    }


def expand(sql: str, window: dict[str, int], now: datetime) -> str:
    """A query as the server receives it, with the plugin's macros replaced."""
    end = int(now.timestamp())
    return sql.replace('$__fromTime', f'toDateTime({end - window["from"]})').replace('$__toTime', f'toDateTime({end})')


def numbers(rows: list[Row]) -> dict[str, float]:
    """The number of each portal. Grafana refuses an answer with two numbers for the same labels."""
    by_portal = {}
    for row in rows:
        [number] = [value for value in row.values() if not isinstance(value, str)]
        [portal] = [value for value in row.values() if isinstance(value, str)]
        assert isinstance(number, float)
        assert number == number, 'NaN'
        assert portal not in by_portal
        by_portal[portal] = number
    return by_portal


def render(template: str, portal: str, values: dict[str, dict[str, Any]]) -> str:
    """The text of a Go template; only what our summaries use. A value that is missing is false, as in Go."""
    [(name, filled, empty)] = re.findall(r'^\{\{ if \$values\.(\w+) \}\}(.*)\{\{ else \}\}(.*)\{\{ end \}\}$', template)
    if portal not in values.get(name, {}):
        return str(empty)
    text = re.sub(r'\{\{ \$labels\.(?:domain|dataset) \}\}', lambda _: portal, filled)
    text = re.sub(r'\{\{ printf "(%\.\df)" \$values\.(\w+)\.Value \}\}', lambda match: match[1] % values[match[2]][portal], text)
    assert '{{' not in text
    return text


def add_calls(database: ClickHouse, portal: str, *hours: tuple[datetime, int], client: str = 'browser') -> None:
    """Calls spread evenly over the hour before each given time."""
    ends = [(int(end.timestamp() * 1000) - 1, calls) for end, calls in hours]
    database.command(
        f"""
        INSERT INTO calls (timestamp, domain, timezone, day, hour, client)
        SELECT fromUnixTimestamp64Milli(toInt64(end - intDiv(number * 3600000, calls)), 'UTC') AS timestamp, '{portal}', '{ZONE}',
            toDate(timestamp, '{ZONE}'), toStartOfHour(timestamp), '{client}'
        FROM (SELECT arrayJoin({ends}) AS hour_of_calls, hour_of_calls.1 AS end, hour_of_calls.2 AS calls)
        ARRAY JOIN range(calls) AS number"""
    )


def weeks_before(now: datetime) -> Iterator[datetime]:
    """The same local time of the portals, one to four weeks before."""
    local = now.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)
    for week in range(1, 5):
        yield (local - week * WEEK).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def activity(database: ClickHouse, portal: str, usual: int | list[int], now: int) -> None:
    """A portal with `usual` calls in this hour of the four weeks before, more in another hour, and `now` calls in the last hour."""
    weeks = usual if isinstance(usual, list) else [usual] * 4
    hours = [(moment, calls) for moment, calls in zip(weeks_before(NOW), weeks, strict=True)]
    others = [(moment - 3 * HOUR, 3 * calls) for moment, calls in hours]
    add_calls(database, portal, (NOW - 5 * WEEK, 1), *hours, *others, (NOW, now))


def test_activity_drops(database: ClickHouse) -> None:
    activity(database, 'fallen', 400, 60)
    activity(database, 'fallen-after-a-holiday', [400, 30, 410, 390], 60)
    activity(database, 'crawled-only', 400, 60)
    add_calls(database, 'crawled-only', (NOW, 400), client='crawler')
    assert summaries(database, 'Activity drops') == {
        'fallen': 'fallen: 60 calls in an hour; usually 400 at this hour of this weekday',
        'fallen-after-a-holiday': 'fallen-after-a-holiday: 60 calls in an hour; usually 395 at this hour of this weekday',
        'crawled-only': 'crawled-only: 60 calls in an hour; usually 400 at this hour of this weekday',
    }


def test_activity_that_is_usual_small_or_new_does_not_drop(database: ClickHouse) -> None:
    activity(database, 'a-little-less', 400, 250)
    activity(database, 'small', 40, 1)
    activity(database, 'by-chance', 60, 20)
    activity(database, 'odd', [400, 400, 60, 60], 40)
    activity(database, 'silent', 400, 0)  # another alert reports it
    add_calls(database, 'young', *[(moment, 400) for moment in [*weeks_before(NOW)][:3]], (NOW, 20))
    activity(database, 'late', 400, 0)
    # as usual in the first quarter of the hour; the later calls have not arrived
    add_calls(database, 'late', (NOW - 45 * MINUTE, 400))
    assert summaries(database, 'Activity drops') == {}


def test_activity_peaks(database: ClickHouse) -> None:
    activity(database, 'risen', 400, 1500)
    activity(database, 'risen-again', [400, 2000, 410, 390], 1500)
    activity(database, 'small', 3, 200)
    assert summaries(database, 'Activity peaks') == {
        'risen': 'risen: 1500 calls in an hour; usually 400 at this hour of this weekday',
        'risen-again': 'risen-again: 1500 calls in an hour; usually 405 at this hour of this weekday',
        'small': 'small: 200 calls in an hour; usually 3 at this hour of this weekday',
    }


def test_activity_that_is_usual_or_small_does_not_peak(database: ClickHouse) -> None:
    activity(database, 'a-little-more', 400, 780)
    activity(database, 'by-chance', 100, 220)
    activity(database, 'small', 3, 90)
    activity(database, 'every-other-week', [100, 900, 100, 900], 950)
    activity(database, 'crawled', 400, 400)
    add_calls(database, 'crawled', (NOW, 2000), client='crawler')
    add_calls(database, 'young', (NOW, 2000))
    assert summaries(database, 'Activity peaks') == {}


def add_batches(
    database: ClickHouse,
    portal: str,
    every: timedelta,
    until: timedelta,
    *,
    days: int = 20,
    stored: int = 100,
    rejected: int = 0,
    late: timedelta = timedelta(seconds=5),
    source: str = 'access_log',
) -> None:
    """Batches in the ledger that were done at regular times, the last one `until` before now."""
    rows = [
        {
            'batch_id': f'{portal}/{at}',
            'state': state,
            'at': f'{at:%Y-%m-%d %H:%M:%S.000}',
            'domain': portal,
            'source': source,
            'stored': stored if state == 'done' else 0,
            'rejected': {'format': rejected} if rejected and state == 'done' else {},
            'last_timestamp': f'{at - late:%Y-%m-%d %H:%M:%S.000}' if stored and state == 'done' else None,
        }
        for at in [NOW - until - number * every for number in range(max(1, days * DAY // every))]
        for state in ('begun', 'done')
    ]
    database.insert_rows('batches', rows, token=f'{portal} {every} {until} {late}')


def add_batch(database: ClickHouse, portal: str, at: datetime, **batch: Any) -> None:
    """A single batch."""
    add_batches(database, portal, DAY, NOW - at, days=1, **batch)


def test_no_data(database: ClickHouse) -> None:
    add_batches(database, 'followed', 4 * HOUR, 9 * HOUR)
    add_batches(database, 'imported-daily', DAY, 50 * HOUR)
    add_batches(database, 'rejected-only', 4 * HOUR, 9 * HOUR)
    add_batch(database, 'rejected-only', NOW - HOUR, stored=0, rejected=100)
    add_batches(database, 'out-for-a-day-once', 4 * HOUR, 9 * HOUR, days=10)
    add_batches(database, 'out-for-a-day-once', 4 * HOUR, 12 * DAY, days=4)
    assert summaries(database, 'No data at all') == {
        'followed': 'followed: no calls stored for 9.0 hours; the longest usual gap is 4.0 hours',
        'imported-daily': 'imported-daily: no calls stored for 50.0 hours; the longest usual gap is 24.0 hours',
        'out-for-a-day-once': 'out-for-a-day-once: no calls stored for 9.0 hours; the longest usual gap is 4.0 hours',
        'rejected-only': 'rejected-only: no calls stored for 9.0 hours; the longest usual gap is 4.0 hours',
    }


def test_a_usual_gap_and_a_new_portal_raise_no_alert(database: ClickHouse) -> None:
    add_batches(database, 'followed', 4 * HOUR, 7 * HOUR)
    add_batches(database, 'imported-daily', DAY, 40 * HOUR)
    add_batches(database, 'followed-closely', 5 * MINUTE, 50 * MINUTE, days=8)
    add_batches(database, 'imported-once', MINUTE, 3 * DAY, days=1)
    add_batches(database, 'left-long-ago', 4 * HOUR, 40 * DAY)
    assert summaries(database, 'No data at all') == {}


def test_without_any_data_one_rule_reports_no_data(database: ClickHouse) -> None:
    assert RULES['No data at all']['noDataState'] == 'NoData'
    assert {rule['noDataState'] for title, rule in RULES.items() if title != 'No data at all'} == {'OK'}
    for rule in RULES.values():
        assert all(database.query(expand(sql, {'from': 3600}, NOW)) == [] for sql in statements(rule))


def test_rejects_rise(database: ClickHouse) -> None:
    add_batches(database, 'new-format', 6 * HOUR, 6 * HOUR)
    add_batch(database, 'new-format', NOW, stored=0, rejected=200)
    add_batches(database, 'some-more', 6 * HOUR, 6 * HOUR, stored=9_900, rejected=100)
    add_batch(database, 'some-more', NOW, stored=900, rejected=100)
    add_batches(database, 'imported-hours-ago', DAY, 8 * HOUR)
    add_batch(database, 'imported-hours-ago', NOW - 7 * HOUR - HOUR / 2, stored=100, rejected=30)
    add_batch(database, 'first-import', NOW, stored=10, rejected=90)
    assert summaries(database, 'Rejects rise') == {
        name: f'{name}: {now} % of the newest hour of input rejected; usually {usual} %'
        for name, now, usual in (
            ('new-format', '100.0', '0.0'),
            ('some-more', '10.0', '1.0'),
            ('imported-hours-ago', '13.0', '0.0'),
            ('first-import', '90.0', '0.0'),
        )
    }


def test_rejects_that_are_usual_or_few_do_not_rise(database: ClickHouse) -> None:
    add_batches(database, 'always-some', 6 * HOUR, 6 * HOUR, stored=900, rejected=100)
    add_batch(database, 'always-some', NOW, stored=80, rejected=20)
    add_batches(database, 'a-handful', 6 * HOUR, 6 * HOUR)
    add_batch(database, 'a-handful', NOW, stored=10, rejected=2)
    add_batches(database, 'large', 6 * HOUR, 6 * HOUR, stored=100_000)
    add_batch(database, 'large', NOW, stored=100_000, rejected=500)
    add_batches(database, 'fixed', 6 * HOUR, 6 * HOUR)
    add_batch(database, 'fixed', NOW - 2 * HOUR, stored=0, rejected=500)
    add_batch(database, 'fixed', NOW, stored=100)
    add_batch(database, 'nothing-to-store', NOW, stored=0)
    assert summaries(database, 'Rejects rise') == {}


def test_many_rejects(database: ClickHouse) -> None:
    add_batches(database, 'always-some', 6 * HOUR, 6 * HOUR, stored=900, rejected=100)
    add_batch(database, 'always-some', NOW, stored=900, rejected=100)
    add_batches(database, 'few', 6 * HOUR, 6 * HOUR)
    add_batch(database, 'few', NOW, stored=96, rejected=4)
    add_batch(database, 'a-handful', NOW, stored=5, rejected=5)
    add_batch(database, 'first-import', NOW, stored=10, rejected=90)
    assert summaries(database, 'Many rejects') == {
        'always-some': 'always-some: 10.0 % of the newest hour of input rejected: 100 lines or calls',
        'first-import': 'first-import: 90.0 % of the newest hour of input rejected: 90 lines or calls',
    }


def add_downloads(database: ClickHouse, dataset: str, *months: int) -> None:
    """Downloads of a data set in the months up to NOW's, the last one in it."""
    for ago, downloads in enumerate(reversed(months)):
        day = (NOW.replace(day=15) - timedelta(days=30.4 * ago)).date() if ago else NOW.date()
        database.command(
            f"""
            INSERT INTO calls (timestamp, domain, timezone, day, hour, visitor, dataset_id, action, file)
            SELECT toDateTime64('{day} 09:00:00', 3, 'UTC'), 'a.example', '{ZONE}', '{day}', '{day} 09:00:00', number, '{dataset}',
                'download', 7
            FROM numbers({downloads})"""
        )


def test_downloads_peak(database: ClickHouse) -> None:
    add_downloads(database, 'trees', 40, 0, 40, 40, 141)
    add_downloads(database, 'rent', *[100] * 12, 401)
    add_downloads(database, 'usual', *[100] * 12, 400)
    add_downloads(database, 'new', 10, 10, 5_000)
    add_downloads(database, 'old', *[900] * 3, *[0] * 12, 5_000)
    add_downloads(database, '', *[10] * 5, 5_000)
    assert summaries(database, 'Downloads peak') == {
        'trees': 'trees: 141 downloads this month; 10 a month in the twelve months before',
        'rent': 'rent: 401 downloads this month; 100 a month in the twelve months before',
    }


def test_calls_arrive_late(database: ClickHouse) -> None:
    add_batches(database, 'behind', 6 * HOUR, 6 * HOUR)
    add_batch(database, 'behind', NOW, late=3 * HOUR)
    add_batches(database, 'rotated-log', DAY, DAY, late=6 * HOUR)
    add_batch(database, 'rotated-log', NOW - 5 * HOUR, late=30 * HOUR)
    assert summaries(database, 'Calls arrive late') == {
        'behind': 'behind: the newest calls were stored 180 minutes after they were made; usually 0',
        'rotated-log': 'rotated-log: the newest calls were stored 1800 minutes after they were made; usually 360',
    }


def test_calls_as_late_as_usual_or_beside_newer_ones_are_not_late(database: ClickHouse) -> None:
    add_batches(database, 'rotated-log', DAY, HOUR, late=6 * HOUR)
    add_batches(database, 'past-read-beside', 6 * HOUR, 3 * MINUTE)
    add_batch(database, 'past-read-beside', NOW, late=300 * DAY)
    add_batch(database, 'past-read-only', NOW, late=300 * DAY)
    add_batches(database, 'rejects-read-again', 6 * HOUR, 6 * HOUR)
    add_batch(database, 'rejects-read-again', NOW, late=9 * DAY, source='retry')
    add_batches(database, 'caught-up', 6 * HOUR, 6 * HOUR)
    add_batch(database, 'caught-up', NOW - 2 * HOUR, late=5 * HOUR)
    add_batch(database, 'caught-up', NOW)
    add_batches(database, 'a-little-late', 6 * HOUR, 6 * HOUR)
    add_batch(database, 'a-little-late', NOW, late=HOUR / 2)
    assert summaries(database, 'Calls arrive late') == {}


@pytest.mark.slow
@pytest.mark.parametrize('title', RULES)
def test_the_time_zone_of_the_server_changes_nothing(database: ClickHouse, title: str) -> None:
    activity(database, 'fallen', 400, 60)
    add_batches(database, 'fallen', 6 * HOUR, 6 * HOUR, rejected=1)
    add_downloads(database, 'trees', 5, 5, 5, 5)
    for node in RULES[title]['data']:
        if 'rawSql' in node['model']:
            sql = expand(node['model']['rawSql'], node['relativeTimeRange'], NOW)
            assert database.query(sql)
            assert database.query(sql, session_timezone='America/New_York') == database.query(sql)
