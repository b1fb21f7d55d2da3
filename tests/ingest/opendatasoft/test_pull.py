"""A workspace is pulled: every row of each complete hour counts once, through faults, kills and late rows."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from access_logs import DOMAIN, run
from click.testing import Result
from files import DATA, ROOT
from flask import Response
from workspace import API_KEY, FakeWorkspace, Row, encode, rows_of_hour, running

from exporter.store.clickhouse import ClickHouse
from exporter.store.rollups import differing

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
DAYS = 3
PROGRAM = 'from exporter.cli import main; main()'


def hour(ago: int) -> datetime:
    return NOW - timedelta(hours=ago)


SINCE = (NOW - timedelta(days=DAYS - 1)).date()
FIRST = datetime(SINCE.year, SINCE.month, SINCE.day, tzinfo=UTC)


@pytest.fixture
def workspace() -> FakeWorkspace:
    """Some days of rows. The hour that has just begun, and the one before, are not complete; some hours have no rows."""
    hours = range(int((NOW - FIRST).total_seconds() // 3600) + 1)
    return FakeWorkspace(row for ago in hours for row in rows_of_hour(hour(ago), 0 if ago % 5 == 4 else 20))


@pytest.fixture
def url(workspace: FakeWorkspace, settings: pytest.MonkeyPatch) -> Iterator[str]:
    settings.setenv('USAGE_OPENDATASOFT_API_KEY', API_KEY)
    settings.setattr('time.sleep', lambda _seconds: None)
    with running(workspace) as url:
        yield url


def pull(url: str, *options: str) -> Result:
    return run('pull', url, '--domain', DOMAIN, '--since', str(SINCE), *options)


def pulled(url: str, *options: str) -> dict[str, Any]:
    result = pull(url, '--format', 'json', *options)
    assert result.exit_code == 0, result.stderr
    summary: dict[str, Any] = json.loads(result.stdout)
    return summary


def error(result: Result, exit_code: int = 1) -> str:
    lines = [line for line in result.stderr.splitlines() if line.startswith('error: ')]
    assert (result.exit_code, len(lines)) == (exit_code, 1), result.output
    return lines[0].removeprefix('error: ')


def end() -> datetime:
    """The end of the last complete hour: it may have moved since the test began."""
    return (datetime.now(UTC) - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)


def complete(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row['timestamp'] < end()]


def key(row: Row) -> tuple[Any, ...]:
    """What is stored of a row as it is: an independent reading."""
    form = f'.{row["format"]}' if row['format'] else ''
    user = '' if row['user_id'] == 'anonymous' else row['user_id']
    path = f'/{row["api_type"]}/{row["api"]}{form}'
    return int(row['timestamp'].timestamp()), user, path, row['dataset_id'] or '', row['size_res'], int(row['in_error'])


def stored(database: ClickHouse) -> Counter[tuple[Any, ...]]:
    rows = database.query('SELECT toUnixTimestamp(timestamp) AS t, user_id, path, dataset_id, bytes, failed FROM calls')
    return Counter(tuple(row.values()) for row in rows)


def assert_every_row_counts_once(database: ClickHouse, rows: list[Row]) -> None:
    """In `calls`, and in each rollup, compared with the rows one by one."""
    expected = complete(rows)
    assert stored(database) == Counter(map(key, expected))
    assert differing(database, DOMAIN) == []
    by_day = Counter(row['timestamp'].date() for row in expected)
    days = database.query('SELECT day, sum(days.calls) AS n FROM days GROUP BY day')
    assert {row['day']: row['n'] for row in days} == by_day
    users = database.query("SELECT user_id, sum(accounts.calls) AS n FROM accounts WHERE user_id != '' GROUP BY user_id")
    accounts = Counter(row['user_id'] for row in expected)
    assert {row['user_id']: row['n'] for row in users} == {name: accounts[name] for name in ('alice', 'bob')}
    exact = database.query('SELECT uniqHLL12(visitor) AS n FROM calls WHERE user_id = {none:String}', {'none': ''})
    merged = database.query('SELECT uniqHLL12Merge(anonymous_users) AS n FROM days')
    assert exact == merged
    places = {
        name: database.query(f'SELECT country, latitude, longitude, {calls} AS n FROM {name} GROUP BY ALL ORDER BY ALL')
        for name, calls in (('calls', 'count()'), ('places', 'sum(places.calls)'))
    }
    assert places['calls'] == places['places']


def test_every_row_of_a_complete_hour_is_stored_once(url: str, workspace: FakeWorkspace, database: ClickHouse) -> None:
    expected = complete(workspace.rows)
    first = pulled(url)
    assert (first['stored'], first['already_stored']) == (len(expected), 0)
    assert_every_row_counts_once(database, workspace.rows)
    again = pulled(url)
    assert (again['read'], again['stored']) == (0, 0)
    assert_every_row_counts_once(database, workspace.rows)
    [ledger] = database.query("SELECT count() AS hours, uniqExact(start) AS starts FROM batches WHERE state = 'done'")
    assert ledger['hours'] == ledger['starts'] == int((end() - FIRST).total_seconds() // 3600)


@pytest.mark.parametrize('formats', [('parquet',), ('jsonl',)])
@pytest.mark.parametrize('counts', [True, False])
def test_late_rows_replace_their_hour(
    url: str, workspace: FakeWorkspace, database: ClickHouse, formats: tuple[str, ...], counts: bool
) -> None:
    workspace.formats, workspace.counts_by_hour, workspace.page = formats, counts, 7
    pulled(url)
    workspace.rows += rows_of_hour(hour(8), 1, seed=1) + rows_of_hour(hour(30), 3, seed=2)
    workspace.rows = [row for row in workspace.rows if row['timestamp'].replace(minute=0, second=0) != hour(12)]
    result = pull(url)
    assert result.exit_code == 0
    assert f'{hour(8):%Y-%m-%d %H:%M} UTC: 23 rows instead of 22, replaced' in result.stderr
    assert f'{hour(12):%Y-%m-%d %H:%M} UTC: 0 rows instead of 22, replaced' in result.stderr
    assert_every_row_counts_once(database, workspace.rows)
    assert pulled(url)['read'] == 0


def test_older_hours_are_not_compared(
    url: str, workspace: FakeWorkspace, database: ClickHouse, settings: pytest.MonkeyPatch
) -> None:
    settings.setenv('USAGE_PULL', json.dumps([{'url': url, 'recheck_days': 0}]))
    pulled(url)
    before = list(workspace.rows)
    workspace.rows += rows_of_hour(hour(9), 1, seed=1)
    assert pulled(url)['read'] == 0
    assert_every_row_counts_once(database, before)


@pytest.mark.slow
def test_a_pull_that_is_interrupted_anywhere_is_finished_by_the_next(
    url: str, workspace: FakeWorkspace, database: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement in turn fails; between the pulls the workspace changes, so that a repeated insert would be wrong."""
    real = {name: getattr(ClickHouse, name) for name in ('command', 'insert_file', 'insert_rows')}
    chance = random.Random(1)
    for done in range(60):
        remaining = done % 20

        def failing(name: str) -> Any:
            def method(self: ClickHouse, *arguments: Any, **named: Any) -> Any:
                nonlocal remaining
                if remaining == 0:
                    raise KeyboardInterrupt
                remaining -= 1
                result = real[name](self, *arguments, **named)
                if remaining == 0 and chance.random() < 0.5:
                    raise KeyboardInterrupt
                return result

            return method

        with monkeypatch.context() as patch:
            for name in real:
                patch.setattr(ClickHouse, name, failing(name))
            pull(url)
        workspace.rows += rows_of_hour(hour(chance.randrange(2, 40)), chance.randrange(1, 4), seed=done)
        if chance.random() < 0.3:
            del workspace.rows[chance.randrange(len(workspace.rows))]
        if done % 4 == 3:
            assert pull(url).exit_code == 0
            assert_every_row_counts_once(database, workspace.rows)


