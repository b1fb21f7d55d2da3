"""Keeps a small database of each released schema as a backup, with the numbers that this version reads from it.

Run `make released` before a release with new migrations: it writes NAME.tar.gz and NAME.jsonl.gz to tests/data, named after the
newest migration. Later versions restore them and must give the same numbers.
"""

import gzip
import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from access_logs import DOMAIN, log, run
from files import DATA

from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect

OTHER = 'other.example.org'
PERIODS = (('2024-10-31 05:30:00', '2024-11-04 17:45:10'), ('2024-10-01 00:00:00', '2024-12-01 00:00:00'))
KEPT_FROM = date(2024, 11, 3)  # in the database with removed calls
SETTINGS = """
timezone = "Europe/Paris"
paths = ["/api/*"]
[domains."other.example.org"]
timezone = "Asia/Kathmandu"
"""
TAKEN_BACK = 'taken_back.log'
LOGS = {
    'access.log': log(range(1_500)) + log(range(40), request='OPTIONS /api/1 HTTP/1.1') + b'no line of a log\n' * 3,
    'pages.log': log(range(200), request='GET /about HTTP/1.1') + log(range(60), status=500, request='GET /api/bad HTTP/1.1'),
    TAKEN_BACK: log(range(2_000, 2_050)),
    'other.log': log(range(0, 900, 3), user='alice'),
}
LEDGER = """
SELECT domain, log, start, toString(max(state)) AS state, max(stored) AS stored, max(skipped) AS skipped,
    maxMap(rejected) AS rejected, max(first_timestamp) AS first_timestamp, max(last_timestamp) AS last_timestamp
FROM batches GROUP BY domain, log, start ORDER BY domain, log, start
"""


def numbers(database: ClickHouse) -> Iterator[dict[str, Any]]:
    """Yields queries with their rows: each view by portals, period and crawlers, the ledger, and the events."""
    questions = {'ledger': LEDGER, 'events': 'SELECT * EXCEPT id FROM events', 'domains': 'SELECT * FROM domains ORDER BY domain'}
    views = [change.name for change in schema.views() if change.name != 'domains']
    for view, (domains, crawlers), (start, end) in product(views, (([], 1), ([DOMAIN], 0), ([OTHER], 0)), PERIODS):
        questions[f'{view} {domains} {start} {end} {crawlers}'] = (
            f"SELECT * FROM {view}(domains={domains}, from='{start}', to='{end}', crawlers={crawlers}) ORDER BY ALL"
        )
    for name, question in questions.items():
        rows = database.query(question)
        yield {'name': name, 'question': question, 'rows': json.loads(json.dumps(rows, default=str))}


def portal(name: str) -> str:
    """Returns the portal that wrote one of LOGS."""
    return OTHER if name == 'other.log' else DOMAIN


def fill(folder: Path) -> None:
    """Fills each table: imports two portals and invalid lines, adds an event, and forgets a log."""
    for name, content in LOGS.items():
        (folder / name).write_bytes(content)
        _succeed('import', folder / name, '--domain', portal(name))
    _succeed('forget', '--file', folder / TAKEN_BACK, '--domain', DOMAIN, '--yes')
    _succeed('events', 'add', 'New data sets', '--start', '2024-11-01', '--end', '2024-11-03', '--domain', DOMAIN)


def _succeed(*arguments: str | Path) -> None:
    result = run(*arguments)
    assert result.exit_code == 0, result.output


def _keep(name: str, folder: Path) -> None:
    _succeed('backup', folder / f'{name}.tar.gz')
    with closing(connect(os.environ['USAGE_CLICKHOUSE_URL'])) as database:
        text = '\n'.join(json.dumps(answer) for answer in numbers(database))
    (DATA / f'{name}.tar.gz').write_bytes((folder / f'{name}.tar.gz').read_bytes())
    (DATA / f'{name}.jsonl.gz').write_bytes(gzip.compress(text.encode(), mtime=0))


def main() -> None:
    """Keeps the newest schema twice: with all calls, and after removing old calls."""
    newest = f'schema_{schema.migrations()[-1].name[:4]}'
    if (DATA / f'{newest}.jsonl.gz').exists():
        sys.exit(f'{newest}: a released schema is kept as it was; add a migration first')
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / 'settings.toml').write_text(SETTINGS)
        os.environ['USAGE_CONFIG'] = str(folder / 'settings.toml')
        os.environ |= {'USAGE_DATA_DIR': f'{folder}/data', 'USAGE_CLICKHOUSE_URL': f'chdb://{folder}/data/clickhouse'}
        os.environ['USAGE_SECRET'] = 'of the released databases'
        fill(folder)
        _keep(newest, folder)
        os.environ['USAGE_KEEP_CALLS_DAYS'] = str((datetime.now(UTC).date() - KEPT_FROM).days)
        _succeed('prune')
        _keep(f'{newest}_pruned', folder)


if __name__ == '__main__':
    main()
