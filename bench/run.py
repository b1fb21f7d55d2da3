"""Runs all benchmarks in turn: import compared with GoAccess and DuckDB, disk space per call, stages of an import, views."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Takes some two minutes. `--full` uses ten times the size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--full', action='store_true', help='10 million lines and calls instead of 1 million')
    parser.add_argument('--pairs', type=int, default=3, help='how often the import, DuckDB and GoAccess run')
    options = parser.parse_args()
    size = '10000000' if options.full else '1000000'
    with tempfile.TemporaryDirectory() as kept:
        for script, *arguments in (
            ('import_speed.py', '--lines', size, '--pairs', str(options.pairs), '--keep', kept),
            ('storage.py', f'{kept}/ours/clickhouse'),
            ('stages.py',),
            ('views.py', '--calls', size),
        ):
            print(f'\n== {script} {" ".join(arguments)}', flush=True)
            subprocess.run([sys.executable, HERE / script, *arguments], check=True)


if __name__ == '__main__':
    main()
