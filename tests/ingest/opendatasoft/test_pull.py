"""A workspace is pulled: every row of each complete hour counts once, through faults, kills and late rows."""

import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from access_logs import DOMAIN, run
from files import DATA, ROOT
from flask import Response
from pulls import (  # noqa: F401  # the fixtures too
    FIRST,
    NOW,
    SINCE,
    assert_every_row_counts_once,
    complete,
    end,
    error,
    hour,
    pull,
    pulled,
    url,
    workspace,
)
from workspace import API_KEY, FakeWorkspace, Row, rows_of_hour, running

from exporter.ingest.opendatasoft.hours import NOTHING
from exporter.ingest.opendatasoft.pulled import SOURCE
from exporter.ingest.opendatasoft.rows import HOUR
from exporter.model.batch import Batch
from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse
from exporter.store.hours import store_hours
from exporter.store.ledger import Ledger

PROGRAM = 'from exporter.cli import main; main()'


def test_every_row_of_a_complete_hour_is_stored_once(url: str, workspace: FakeWorkspace, database: ClickHouse) -> None:
    expected = complete(workspace.rows)
    first = pulled(url)
    assert (first['stored'], first['already_stored']) == (len(expected), 0)
    assert_every_row_counts_once(database, workspace.rows)
    again = pulled(url)
    assert (again['read'], again['stored']) == (0, 0)
    assert pull(url).stdout == 'no new calls: every complete hour is stored\n'
    assert_every_row_counts_once(database, workspace.rows)
    [ledger] = database.query("SELECT count() AS hours, uniqExact(start) AS starts FROM batches WHERE state = 'done'")
    assert ledger['hours'] == ledger['starts'] == int((end() - FIRST).total_seconds() // 3600)


@pytest.mark.parametrize('formats', [('parquet',), ('jsonl',)])
@pytest.mark.parametrize('counts', [True, False])
def test_late_rows_count_with_their_hour(
    url: str, workspace: FakeWorkspace, database: ClickHouse, formats: tuple[str, ...], counts: bool
) -> None:
    workspace.formats, workspace.counts_by_hour, workspace.page = formats, counts, 7
    pulled(url)
    workspace.rows += rows_of_hour(hour(8), 1, seed=1) + rows_of_hour(hour(30), 3, seed=2)
    workspace.rows = [row for row in workspace.rows if row['timestamp'].replace(minute=0, second=0) != hour(12)]
    result = pull(url)
    assert result.exit_code == 0
    assert f'{hour(8):%Y-%m-%d %H:%M} UTC: 23 rows instead of 22, added 1' in result.stderr
    assert f'{hour(12):%Y-%m-%d %H:%M} UTC: 0 rows instead of 22, replaced the hour' in result.stderr
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


def start_of_hour(row: Row) -> datetime:
    moment: datetime = row['timestamp']
    return moment.replace(minute=0, second=0, microsecond=0)


@pytest.mark.slow
def test_a_pull_that_is_interrupted_anywhere_is_finished_by_the_next(
    url: str, workspace: FakeWorkspace, database: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement in turn fails; between the pulls the workspace changes, so that a repeated insert would be wrong."""
    real = {name: getattr(ClickHouse, name) for name in ('command', 'insert_file', 'insert_rows')}
    chance = random.Random(1)
    more, fewer = set[datetime](), set[datetime]()  # hours since the last whole pull: one with both may keep its number of rows
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
        late = chance.choice([hour(ago) for ago in range(2, 40) if hour(ago) not in fewer])
        workspace.rows += rows_of_hour(late, chance.randrange(1, 4), seed=done)
        more.add(late)
        if chance.random() < 0.3:
            lost = chance.choice([row for row in workspace.rows if start_of_hour(row) not in more])
            workspace.rows.remove(lost)
            fewer.add(start_of_hour(lost))
        if done % 4 == 3:
            assert pull(url).exit_code == 0
            assert_every_row_counts_once(database, workspace.rows)
            more, fewer = set(), set()


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
        ({'api': '/other'}, 1, 'not an Opendatasoft workspace; name the address of its portal'),
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


@pytest.mark.slow
def test_days_of_a_year_are_pulled(url: str, workspace: FakeWorkspace, database: ClickHouse) -> None:
    """A year takes minutes: USAGE_TEST_PULL_DAYS=362."""
    days = int(os.environ.get('USAGE_TEST_PULL_DAYS', '10'))
    since, until = workspace.first, workspace.first + timedelta(days)
    expected = workspace.older(since, until)
    options = '--domain', DOMAIN, '--since', str(since.date()), '--until', str(until.date() - timedelta(1)), '--format', 'json'
    result = run('pull', url, *options)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)['stored'] == len(expected)
    assert_every_row_counts_once(database, expected)
    assert len(database.query('SELECT DISTINCT day FROM days')) == days


def test_two_hosts_that_pull_one_portal_are_told(
    url: str, workspace: FakeWorkspace, database: ClickHouse, settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The other host has a data directory of its own, and the same database."""
    start = int(hour(30).timestamp())
    batch = Batch(DOMAIN, SOURCE, SOURCE, start, start + HOUR, url)
    other = Ledger(database)

    def store_there() -> None:
        store_hours(other, tmp_path / 'other', [(batch, NOTHING, Tally())], ())

    workspace.faults = [None, store_there]  # while this host downloads
    (tmp_path / 'other').mkdir()
    assert f'{DOMAIN}: another host pulls this portal too; pull it from one host only' in error(pull(url))
    other.begin_hours([replace(batch, start=start + HOUR, end=start + 2 * HOUR)])
    assert f'{DOMAIN}: another host is pulling this portal; pull it from one host only; if that host was' in error(pull(url))
    database.command("ALTER TABLE batches DELETE WHERE state = 'begun' SETTINGS mutations_sync = 1")
    workspace.rows = [row for row in workspace.rows if not hour(30) <= row['timestamp'] < hour(29)]
    pulled(url)
    assert_every_row_counts_once(database, workspace.rows)
