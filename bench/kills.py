"""Kills `serve` repeatedly while calls arrive over HTTP and in a followed log of two portals, then counts the stored calls.

Every call has a unique path. Clients send each request again with the same idempotency key until it is acknowledged. In the end,
every acknowledged call and every line must be stored once, for its portal: none is lost, none is duplicate.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx

from exporter.store.clickhouse import connect

DOMAIN, OTHER = 'data.example.org', 'open.example.net'
SERVE = [sys.executable, '-c', 'from exporter.cli import main; main()', 'serve']
CLIENTS = 4
LINES = 20  # lines written to the log at a time
ROTATED = 40  # writes between two rotations
PATIENCE = 120.0  # seconds to wait until the last calls are stored


def combined(path: str, caller: int, host: str) -> str:
    """Returns the line of a call in the combined format, after the host."""
    return f'{host} 192.0.2.{caller} - - [{datetime.now(UTC):%d/%b/%Y:%H:%M:%S %z}] "GET {path} HTTP/1.1" 200 12 "-" "curl/8.5.0"'


def json_line(path: str, caller: int, host: str) -> str:
    """Returns the line of a call in JSON, with the names of nginx."""
    call = {'time_iso8601': datetime.now(UTC).isoformat(), 'remote_addr': f'192.0.2.{caller}', 'request': f'GET {path} HTTP/1.1'}
    return json.dumps(call | {'http_host': host, 'status': '200', 'body_bytes_sent': '12', 'http_user_agent': 'curl/8.5.0'})


FORMATS = {'combined': combined, 'json': json_line}


class Load:
    """Clients that send calls and a web server that writes a log, in threads of their own, until `end`."""

    def __init__(self, folder: Path, url: str, line: Callable[[str, int, str], str]) -> None:
        self.log, self.url, self.line = folder / 'access.log', f'{url}/v1/calls', line
        self.ending = threading.Event()
        self.acknowledged, self.written, self.sent_again = list[str](), list[str](), 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._write, daemon=True))

    def start(self) -> None:
        """Starts the threads."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stops the threads once each request is acknowledged."""
        self.ending.set()
        for thread in self._threads:
            thread.join()

    def _send(self, client: int) -> None:
        number = 0
        while not self.ending.is_set():
            paths = [f'/http/{client}/{number + i}' for i in range(random.choice((1, 1, 1, 10, 100)))]
            number += len(paths)
            now = datetime.now(UTC).isoformat()
            body = [{'timestamp': now, 'domain': DOMAIN, 'ip': f'192.0.2.{client}', 'path': path} for path in paths]
            key = {'Idempotency-Key': str(uuid4())}
            while not self._acknowledged(body, key):
                self.sent_again += 1
                time.sleep(0.02)
            with self._lock:
                self.acknowledged += paths

    def _acknowledged(self, body: list[dict[str, str]], key: dict[str, str]) -> bool:
        try:
            answer = httpx.post(self.url, json=body, headers=key, timeout=5)
        except httpx.HTTPError:
            return False
        if answer.status_code not in (202, 409, 503):
            raise SystemExit(f'{answer.status_code}: {answer.text}')
        return answer.status_code == 202

    def _write(self) -> None:
        writes = 0
        log = self.log.open('a')
        while not self.ending.is_set():
            for _ in range(LINES):
                path = f'/log/{len(self.written)}'
                log.write(f'{self.line(path, len(self.written) % 200, portal_of(path))}\n')
                self.written.append(path)
            log.flush()
            writes += 1
            if writes % ROTATED == 0:
                self.log.rename(self.log.with_name(f'access.log-{writes:06}'))
                log.close()
                log = self.log.open('a')
            time.sleep(0.05)
        log.close()


