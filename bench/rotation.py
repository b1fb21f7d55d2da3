"""Rotates logs in every way, while `serve` follows them and while it is stopped, then counts the stored lines.

The script writes one log for each kind of rotation at the same time. Every line has a unique path, and must be stored once.
"""

import argparse
import json
import os
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kills import DOMAIN, drained, start, up
from rotated_logs import KINDS, Log

from exporter.ingest.logs.followed import COMPRESSING
from exporter.store.clickhouse import connect

ROTATIONS = 12  # rotations of each log
STOPPED = 3  # times that serve is stopped, each for the same number of rotations
SETTLED = 5.0  # seconds until serve has read the written lines: copytruncate itself loses lines that are written while it copies


@contextmanager
def serving(folder: Path, url: str, environment: dict[str, str]) -> Iterator[None]:
    """Runs `serve`, which reads and stores the written lines before it ends."""
    process = start(folder, environment)
    try:
        up(url, process)
        yield
        process.terminate()
        if process.wait(60):
            raise SystemExit(f'serve ended with {process.returncode}')
    finally:
        process.kill()


def run(lines: int, folder: Path, kinds: list[str]) -> dict[str, Any]:
    """Writes this number of lines in total, then counts."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    url, database = f'http://127.0.0.1:{port}', f'chdb://{folder}/data/clickhouse'
    logs = [Log(folder / 'logs', kind) for kind in kinds]
    environment = {name: value for name, value in os.environ.items() if not name.startswith('USAGE_')} | {
        'USAGE_DATA_DIR': str(folder / 'data'),
        'USAGE_CLICKHOUSE_URL': database,
        'USAGE_LISTEN': f'127.0.0.1:{port}',
        'USAGE_FOLLOW': json.dumps([{'path': str(log.path), 'domain': DOMAIN} for log in logs]),
    }
    share = -(-lines // (len(logs) * (ROTATIONS + 1)))

    def turn(rotates: bool) -> None:
        for log in logs:
            if rotates:
                log.rotate()
            log.write(share)

    began = time.monotonic()
    turn(rotates=False)
    for _ in range(STOPPED):
        with serving(folder, url, environment):
            for _ in range(ROTATIONS // STOPPED // 2):
                time.sleep(SETTLED)
                turn(rotates=True)
            drained(url)
        for _ in range(ROTATIONS // STOPPED - ROTATIONS // STOPPED // 2):
            turn(rotates=True)
    with serving(folder, url, environment):
        time.sleep(COMPRESSING)  # until serve considers the compressed logs complete
        drained(url)
    for log in logs:
        log.close()
    return {
        **counted(database, logs),
        'rotations': sum(log.rotations for log in logs),
        'seconds': round(time.monotonic() - began),
    }


def counted(database_url: str, logs: list[Log]) -> dict[str, Any]:
    """Compares the stored with the written lines, also for each kind of rotation."""
    database = connect(database_url)
    found = Counter({row['path']: row['n'] for row in database.query('SELECT path, count() AS n FROM calls GROUP BY path')})
    [rows] = database.query("SELECT sum(skipped) AS skipped, sumMap(rejected) AS rejected FROM batches WHERE state = 'done'")
    database.close()
    expected = {log.kind: [f'/{log.kind}/{number}' for number in range(log.written)] for log in logs}
    lost = {kind: sum(path not in found for path in paths) for kind, paths in expected.items()}
    return {
        'written': sum(map(len, expected.values())),
        'stored': found.total(),
        'distinct': len(found),
        'lost': {kind: number for kind, number in lost.items() if number},
        'double': sum(number > 1 for number in found.values()),
        'rejected': rows['rejected'],
        'skipped': rows['skipped'],
    }


def main() -> None:
    """Prints the counts as JSON. Exits with 1 if a line is lost or duplicate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--lines', type=int, default=1_000_000)
    parser.add_argument('--kinds', nargs='+', choices=KINDS, default=list(KINDS))
    parser.add_argument('--keep', type=Path, help='a folder in which all is left as it was in the end')
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True)
        result = run(options.lines, options.keep.absolute(), options.kinds)
    else:
        with tempfile.TemporaryDirectory() as folder:
            result = run(options.lines, Path(folder), options.kinds)
    print(json.dumps(result))
    sys.exit(not result['written'] == result['stored'] == result['distinct'] or bool(result['lost']))


if __name__ == '__main__':
    main()
