"""Stops the database while `serve` is under load. Measures the waiting calls, the memory, the time to catch up and the losses."""

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
from pathlib import Path
from typing import Any

from collector import SERVE, body

sys.path.insert(0, str(Path(__file__).parent.parent / 'tests'))
from clickhouse_server import ClickHouseServer

CLIENTS, SIZE = 4, 100
PAUSE = 0.08  # seconds between the requests of a client


def send(port: int, number: int, ending: threading.Event, accepted: list[int]) -> None:
    """Sends requests until `ending` is set. Counts the acknowledged calls."""
    connection = http.client.HTTPConnection('127.0.0.1', port)
    content = body(SIZE, number)
    while not ending.is_set():
        connection.request('POST', '/v1/calls', content, {'Content-Type': 'application/json'})
        answer = connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        if answer.status != 202:
            raise SystemExit(f'{answer.status}: {told}')
        accepted[number] += told['accepted']
        time.sleep(PAUSE)


def memory(process: subprocess.Popen[bytes]) -> float:
    """Returns the resident memory in megabytes."""
    pages = int(Path(f'/proc/{process.pid}/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


def metrics(port: int) -> dict[str, float]:
    """Returns the metrics without labels, by name."""
    connection = http.client.HTTPConnection('127.0.0.1', port)
    connection.request('GET', '/metrics')
    lines = connection.getresponse().read().decode().splitlines()
    pairs = (line.rsplit(' ', 1) for line in lines if line[0] != '#' and '{' not in line)
    return {name: float(value) for name, value in pairs}


def main() -> None:
    """Prints the results. Exits with 1 if a call is lost or duplicate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=60, help='how long the database is away')
    away = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / 'log').open('wb') as log:
        server = ClickHouseServer(f'{folder}/clickhouse')
        with socket.create_server(('127.0.0.1', 0)) as free:
            port = free.getsockname()[1]
        settings = {
            'USAGE_DATA_DIR': f'{folder}/data',
            'USAGE_LISTEN': f'127.0.0.1:{port}',
            'USAGE_CLICKHOUSE_URL': f'{server.url}/usage',
        }
        process = subprocess.Popen(SERVE, env=os.environ | settings, stdout=log, stderr=log)
        while b'listens on' not in (Path(folder) / 'log').read_bytes():
            time.sleep(0.1)
        ending, accepted = threading.Event(), [0] * CLIENTS
        clients = [threading.Thread(target=send, args=(port, n, ending, accepted)) for n in range(CLIENTS)]
        for thread in clients:
            thread.start()
        time.sleep(10)
        server.stop()
        time.sleep(5)
        before = memory(process)
        time.sleep(away - 5)
        after, waiting = memory(process), metrics(port)['usage_waiting_calls']
        server.start()
        back, stored = time.monotonic(), metrics(port)['usage_stored_calls_total']
        while metrics(port)['usage_waiting_calls'] > CLIENTS * SIZE / PAUSE * 2:  # the calls of two seconds
            time.sleep(0.2)
        caught_up = time.monotonic() - back
        came = metrics(port)['usage_stored_calls_total'] - stored
        ending.set()
        for thread in clients:
            thread.join()
        while metrics(port)['usage_waiting_calls']:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        process.wait()
        found = int(server.engine.query('SELECT count() FROM usage.calls').bytes())
        server.close()
    print(f'away for {away:.0f} s: {waiting:,.0f} calls waited; resident {before:.0f} MB, at the end {after:.0f} MB')
    print(f'caught up {caught_up:.1f} s after it came back, with {came:,.0f} calls; it is tried every 10 s or so')
    print(f'acknowledged {sum(accepted):,}, stored {found:,}')
    sys.exit(sum(accepted) != found)


if __name__ == '__main__':
    main()