def start(folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Starts `serve` as a process."""
    with (folder / 'serve.log').open('ab') as out:
        return subprocess.Popen(SERVE, env=environment, stdout=out, stderr=out)


def up(url: str, process: subprocess.Popen[bytes]) -> None:
    """Waits until `serve` answers."""
    until = time.monotonic() + 300
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(f'{url}/healthz', timeout=1)
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f'serve did not start: {process.poll()}')


def stored(url: str) -> int:
    """Returns the number of calls stored since the start; -1 while calls wait or lines are unread."""
    values = dict(line.rsplit(' ', 1) for line in httpx.get(f'{url}/metrics').text.splitlines() if not line.startswith('#'))
    unread = sum(float(value) for name, value in values.items() if name.startswith('usage_follow_lag_bytes'))
    return -1 if float(values['usage_waiting_calls']) or unread else int(float(values['usage_stored_calls_total']))


def drained(url: str) -> None:
    """Waits until no calls were stored for some seconds."""
    until, before, quiet = time.monotonic() + PATIENCE, -2, 0
    while time.monotonic() < until and quiet < 6:
        now = stored(url)
        quiet = quiet + 1 if now == before >= 0 else 0
        before = now
        time.sleep(1)


def portal_of(path: str) -> str:
    """Returns the portal of a call: of a line of the log, the one whose host was written."""
    *_, kind, number = path.split('/')
    return (DOMAIN, OTHER)[int(number) % 2] if kind == 'log' else DOMAIN


def count(database_url: str, expected: list[str]) -> dict[str, int]:
    """Compares the stored calls with the expected paths and their portals."""
    database = connect(database_url)
    rows = database.query('SELECT path, domain, count() AS n FROM calls GROUP BY path, domain')
    found = Counter[str]()
    for row in rows:
        found[row['path']] += row['n']
    misplaced = sum(row['domain'] != portal_of(row['path']) for row in rows)
    [sums] = database.query(
        'SELECT (SELECT sum(days.calls) FROM days) AS days, (SELECT sum(calls) FROM accounts) AS accounts, '
        '(SELECT sum(calls) FROM places) AS places'
    )
    database.close()
    return {
        'expected': len(expected),
        'stored': found.total(),
        'lost': sum(path not in found for path in expected),
        'double': sum(number > 1 for number in found.values()),
        'unexpected': len(found.keys() - set(expected)),
        'misplaced': misplaced,
        'rollups_off': sum(abs(value - found.total()) for value in sums.values()),
    }


def run(kills: int, folder: Path, line: Callable[[str, int, str], str]) -> dict[str, int]:
    """Kills `serve` this number of times, then counts."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    url, database = f'http://127.0.0.1:{port}', f'chdb://{folder}/data/clickhouse'
    environment = {name: value for name, value in os.environ.items() if not name.startswith('USAGE_')} | {
        'USAGE_DATA_DIR': str(folder / 'data'),
        'USAGE_CLICKHOUSE_URL': database,
        'USAGE_LISTEN': f'127.0.0.1:{port}',
        'USAGE_FOLLOW': json.dumps([{'path': str(folder / 'access.log')}]),
        'USAGE_DOMAINS': json.dumps({domain: {'hosts': [domain]} for domain in (DOMAIN, OTHER)}),
    }
    load = Load(folder, url, line)
    process = start(folder, environment)
    try:
        up(url, process)
        load.start()
        time.sleep(5)  # until serve follows the log: it does not read logs that were rotated away before
        for number in range(kills):
            if number % 4:  # sometimes kills it while it starts
                up(url, process)
            time.sleep(random.expovariate(1 / 0.7))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = start(folder, environment)
        up(url, process)
        load.end()
        drained(url)
        process.send_signal(signal.SIGTERM)
        ended = process.wait(60)
    finally:
        process.kill()
    result = count(database, load.acknowledged + load.written)
    return {'kills': kills, 'exit_code': ended, 'sent_again': load.sent_again, **result}


def main() -> None:
    """Prints the counts as JSON. Exits with 1 if a call is lost or duplicate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=100)
    parser.add_argument('--log-format', choices=FORMATS, default='combined', help='of the followed log')
    parser.add_argument('--keep', type=Path, help='a folder in which all is left as it was in the end')
    options = parser.parse_args()
    line = FORMATS[options.log_format]
    if options.keep:
        options.keep.mkdir(parents=True)
        result = run(options.kills, options.keep.absolute(), line)
    else:
        with tempfile.TemporaryDirectory() as folder:
            result = run(options.kills, Path(folder), line)
    print(json.dumps(result))
    faults = ('lost', 'double', 'unexpected', 'misplaced', 'rollups_off', 'exit_code')
    sys.exit(any(result[fault] for fault in faults))


if __name__ == '__main__':
    main()
