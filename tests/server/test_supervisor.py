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


def test_while_it_runs_other_commands_name_a_remedy(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / 'access.log').write_bytes(log(range(3)))
    with serving(environment, tmp_path) as running:
        imports = ['import', str(tmp_path / 'access.log'), '--domain', DOMAIN]
        for command in (['report'], imports, ['query', 'SELECT 1'], ['init']):
            result = program(environment, *command)
            assert (result.returncode, result.stdout if command[0] != 'import' else '') == (1, '')
            [line] = [line for line in result.stderr.splitlines() if line.startswith('error:')]
            assert f'usage-exporter serve holds the embedded database; ask it at {running.url}/v1/report' in line
        check = program(environment, 'check', '--format', 'json')
        [finding] = [finding for finding in json.loads(check.stdout) if finding['part'] == 'engine']
        assert (check.returncode, finding['level']) == (0, 'note')
        assert finding['state'] == f'usage-exporter serve holds the embedded database and answers at {running.url}'
        second = program(environment | {'USAGE_LISTEN': '127.0.0.1:0'}, 'serve')
        assert second.returncode == 2
        assert 'another usage-exporter uses this spool; stop it' in second.stderr
        assert running.post('/a').status_code == 202


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
    assert not (tmp_path / 'data' / 'serving').exists()


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
