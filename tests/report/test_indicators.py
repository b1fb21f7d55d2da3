"""`report` counts exactly the calls of a period, in three formats, and equals the views."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from access_logs import CRAWLER, DOMAIN, FIREFOX, IPHONE, imported, line, run
from databases import Databases
from hypothesis import given
from hypothesis import strategies as st

from exporter.report import indicators
from exporter.report.output import as_json
from exporter.report.period import period
from exporter.store.clickhouse import ClickHouse, connect

PARIS = ZoneInfo('Europe/Paris')
KEYS = [
    'domain', 'from', 'to', 'timezone', 'calls', 'activity', 'total_users', 'calls_per_user', 'anonymous_users_percent',
    'mobile_users_percent', 'top_users', 'map', 'unlocated_calls', 'crawler_calls',
    'left_out_calls', 'suspect_calls', 'hidden_address_calls',
]  # fmt: skip
FIRST = datetime(2024, 10, 25, 20, tzinfo=UTC)  # two days before a day of 25 hours
CALLS = [  # moment, user, agent, address
    (
        FIRST + timedelta(minutes=53, seconds=17) * number,
        ('-', 'alice', '-', 'bob', '-', '-', 'carol', 'dave', 'erin', 'frank')[number % 10],
        (FIREFOX, IPHONE, FIREFOX, CRAWLER)[number % 4],
        ('8.8.8.8', '185.25.195.1', '10.0.0.1', '2001:4860:4860::8888')[number % 7 % 4],
    )
    for number in range(150)
]
SECONDS = st.integers(-90_000, 53 * 60 * 151 + 90_000).map(lambda seconds: FIRST + timedelta(seconds=seconds))


@pytest.fixture(scope='module')
def portal(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """150 calls of a portal in Paris, from the 25th to the 31st of October 2024. Tests only read it."""
    folder = tmp_path_factory.mktemp('report')
    with databases.ready() as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv('USAGE_CLICKHOUSE_URL', url)
        environment.setenv('USAGE_DATA_DIR', str(folder))
        environment.setenv('USAGE_TIMEZONE', 'Europe/Paris')
        imported(write_log(folder))
        with closing(connect(url)) as database:
            yield database


def write_log(folder: Path) -> Path:
    """The calls as an access log."""
    lines = (
        line(number, time=f'{moment:%d/%b/%Y:%H:%M:%S %z}', user=user, agent=agent, ip=ip)
        for number, (moment, user, agent, ip) in enumerate(CALLS)
    )
    (folder / 'access.log').write_text('\n'.join(lines) + '\n')
    return folder / 'access.log'


def json_report(*options: str) -> dict[str, Any]:
    result = run('report', '--format', 'json', *options)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def counted_calls(start: datetime, end: datetime, crawlers: bool = False) -> list[tuple[datetime, str, str]]:
    """Moment, account and agent of the calls that count. An account is never a crawler."""
    return [
        (moment, user, agent)
        for moment, user, agent, _ in CALLS
        if start <= moment < end and (crawlers or agent != CRAWLER or user != '-')
    ]


def expected_numbers(start: datetime, end: datetime, crawlers: bool = False) -> dict[str, Any]:
    """The numbers of these calls, counted without the program."""
    calls = counted_calls(start, end, crawlers)
    top = Counter('anonymous' if user == '-' else user for _, user, _ in calls)
    return {
        'calls': len(calls),
        'activity': dict(Counter(moment.astimezone(PARIS).date().isoformat() for moment, _, _ in calls)),
        'mobile': 100 * sum(agent == IPHONE for _, _, agent in calls) / len(calls) if calls else None,
        'top': sorted(top.items(), key=lambda entry: (-entry[1], entry[0]))[:5],
        'crawlers': len(counted_calls(start, end, True)) - len(counted_calls(start, end)),
    }


def numbers_of(report: dict[str, Any]) -> dict[str, Any]:
    """The same numbers, taken from a report."""
    return {
        'calls': report['calls'],
        'activity': {row['day']: row['calls'] for row in report['activity'] if row['calls']},
        'mobile': report['mobile_users_percent'],
        'top': [(row['user'], row['calls']) for row in report['top_users']],
        'crawlers': report['crawler_calls'],
    }


@pytest.mark.slow
@hypothesis.settings(max_examples=12, deadline=None)
@given(SECONDS, SECONDS, st.booleans())
def test_a_report_counts_exactly_the_calls_of_its_period_and_equals_the_views(
    portal: ClickHouse, moment: datetime, other_moment: datetime, crawlers: bool
) -> None:
    start, end = min(moment, other_moment), max(moment, other_moment) + timedelta(seconds=1)
    report_period = period(start.isoformat(), end.isoformat(), 'Europe/Paris', end)
    report = json.loads(as_json(indicators.fetch(portal, DOMAIN, 'Europe/Paris', report_period, crawlers)))
    assert numbers_of(report) == expected_numbers(start, end, crawlers)
    assert sum(row['calls'] for row in report['map']) + report['unlocated_calls'] == report['calls']
    view = f"(domains=['{DOMAIN}'], from={int(start.timestamp())}, to={int(end.timestamp())}, crawlers={int(crawlers)})"
    for name in ('total_users', 'calls_per_user', 'anonymous_users_percent', 'mobile_users_percent'):
        [single] = portal.query(f'SELECT {name} FROM {name.removesuffix("_percent")}{view}')
        assert report[name] == single[name], name
    for name, view_name in (('activity', 'activity'), ('top_users', 'top_users'), ('map', 'map_of_calls')):
        rows = portal.query(f'SELECT * FROM {view_name}{view}')
        columns = report[name][0].keys() if report[name] else ()
        assert report[name] == [{key: str(row[key]) if key == 'day' else row[key] for key in columns} for row in rows]


@pytest.mark.usefixtures('portal')
def test_json_has_the_documented_keys_in_order() -> None:
    report = json_report('--from', '2024-10-25', '--to', '2024-10-31')
    assert list(report) == KEYS
    assert [report[key] for key in KEYS[:4]] == [DOMAIN, '2024-10-25', '2024-10-31', 'Europe/Paris']
    assert [list(report[key][0]) for key in ('activity', 'top_users', 'map')] == [
        ['day', 'calls'],
        ['user', 'calls'],
        ['country', 'city', 'latitude', 'longitude', 'calls'],
    ]
    assert report['total_users'] == 10  # 6 accounts, 3 addresses and a /64 behind the calls that are no crawlers'
    assert report['calls_per_user'] == report['calls'] / 10
    assert report['anonymous_users_percent'] == 40


@pytest.mark.usefixtures('portal')
def test_days_are_whole_days_of_the_portal_and_none_is_missing() -> None:
    long_day = json_report('--from', '2024-10-27', '--to', '2024-10-27')  # 25 hours
    assert numbers_of(long_day) == expected_numbers(
        datetime(2024, 10, 26, 22, tzinfo=UTC), datetime(2024, 10, 27, 23, tzinfo=UTC)
    )
    long_period = json_report('--from', '2024-10-20', '--to', '2024-11-02')
    assert [row['day'] for row in long_period['activity']] == [f'{date(2024, 10, 20) + timedelta(day)}' for day in range(14)]
    assert [row['calls'] for row in long_period['activity']][:5] == [0] * 5
    assert (
        long_period['calls']
        == sum(row['calls'] for row in long_period['activity'])
        == expected_numbers(FIRST, FIRST + timedelta(99))['calls']
    )


@pytest.mark.usefixtures('portal')
def test_date_times_are_exact_to_the_second() -> None:
    moment = CALLS[30][0].astimezone(PARIS)
    for end, calls in ((moment, 0), (moment + timedelta(seconds=1), 1)):
        report = json_report('--from', f'{moment - timedelta(seconds=9):%FT%T}', '--to', f'{end:%FT%T}')
        assert report['calls'] == calls
    assert report['to'] == f'{end:%FT%T}'


@pytest.mark.usefixtures('portal')
def test_the_option_crawlers_counts_crawlers() -> None:
    without, with_them = (json_report('--from', '2024-10-25', '--to', '2024-10-31', *options) for options in ([], ['--crawlers']))
    assert without['crawler_calls'] == with_them['crawler_calls'] > 0
    assert with_them['calls'] == without['calls'] + without['crawler_calls'] == len(CALLS)


@pytest.mark.usefixtures('portal')
def test_the_default_period_is_today_and_the_13_days_before() -> None:
    before, report, after = datetime.now(PARIS).date(), json_report(), datetime.now(PARIS).date()
    assert date.fromisoformat(report['to']) in (before, after)
    assert len(report['activity']) == 14
    assert report['activity'][-1]['day'] == report['to']
    assert report['activity'][0]['day'] == report['from']
    assert json_report('--to', '2024-10-31')['from'] == '2024-10-18'
    assert json_report('--from', '2024-10-25')['to'] == report['to']


@pytest.mark.usefixtures('portal')
def test_an_empty_period_has_no_values_and_names_the_days_with_calls() -> None:
    result = run('report', '--format', 'json', '--from', '2024-01-01', '--to', '2024-01-02')
    assert result.exit_code == 0
    assert result.stderr == f'no calls in this period; {DOMAIN} has calls from 2024-10-25 to 2024-10-31\n'
    assert json.loads(result.stdout) == {
        'domain': DOMAIN, 'from': '2024-01-01', 'to': '2024-01-02', 'timezone': 'Europe/Paris', 'calls': 0,
        'activity': [{'day': '2024-01-01', 'calls': 0}, {'day': '2024-01-02', 'calls': 0}], 'total_users': 0,
        'calls_per_user': None, 'anonymous_users_percent': None, 'mobile_users_percent': None, 'top_users': [], 'map': [],
        'unlocated_calls': 0, 'crawler_calls': 0, 'left_out_calls': 0, 'suspect_calls': 0, 'hidden_address_calls': 0,
    }  # fmt: skip


@pytest.mark.usefixtures('portal')
def test_csv_holds_the_same_values_as_json() -> None:
    for options in (['--from', '2024-10-25', '--to', '2024-10-31'], ['--from', '2024-01-01', '--to', '2024-01-01']):
        report = json_report(*options)
        lines = list(csv.DictReader(io.StringIO(run('report', '--format', 'csv', *options).stdout)))
        assert all([row[key] for key in KEYS[:4]] == [report[key] for key in KEYS[:4]] for row in lines)
        assert list(_values(lines)) == list(_expected(report))


def _values(lines: list[dict[str, str]]) -> Iterator[tuple[str, str, float | None]]:
    for row in lines:
        yield row['indicator'], row['of'], float(row['value']) if row['value'] else None


def _expected(report: dict[str, Any]) -> Iterator[tuple[str, str, float | None]]:
    yield from (('activity', row['day'], row['calls']) for row in report['activity'])
    numbers = ('calls', 'total_users', 'calls_per_user', 'anonymous_users_percent', 'mobile_users_percent')
    yield from ((key, '', report[key]) for key in numbers)
    yield from (('top_users', row['user'], row['calls']) for row in report['top_users'])
    yield from (('map', row['country'], row['calls']) for row in report['map'])
    yield from (
        (key, '', report[key])
        for key in ('unlocated_calls', 'crawler_calls', 'left_out_calls', 'suspect_calls', 'hidden_address_calls')
    )


@pytest.mark.no_database
@pytest.mark.usefixtures('settings')
def test_without_calls_the_error_names_the_first_steps() -> None:
    result = run('report')
    assert (result.exit_code, result.stdout) == (2, '')
    assert result.stderr == 'error: there are no calls yet; run usage-exporter import or usage-exporter demo\n'


def test_the_portal_comes_from_the_option_the_setting_or_is_the_only_one(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    imported(write_log(tmp_path))
    unknown = run('report', '--domain', 'other.example.org')
    assert (unknown.exit_code, unknown.stdout) == (2, '')
    assert unknown.stderr == f'error: other.example.org has no calls; choose a portal that has calls: {DOMAIN}\n'
    other = write_log(tmp_path)
    other.write_bytes(b'\n' + other.read_bytes())
    imported(other, domain='other.example.org')
    unclear = run('report')
    assert unclear.exit_code == 2
    assert unclear.stderr == f'error: several portals have calls; choose one with --domain: {DOMAIN}, other.example.org\n'
    assert json_report('--domain', 'OTHER.example.org')['domain'] == 'other.example.org'
    settings.setenv('USAGE_DOMAIN', 'other.example.org')
    assert json_report()['domain'] == 'other.example.org'


@pytest.mark.usefixtures('portal')
@pytest.mark.parametrize(
    'options', [['--from', '2024-11-02', '--to', '2024-11-01'], ['--from', 'x'], ['--to', '2200-01-01'], ['--domain', "a'b"]]
)
def test_an_invalid_period_or_domain_is_wrong_usage_in_one_line(options: list[str]) -> None:
    result = run('report', *options)
    assert (result.exit_code, result.stdout) == (2, '')
    assert result.stderr.startswith('error: ')
    assert result.stderr.count('\n') == 1
