"""`serve` as a process: started, called, stopped and killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from access_logs import DOMAIN, log
from files import ROOT

from exporter.store.unix_socket import SOCKET

pytestmark = pytest.mark.slow
PROGRAM = [sys.executable, '-c', 'from exporter.cli import main; main()']
KILLS = ROOT / 'bench' / 'kills.py'


@dataclass
class Serving:
    """A running serve."""

    process: subprocess.Popen[str]
    url: str
    log_file: Path

    def post(self, *paths: str, **headers: str) -> httpx.Response:
        now = datetime.now(UTC).isoformat()
        calls = [{'timestamp': now, 'domain': DOMAIN, 'ip': '192.0.2.7', 'path': path} for path in paths]
        return httpx.post(f'{self.url}/v1/calls', json=calls, headers=headers, timeout=30)

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = httpx.get(f'{self.url}/v1/report', params={'from': '2024-10-01'}, timeout=30).json()
        return report

    @property
    def calls(self) -> int:
        """The number of stored calls, including those of crawlers."""
        report = self.report()
        return int(report.get('calls', 0)) + int(report.get('crawler_calls', 0))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith('USAGE_')}
    return inherited | {'USAGE_DATA_DIR': str(tmp_path / 'data'), 'USAGE_LISTEN': f'127.0.0.1:{port}', 'TZ': 'UTC'}


def program(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120)


@contextmanager
def serving(environment: dict[str, str], folder: Path) -> Iterator[Serving]:
    log_file = folder / f'serve-{time.time_ns()}.log'
    with log_file.open('w') as output:
        process = subprocess.Popen([*PROGRAM, 'serve'], env=environment, stdout=output, stderr=output, text=True, cwd=folder)
    running = Serving(process, f'http://{environment["USAGE_LISTEN"]}', log_file)
    try:
        eventually(lambda: 'listens on' in log_file.read_text() or process.poll() is not None)
        yield running
    finally:
        process.kill()
        process.wait()


def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, 'timed out'
        time.sleep(0.1)


def test_it_logs_accepts_calls_and_lines_and_stops_on_a_signal(environment: dict[str, str], tmp_path: Path) -> None:
    access_log = tmp_path / 'access.log'
    access_log.write_bytes(log(range(10)))
    environment['USAGE_FOLLOW'] = json.dumps([{'path': str(access_log), 'domain': DOMAIN}])
    with serving(environment, tmp_path) as running:
        messages = running.log_file.read_text()
        assert f'listens on {running.url}' in messages
        assert f'follows {access_log} for {DOMAIN}' in messages
        assert f'writes to chdb://{tmp_path}/data/clickhouse' in messages
        assert 'there are no tokens, so only this machine may call' in messages
        assert running.post('/a', '/b').status_code == 202
        eventually(lambda: running.calls == 12)
        with access_log.open('ab') as stream:
            stream.write(log(range(10, 15)))
        eventually(lambda: running.calls == 17)
        assert httpx.get(f'{running.url}/readyz').json()['status'] == 'ready'
        assert running.post('/c').status_code == 202
        assert running.stop() == 0
        assert running.log_file.read_text().splitlines()[-1].endswith('stopped')
    result = program(environment, 'report', '--domain', DOMAIN, '--from', '2024-10-01', '--format', 'json')
    report = json.loads(result.stdout)
    assert report['calls'] + report['crawler_calls'] == 18
    assert not list((tmp_path / 'data' / 'spool').glob('*.batch'))


def test_it_loads_a_catalogue_soon_after_its_start(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / 'sets.csv').write_text('id,title\ntrees,Trees\n')
    environment |= {'USAGE_CATALOGUE': 'sets.csv', 'USAGE_DOMAIN': DOMAIN}
    with serving(environment, tmp_path) as running:
        eventually(lambda: f'{DOMAIN}: updated the catalogue: 1 data sets, 1 names' in running.log_file.read_text())
        assert json.loads(program(environment, 'catalogue', 'list', '--format', 'json').stdout)[0]['title'] == 'Trees'


def test_while_it_runs_other_commands_use_its_database(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / 'access.log').write_bytes(log(range(3)))
    imports = ['import', str(tmp_path / 'access.log'), '--domain', DOMAIN, '--format', 'json']
    with serving(environment, tmp_path) as running:
        assert program(environment, 'init').stdout.endswith('up to date\n')
        assert json.loads(program(environment, *imports).stdout)['stored'] == 3
        again = json.loads(program(environment, *imports).stdout)
        assert (again['stored'], again['already_stored']) == (0, 3)
        assert running.post('/a').status_code == 202
        eventually(lambda: running.calls == 4)
        report = json.loads(program(environment, 'report', '--from', '2024-10-01', '--format', 'json').stdout)
        assert report['calls'] + report['crawler_calls'] == 4
        rows = program(environment, 'query', 'SELECT count() AS n FROM calls', '--format', 'json').stdout
        assert json.loads(rows) == [{'n': 4}]
        refused = program(environment, 'query', 'SELECT nothing')
        assert (refused.returncode, refused.stderr.count('\n')) == (1, 1)
        assert 'UNKNOWN_IDENTIFIER' in refused.stderr
        assert 'localhost' not in refused.stderr
        assert program(environment, 'events', 'add', 'x', '--start', '2024-10-30', '--domain', DOMAIN).returncode == 0
        assert 'x' in program(environment, 'events', 'list').stdout
        check = program(environment, 'check', '--format', 'json')
        [finding] = [finding for finding in json.loads(check.stdout) if finding['part'] == 'engine']
        assert (check.returncode, finding['level']) == (0, 'ok')
        assert finding['state'].endswith(', in usage-exporter serve')
        assert program(environment, 'backup', str(tmp_path / 'backup.tar')).returncode == 0
        assert program(environment, 'prune').returncode == 0
        assert program(environment, 'forget', '--file', str(tmp_path / 'access.log'), '--domain', DOMAIN, '--yes').returncode == 0
        assert running.post('/b').status_code == 202
        eventually(lambda: running.calls == 2)
        rows = program(environment, 'query', 'SELECT path FROM calls ORDER BY path', '--format', 'json').stdout
        assert json.loads(rows) == [{'path': '/a'}, {'path': '/b'}]
        assert running.stop() == 0
    assert not (tmp_path / 'data' / 'clickhouse' / SOCKET).exists()


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_a_command_ends_with_it_and_finishes_later(environment: dict[str, str], tmp_path: Path, number: int) -> None:
    lines, half = 4_000, 2_000
    first, second, pipe = tmp_path / 'first.log', tmp_path / 'second.log', tmp_path / 'pipe'
    first.write_bytes(log(range(half)))
    second.write_bytes(log(range(half, lines)))
    os.mkfifo(pipe)
    options = ['--domain', DOMAIN, '--format', 'json']
    with serving(environment, tmp_path) as running:
        imports = [*PROGRAM, 'import', str(first), str(pipe), *options]
        importing = subprocess.Popen(imports, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        eventually(lambda: running.calls == half)  # the rest is in the pipe, later
        running.process.send_signal(number)
        running.process.wait(60)
        pipe.write_bytes(second.read_bytes())
        _, errors = importing.communicate(timeout=60)
    assert importing.returncode == 1
    assert errors.splitlines()[-1] == (
        f'error: chdb://{tmp_path}/data/clickhouse: usage-exporter serve, which held the database, has stopped; run the command again'
    )
    with serving(environment, tmp_path) as running:
        result = json.loads(program(environment, 'import', str(first), str(second), *options).stdout)
        assert result['stored'] + result['already_stored'] == lines
        assert running.calls == lines
        rows = program(environment, 'query', 'SELECT count() AS n FROM calls', '--format', 'json').stdout
        assert json.loads(rows) == [{'n': lines}]


def test_a_log_that_it_follows_is_not_forgotten(environment: dict[str, str], tmp_path: Path) -> None:
    access_log = tmp_path / 'access.log'
    access_log.write_bytes(log(range(3)))
    follow = json.dumps([{'path': str(access_log), 'domain': DOMAIN}])
    with serving(environment | {'USAGE_FOLLOW': follow}, tmp_path) as running:
        eventually(lambda: running.calls == 0 and (tmp_path / 'data' / 'spool' / 'followed.json').exists())
        for chosen in (['--file', str(access_log), '--domain', DOMAIN], ['--domain', DOMAIN]):
            result = program(environment, 'forget', *chosen, '--yes')
            assert (result.returncode, result.stderr) == (
                1, f'error: {access_log}: usage-exporter serve follows this log; stop it, then run the command again\n'
            )  # fmt: skip


def test_a_backup_that_the_command_cannot_see_is_an_error(environment: dict[str, str], tmp_path: Path) -> None:
    with serving(environment, tmp_path):
        target = '/proc/self/cwd/backup.tar'  # another file for each process, as below a /tmp of its own
        result = program(environment, 'backup', target)
        assert (result.returncode, result.stdout) == (1, '')
        assert result.stderr == (
            f'error: {target}: serve wrote the backup, but not where this command can see it; choose another directory\n'
        )
        assert program(environment, 'backup', str(tmp_path / 'seen.tar')).returncode == 0


def test_a_backup_is_restored_while_it_runs(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / 'access.log').write_bytes(log(range(3)))
    backup, database = str(tmp_path / 'backup.tar'), f'chdb://{tmp_path}/data/clickhouse'
    with serving(environment, tmp_path):
        assert program(environment, 'import', str(tmp_path / 'access.log'), '--domain', DOMAIN).returncode == 0
        assert program(environment, 'backup', backup).returncode == 0
        refused = program(environment, 'restore', backup)
        assert (refused.returncode, refused.stdout) == (1, '')
        assert refused.stderr == (
            f'error: {database}: the database is not empty; set USAGE_CLICKHOUSE_URL to an empty one, such as {database}-restored\n'
        )
        for other in (f'{database}?database=other', f'{database}-restored'):  # of the engine of serve, and of the command's own
            restored = program(environment | {'USAGE_CLICKHOUSE_URL': other}, 'restore', backup)
            assert (restored.returncode, restored.stdout, restored.stderr) == (0, f'restored 3 calls from {backup}\n', '')
    with serving(environment | {'USAGE_CLICKHOUSE_URL': f'{database}-restored'}, tmp_path) as running:
        assert running.calls == 3


def test_a_second_one_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    with serving(environment, tmp_path):
        second = program(environment | {'USAGE_LISTEN': '127.0.0.1:0'}, 'serve')
        assert second.returncode == 2
        assert 'another usage-exporter uses this spool; stop it' in second.stderr


def test_without_tokens_it_listens_to_this_machine_only(environment: dict[str, str], tmp_path: Path) -> None:
    port = environment['USAGE_LISTEN'].rpartition(':')[2]
    with serving(environment | {'USAGE_LISTEN': f'0.0.0.0:{port}'}, tmp_path) as running:
        assert f'listens on http://127.0.0.1:{port}' in running.log_file.read_text()


def test_with_a_token_it_listens_to_others_and_requires_it(environment: dict[str, str], tmp_path: Path) -> None:
    added = program(environment, 'tokens', 'add', '--name', 'test', '--domain', DOMAIN, '--scope', 'write')
    token = added.stdout.strip()
    port = environment['USAGE_LISTEN'].rpartition(':')[2]
    with serving(environment | {'USAGE_LISTEN': f'0.0.0.0:{port}'}, tmp_path) as running:
        assert f'listens on http://0.0.0.0:{port}' in running.log_file.read_text()
        assert running.post('/a').status_code == 401
        assert running.post('/a', Authorization=f'Bearer {token}').status_code == 202
        assert token not in running.log_file.read_text()
        assert '192.0.2.7' not in running.log_file.read_text()


def test_an_address_in_use_is_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    host, _, port = environment['USAGE_LISTEN'].rpartition(':')
    with socket.create_server((host, int(port))):
        result = program(environment, 'serve')
    assert result.returncode == 2
    assert f'{host}:{port}: cannot listen here (Address already in use); choose another USAGE_LISTEN' in result.stderr
    assert 'Traceback' not in result.stderr


def test_an_invalid_rule_is_one_line_at_the_start(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / 'keys.csv'
    result = program(environment | {'USAGE_DOMAINS': f'{{"data.example.org": {{"api_keys": "{file}"}}}}'}, 'serve')
    assert result.returncode == 2
    assert f'{file}: cannot read the API keys' in result.stderr
    assert 'Traceback' not in result.stderr


def test_it_accepts_calls_while_the_database_is_unreachable(environment: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(('127.0.0.1', 0)) as free:
        unreachable = f'http://127.0.0.1:{free.getsockname()[1]}/usage'
    with serving(environment | {'USAGE_CLICKHOUSE_URL': unreachable}, tmp_path) as running:
        assert running.post('/a', '/b').status_code == 202
        eventually(lambda: 'no ClickHouse server answers' in running.log_file.read_text())
        eventually(lambda: httpx.get(f'{running.url}/readyz').status_code == 503)
        assert httpx.get(f'{running.url}/readyz').json()['parts']['database'] is False
        assert running.stop() == 0
        assert '2 accepted calls wait on the disk' in running.log_file.read_text()
    with serving(environment, tmp_path) as running:
        eventually(lambda: running.calls == 2)


def test_a_silent_server_delays_neither_start_nor_end(environment: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(('127.0.0.1', 0)) as silent:
        unreachable = f'http://127.0.0.1:{silent.getsockname()[1]}/usage'
        with serving(environment | {'USAGE_CLICKHOUSE_URL': unreachable}, tmp_path) as running:
            assert 'listens on' in running.log_file.read_text()
            assert running.post('/a').status_code == 202
            assert running.stop() == 0
            assert '1 accepted calls wait on the disk' in running.log_file.read_text()


def test_kills_at_any_moment_neither_lose_nor_duplicate_calls() -> None:
    process = subprocess.run([sys.executable, KILLS, '--kills', '10'], capture_output=True, text=True, check=False, timeout=900)
    result = json.loads(process.stdout)
    assert process.returncode == 0, result
    assert result['kills'] == 10
    assert result['stored'] == result['expected'] > 0
    assert (result['lost'], result['double'], result['unexpected'], result['rollups_off']) == (0, 0, 0, 0)
