"""A pull is killed at each of its steps, and at any moment: each row counts once, or an hour is as it was."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from access_logs import DOMAIN
from pulls import FIRST, SINCE, complete, hour, key, workspace  # noqa: F401
from workspace import API_KEY, FakeWorkspace, Row, rows_of_hour, running

PROGRAM = 'from exporter.cli import main; main()'
# kills itself before a step: its number is the first argument
KILLED = (
    """
import os, signal, sys
from exporter.store import hour_journal
from exporter.store.clickhouse import ClickHouse
left = int(sys.argv.pop(1))
def counted(step):
    def call(*arguments, **named):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return step(*arguments, **named)
    return call
for owner, names in ((ClickHouse, ('command', 'insert_file', 'insert_rows')), (hour_journal, ('write', '_remove'))):
    for name in names:
        setattr(owner, name, counted(getattr(owner, name)))
"""
    + PROGRAM
)
SUMS = """
SELECT 'calls' AS name, toString(day) AS day, count() AS n FROM calls GROUP BY day
UNION ALL SELECT 'days', toString(day), sum(days.calls) FROM days GROUP BY day
UNION ALL SELECT 'accounts', toString(day), sum(accounts.calls) FROM accounts GROUP BY day
UNION ALL SELECT 'places', toString(day), sum(places.calls) FROM places GROUP BY day
"""
USERS = """
SELECT 'calls' AS name, toString(day) AS day, uniqHLL12If(visitor, user_id = '') AS n FROM calls GROUP BY day
UNION ALL SELECT 'days', toString(day), uniqHLL12Merge(anonymous_users) FROM days GROUP BY day
"""
HOURS = 'SELECT toUnixTimestamp(toStartOfHour(timestamp)) AS hour, count() AS n FROM calls GROUP BY hour'


class Host:
    """A data directory with an embedded database, which one process after the other opens."""

    def __init__(self, data_dir: Path) -> None:
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith('USAGE_')}
        self.environment |= {'USAGE_DATA_DIR': str(data_dir), 'USAGE_OPENDATASOFT_API_KEY': API_KEY}
        self.run('init')

    def run(self, *arguments: str) -> str:
        """Runs a command without an error; returns what it prints."""
        command = [sys.executable, '-c', PROGRAM, *arguments]
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        assert 'warning' not in result.stderr
        return result.stdout

    def pull(self, url: str, program: str = PROGRAM, *arguments: str) -> 'subprocess.Popen[bytes]':
        """Starts a pull."""
        command = [sys.executable, '-c', program, *arguments, 'pull', url, '--domain', DOMAIN, '--since', str(SINCE)]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def query(self, statement: str) -> list[dict[str, Any]]:
        """The rows of a statement."""
        rows: list[dict[str, Any]] = json.loads(self.run('query', statement, '--format', 'json'))
        return rows

    def sums(self, statement: str) -> dict[str, dict[str, int]]:
        """Numbers by day, of each table that a statement names."""
        sums = dict[str, dict[str, int]]()
        for row in self.query(statement):
            sums.setdefault(row['name'], {})[row['day']] = row['n']
        return sums


def by_hour(rows: list[Row]) -> dict[int, int]:
    return Counter(int(row['timestamp'].timestamp()) // 3600 * 3600 for row in complete(rows))


@pytest.mark.slow
@pytest.mark.parametrize('fewer', [False, True])
def test_after_a_kill_at_any_step_the_old_or_the_new_rows_count(workspace: FakeWorkspace, tmp_path: Path, fewer: bool) -> None:
    """In `calls` and in each sum, for whoever reads next; `fewer`: an hour lost rows as well, so that it is replaced."""
    host = Host(tmp_path)
    day, end, outcomes = FIRST + timedelta(1), FIRST + timedelta(2), list[str]()  # hours of one day are stored together
    with running(workspace) as url:
        host.pull(url).communicate()
        old = by_hour(workspace.rows)
        for step in count():
            workspace.rows += rows_of_hour(day + timedelta(hours=8), 2, seed=step) + rows_of_hour(day, 1, seed=step)
            if fewer:
                workspace.rows.remove(next(row for row in workspace.rows if day + timedelta(hours=10) <= row['timestamp'] < end))
            new = by_hour(workspace.rows)
            process = host.pull(url, KILLED, str(step))
            process.communicate()
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL
            stored = {row['hour']: row['n'] for row in host.query(HOURS)}
            assert stored in (old, new), step
            sums, users = host.sums(SUMS), host.sums(USERS)
            assert sums['calls'] == sums['days'] == sums['accounts'] == sums['places'], step
            assert users['calls'] == users['days'], step
            outcomes.append('old' if stored == old else 'new')
            old = stored
    assert outcomes[0] == 'old'
    assert set(outcomes[1:]) == {'new'}  # from the moment at which the journal is written
    assert len(outcomes) >= (12 if fewer else 4)


@pytest.mark.slow
def test_a_hundred_kills(workspace: FakeWorkspace, tmp_path: Path) -> None:
    kills = int(os.environ.get('USAGE_TEST_PULL_KILLS', '6'))
    chance, host = random.Random(5), Host(tmp_path)
    with running(workspace) as url:
        for number in range(kills):
            process = host.pull(url)
            time.sleep(chance.uniform(0.7, 3.5))
            process.kill()
            process.communicate()
            for _ in range(3):
                workspace.rows += rows_of_hour(hour(chance.randrange(2, 40, 2)), 1, seed=number)
            if number % 3 == 2:  # of another hour: one with as many rows as before is not replaced
                fewer = hour(chance.randrange(3, 40, 2))
                lost = [row for row in workspace.rows if fewer <= row['timestamp'] < fewer + timedelta(hours=1)]
                workspace.rows = [row for row in workspace.rows if row not in lost[:1]]
        last = host.pull(url)
        assert last.communicate()[1].decode().count('error') == 0
        assert last.returncode == 0
    expected = complete(workspace.rows)
    rows = host.query('SELECT toUnixTimestamp(timestamp) AS t, user_id, path, dataset_id, bytes, failed FROM calls')
    assert Counter(tuple(row.values()) for row in rows) == Counter(map(key, expected))
    days = Counter(str(row['timestamp'].date()) for row in expected)
    assert host.sums(SUMS) == dict.fromkeys(('calls', 'days', 'accounts', 'places'), days)
