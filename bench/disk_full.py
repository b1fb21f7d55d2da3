"""Fills the disk under the spool of `serve` (a tmpfs; needs root). Checks the answers and the calls stored in the end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from collector import SERVE, body

from exporter.store.clickhouse import connect

ROOM = '3m'
SIZE = 200


def main() -> None:
    """Prints the answers and the stored calls. Exits with 1 if the acknowledged and the stored calls differ."""
    with tempfile.TemporaryDirectory() as name, (Path(name) / 'log').open('wb') as log:
        folder = Path(name)
        small = folder / 'small'
        small.mkdir()
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={ROOM}', 'tmpfs', small], check=True)
        try:
            with socket.create_server(('127.0.0.1', 0)) as free:
                port = free.getsockname()[1]
            settings = {
                'USAGE_DATA_DIR': str(small),
                'USAGE_LISTEN': f'127.0.0.1:{port}',
                'USAGE_CLICKHOUSE_URL': f'chdb://{folder}/clickhouse',
            }
            process = subprocess.Popen(SERVE, env=os.environ | settings, stdout=log, stderr=log)
            while b'listens on' not in (folder / 'log').read_bytes():
                time.sleep(0.1)
            connection, content = http.client.HTTPConnection('127.0.0.1', port), body(SIZE, 1)
            answers = Counter[int]()
            filler = small / 'filler'
            for round_ in range(6):
                if round_ % 2:  # another writer fills the disk
                    with suppress(OSError), filler.open('wb', buffering=0) as file:
                        while file.write(b'0' * 4_096):
                            pass
                until = time.monotonic() + 5
                while time.monotonic() < until:
                    connection.request('POST', '/v1/calls', content, {'Content-Type': 'application/json'})
                    answer = connection.getresponse()
                    answer.read()
                    answers[answer.status] += 1
                    if answer.status == 503 and not answer.headers['Retry-After']:
                        raise SystemExit('503 without Retry-After')
                    time.sleep(0.01)
                filler.unlink(missing_ok=True)
            time.sleep(5)
            process.send_signal(signal.SIGTERM)
            ended = process.wait()
            database = connect(f'chdb://{folder}/clickhouse')
            [row] = database.query('SELECT count() AS n FROM calls')
            database.close()
        finally:
            subprocess.run(['umount', '-l', small], check=True)
    print(json.dumps({'answers': dict(answers), 'acknowledged': answers[202] * SIZE, 'stored': row['n'], 'exit_code': ended}))
    sys.exit(bool(ended) or answers[202] * SIZE != row['n'] or set(answers) != {202, 503})


if __name__ == '__main__':
    main()
