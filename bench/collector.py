"""Measures how many calls per second `serve` accepts over HTTP, each written to the disk first, and the response times.

With --statements, so many endless statements in SQL run or wait at /clickhouse meanwhile.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles

SERVE = [sys.executable, '-c', 'from exporter.cli import main; main()', 'serve']
ENDLESS = 'SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 7'
AGENTS = ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'python-requests/2.32.3', 'curl/8.5.0']


def body(size: int, client: int) -> bytes:
    """Returns the body of a request with `size` calls, by many visitors on many data sets."""
    now = datetime.now(UTC).isoformat()
    calls = [
        {
            'timestamp': now,
            'domain': 'data.example.org',
            'ip': f'81.{client}.{n // 200}.{n % 200}',
            'user_agent': AGENTS[n % 3],
            'method': 'GET',
            'path': f'/api/explore/v2.1/catalog/datasets/set-{n % 400}/records?limit=20&offset={n}',
            'status': 200,
            'bytes': 1_000 + n,
            'duration_ms': n % 300,
        }
        for n in range(size)
    ]
    return json.dumps(calls).encode()


def client(port: int, number: int, size: int, until: float) -> list[float]:
    """Sends requests one after the other. Returns the seconds of each."""
    connection = http.client.HTTPConnection('127.0.0.1', port)
    content, took = body(size, number), list[float]()
    while (begun := time.monotonic()) < until:
        connection.request('POST', '/v1/calls', content, {'Content-Type': 'application/json'})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        if answer.status != 202 or told['accepted'] != size:
            raise SystemExit(f'{answer.status}: {told}')
        took.append(time.monotonic() - begun)
    return took


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Runs `serve` and yields its port."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port: int = free.getsockname()[1]
    environment = os.environ | {'USAGE_DATA_DIR': str(folder / 'data'), 'USAGE_LISTEN': f'127.0.0.1:{port}'}
    with (folder / 'log').open('wb') as log:
        process = subprocess.Popen(SERVE, env=environment, stdout=log, stderr=log)
    try:
        while True:
            try:
                socket.create_connection(('127.0.0.1', port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def ask(port: int) -> None:
    """Sends an endless statement again and again, until `serve` stops."""
    with suppress(OSError, http.client.HTTPException):
        while True:
            connection = http.client.HTTPConnection('127.0.0.1', port)
            connection.request('POST', '/clickhouse', ENDLESS)
            connection.getresponse().read()


def measure(clients: int, size: int, seconds: float, statements: int) -> None:
    """Prints one line: the rates and response times of parallel clients with requests of `size` calls."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as port, get_context('spawn').Pool(clients) as pool:
        pool.starmap(client, [(port, n, size, time.monotonic() + 1) for n in range(clients)])  # a warm-up
        for _ in range(statements):
            threading.Thread(target=ask, args=(port,), daemon=True).start()
        until = time.monotonic() + seconds
        took = sorted(t for some in pool.starmap(client, [(port, n, size, until) for n in range(clients)]) for t in some)
    cuts = quantiles(took, n=100) if len(took) > 1 else took * 99
    rate = len(took) / seconds
    print(
        f'{clients:3} clients {size:6,} calls a request {rate:9,.0f} requests/s {rate * size:10,.0f} calls/s '
        f'p50 {cuts[49] * 1000:7.1f} ms  p99 {cuts[98] * 1000:7.1f} ms',
        flush=True,
    )


def main() -> None:
    """Prints a line for each number of clients and each size of request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=10)
    parser.add_argument('--statements', type=int, default=0)
    parser.add_argument('--calls', type=int, nargs='+', default=[1, 100, 1_000], help='of a request')
    options = parser.parse_args()
    for clients in (1, 16):
        for size in options.calls:
            measure(clients, size, options.seconds, options.statements)


if __name__ == '__main__':
    main()