FAULTS: dict[str, Callable[[], Response | int]] = {
    'a quota': lambda: Response('', 429, {'Retry-After': '3'}),
    'a quota until a time': lambda: Response('', 429, {'Retry-After': 'Wed, 21 Oct 2015 07:28:00 GMT'}),
    'an error': lambda: 500,
    'unavailable': lambda: 503,
    'an answer that breaks off': lambda: Response(iter([b'PAR1']), headers={'Content-Length': '99999'}),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_a_passing_fault_is_waited_for(url: str, workspace: FakeWorkspace, database: ClickHouse, fault: str) -> None:
    workspace.faults = [None, FAULTS[fault](), FAULTS[fault](), None, FAULTS[fault]()]
    pulled(url)
    assert workspace.faults == []
    assert_every_row_counts_once(database, workspace.rows)


def test_a_workspace_that_hangs_is_asked_again(
    url: str, workspace: FakeWorkspace, database: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('exporter.ingest.opendatasoft.client.TIMEOUT', 0.5)
    hang = threading.Event()

    def slow() -> int:
        hang.wait(1.5)
        return 500

    workspace.faults = [None, slow]
    pulled(url)
    assert_every_row_counts_once(database, workspace.rows)


def test_faults_that_stay_end_the_pull_in_one_line(url: str, workspace: FakeWorkspace, database: ClickHouse) -> None:
    workspace.faults = [None, None] + [500] * 5
    assert 'answers 500 INTERNAL SERVER ERROR; run the command again later; stored hours stay stored' in error(pull(url))
    workspace.faults = [None, Response('', 429, {'Retry-After': '7200'})]
    assert 'the quota of calls is used up until' in error(pull(url))
    pulled(url)
    assert_every_row_counts_once(database, workspace.rows)


def wrong(workspace: FakeWorkspace, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(workspace, name, value)


@pytest.mark.parametrize(
    ('changes', 'exit_code', 'text'),
    [
        ({'faults': [401]}, 2, 'the API key is missing or wrong; set api_key_file or USAGE_OPENDATASOFT_API_KEY'),
        (
            {'faults': [403]},
            2,
            "may not see ods-api-monitoring; give its account the permission to see the workspace's analytics",
        ),
        ({'api': '/other'}, 1, 'this is no Opendatasoft workspace; name the address of its portal'),
        ({'has_dataset': False}, 1, 'the workspace has no data set ods-api-monitoring; ask Opendatasoft'),
        ({'clock': timedelta(hours=3)}, 1, 'set the clock: it decides which hours are complete'),
        ({'formats': ()}, 1, 'refuses the export of ods-api-monitoring (400 BAD REQUEST)'),
        ({'change': lambda rows: rows.drop('timestamp')}, 1, 'the rows have no field timestamp; export'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    url: str, workspace: FakeWorkspace, database: ClickHouse, changes: dict[str, Any], exit_code: int, text: str
) -> None:
    wrong(workspace, **changes)
    assert text in error(pull(url), exit_code)
    assert database.query('SELECT count() AS n FROM calls') == [{'n': 0}]
    assert database.query('SELECT count() AS n FROM batches') == [{'n': 0}]


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (('--until', str((NOW + timedelta(days=3)).date())), 'is in the future; name a day up to'),
        (('--until', '2020-01-01'), 'is before --since'),
        (('--until', 'yesterday'), "--until: invalid day 'yesterday'; write it as 2026-11-01"),
        (('--domain', 'a b'), '--domain: invalid domain name'),
    ],
)
def test_wrong_options_are_named(url: str, arguments: tuple[str, ...], text: str) -> None:
    assert text in error(pull(url, *arguments), 2)


@pytest.mark.usefixtures('settings')
@pytest.mark.parametrize(
    'address', ['data.example.org', 'http://data.example.org', 'https://data.example.org/explore', 'ftp://a']
)
def test_a_wrong_address_is_named(address: str) -> None:
    assert error(run('pull', address), 2).startswith('URL: ')


def test_two_workspaces_for_one_portal_are_refused(url: str, settings: pytest.MonkeyPatch, workspace: FakeWorkspace) -> None:
    settings.setenv('USAGE_PULL', json.dumps([{'url': url, 'domain': DOMAIN}, {'url': url + '/', 'domain': DOMAIN}]))
    assert f'both are for {DOMAIN}; keep one of them' in error(pull(url), 2)
    settings.delenv('USAGE_PULL')
    pulled(url)
    with running(workspace) as other:
        assert f'{DOMAIN}: its calls were pulled from {url}; choose another --domain' in error(pull(other))


def test_an_older_workspace_is_asked_by_its_api(url: str, workspace: FakeWorkspace, database: ClickHouse) -> None:
    workspace.api, workspace.formats, workspace.nested = '/api/v2', ('jsonl',), True
    with running(workspace) as older:
        pulled(older)
    assert_every_row_counts_once(database, workspace.rows)


def test_calls_of_a_pull_are_skipped(url: str, workspace: FakeWorkspace) -> None:
    own = rows_of_hour(hour(5), 1, seed=4)[0] | {'user_agent': 'usage-exporter-pull/0.1'}
    workspace.rows += [own, own]
    result = pulled(url)
    assert result['skipped_by_reason'] == {'ignored': 2}
    assert pulled(url)['read'] == 0


def test_the_report_of_a_pull_says_what_the_rows_lack(url: str, workspace: FakeWorkspace) -> None:
    workspace.change = lambda rows: (
        rows.drop('bot', 'geo_coordinates').rename({'user_ip_addr': 'User IP addr'}).with_columns(new=1)
    )
    result = pull(url)
    assert (
        'anonymous calls have no whole address: their users are told apart by the user agent, and are underestimated'
        in result.stderr
    )
    assert 'unknown calls, counted as other: /ods_v2.1/made_up' in result.stderr
    assert 'the rows have no bot, geo_coordinates' in result.stderr
    assert 'exec_time was read as seconds' in result.stderr


def test_the_settings_and_commands_of_the_documentation(
    url: str, workspace: FakeWorkspace, database: ClickHouse, settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.delenv('USAGE_OPENDATASOFT_API_KEY')
    (tmp_path / 'key').write_text(f'{API_KEY}\n')
    page = (ROOT / 'docs' / 'opendatasoft.md').read_text()
    toml, commands = (re.findall(rf'^```{language}\n(.*?)^```', page, re.M | re.S)[0] for language in ('toml', 'sh'))
    replaced = {
        'https://data.example.org"': f'{url}"\ndomain = "{DOMAIN}"', '/etc/usage-exporter/opendatasoft-api-key': str(tmp_path / 'key'),
        '/var/lib/GeoIP/GeoLite2-City.mmdb': str(DATA / 'GeoLite2-City-Test.mmdb'), '2026-09-01': str(SINCE),
    }  # fmt: skip
    for text, other in replaced.items():
        assert text in toml
        toml = toml.replace(text, other)
    (tmp_path / 'usage-exporter.toml').write_text(toml)
    for line in commands.splitlines():
        result = run(*line.replace('https://data.example.org', url).split()[1:])
        assert result.exit_code == 0, result.stderr
    assert 'API calls' in result.stdout
    assert 'users are underestimated' in result.stdout
    assert database.query('SELECT count() > 500 AS many FROM calls') == [{'many': 1}]


def test_check_says_what_the_rows_lack(url: str, workspace: FakeWorkspace, settings: pytest.MonkeyPatch) -> None:
    settings.setenv('USAGE_PULL', json.dumps([{'url': url, 'domain': DOMAIN}]))
    pulled(url)
    text = ' '.join(run('check').stdout.split())
    assert 'anonymous calls have no whole address, so users are underestimated' in text
    assert re.search(r'calls with unknown names count as other: /ods_v2\.1/made_up \(\d+\)', text)
    assert '/ods_v1/images' not in text
    assert f'{url}: pulled for {DOMAIN}' in text
    settings.delenv('USAGE_OPENDATASOFT_API_KEY')
    assert f'{url}: there is no API key' in ' '.join(run('check').stdout.split())


@pytest.mark.slow
def test_serve_pulls_at_its_start(url: str, workspace: FakeWorkspace, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith('USAGE_')}
    with socket.create_server(('127.0.0.1', 0)) as free:
        environment['USAGE_LISTEN'] = f'127.0.0.1:{free.getsockname()[1]}'
    pulls = json.dumps([{'url': url, 'domain': DOMAIN, 'since': str(SINCE)}])
    environment |= {'USAGE_DATA_DIR': str(tmp_path / 'other'), 'USAGE_PULL': pulls, 'USAGE_OPENDATASOFT_API_KEY': API_KEY}
    process = subprocess.Popen([sys.executable, '-c', PROGRAM, 'serve'], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        expected = f'{DOMAIN}: pulled {len(complete(workspace.rows))} calls of {url}'
        outcome = next(line for line in process.stderr if ' pulled ' in line or 'cannot pull' in line)
        assert expected in outcome
    finally:
        process.kill()
        process.wait()


# files


def file_of(path: Path, rows: list[Row]) -> str:
    path.write_bytes(encode(rows, path.suffix[1:]))
    return str(path)


@pytest.mark.parametrize('ending', ['parquet', 'csv', 'jsonl'])
@pytest.mark.parametrize('log_format', ['auto', 'opendatasoft'])
def test_a_file_and_a_workspace_share_their_hours(
    url: str, workspace: FakeWorkspace, database: ClickHouse, tmp_path: Path, ending: str, log_format: str
) -> None:
    export = file_of(tmp_path / f'export.{ending}', [row for row in workspace.rows if row['timestamp'] < hour(20)])
    options = ('--domain', DOMAIN, '--log-format', log_format, '--format', 'json')
    result = run('import', export, *options)
    assert result.exit_code == 0, result.stderr
    first = json.loads(result.stdout)
    assert (first['stored'] > 100, first['left'] > 0, first['already_stored']) == (True, True, 0)
    assert 'left out, because they may be incomplete: the hours of' in result.stderr
    second = pulled(url)
    assert first['stored'] + second['stored'] == len(complete(workspace.rows))
    assert_every_row_counts_once(database, workspace.rows)
    third = json.loads(run('import', export, *options).stdout)
    assert third['stored'] == 0
    assert third['already_stored'] == third['read'] == first['read']


def test_what_is_no_export_is_refused(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, content in (('a.csv', b'a;b\n1;2\n'), ('a.parquet', b'PAR1cut'), ('a.jsonl', b'{}\n'), ('a.log', b'\xff\xfe')):
        (tmp_path / name).write_bytes(content)
        result = run('import', name, '--domain', DOMAIN, '--log-format', 'opendatasoft')
        assert f'{name}: not an export of ods-api-monitoring; export it as' in error(result)


# kills


@pytest.mark.slow
def test_a_hundred_kills(workspace: FakeWorkspace, tmp_path: Path) -> None:
    kills = int(os.environ.get('USAGE_TEST_PULL_KILLS', '6'))
    environment = os.environ | {'USAGE_DATA_DIR': str(tmp_path), 'USAGE_OPENDATASOFT_API_KEY': API_KEY}
    environment = {name: value for name, value in environment.items() if not name.startswith('USAGE_TEST')}
    chance = random.Random(5)

    def start(url: str) -> 'subprocess.Popen[bytes]':
        arguments = ['pull', url, '--domain', DOMAIN, '--since', str(SINCE)]
        return subprocess.Popen(
            [sys.executable, '-c', PROGRAM, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def answer(statement: str) -> list[dict[str, Any]]:
        result = subprocess.run(
            [sys.executable, '-c', PROGRAM, 'query', statement, '--format', 'json'],
            env=environment,
            capture_output=True,
            check=True,
        )
        rows: list[dict[str, Any]] = json.loads(result.stdout)
        return rows

    subprocess.run([sys.executable, '-c', PROGRAM, 'init'], env=environment, check=True, capture_output=True)
    with running(workspace) as url:
        for number in range(kills):
            process = start(url)
            time.sleep(chance.uniform(0.7, 3.5))
            process.send_signal(signal.SIGKILL)
            process.wait()
            for _ in range(3):
                workspace.rows += rows_of_hour(hour(chance.randrange(2, 40)), 1, seed=number)
        last = start(url)
        assert last.communicate()[1].decode().count('error') == 0
        assert last.returncode == 0
    expected = complete(workspace.rows)
    columns = 'toUnixTimestamp(timestamp) AS t, user_id, path, dataset_id, bytes, failed'
    assert Counter(tuple(row.values()) for row in answer(f'SELECT {columns} FROM calls')) == Counter(map(key, expected))
    for table in ('days', 'accounts', 'places'):
        sums = answer(f'SELECT toString(day) AS day, sum({table}.calls) AS n FROM {table} GROUP BY day')
        assert {row['day']: row['n'] for row in sums} == Counter(str(row['timestamp'].date()) for row in expected), table
