"""`demo` stores each day of the made-up portal once, also after a kill, and all tables agree."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from access_logs import assert_rollups_agree, run
from files import ROOT

from exporter.catalogue import storage
from exporter.commands.context import Context
from exporter.commands.demo import store
from exporter.config import PortalRules
from exporter.ingest.demo import traffic
from exporter.model.tally import Summary
from exporter.report import events
from exporter.store.clickhouse import ClickHouse
from exporter.store.rejects import RejectStore

pytestmark = pytest.mark.slow
DAYS = 3
LAST = date(2026, 11, 17)  # the day of an event
SECRET = 'the same for every process of these tests'
NUMBERS = """
    SELECT
        (SELECT groupArray((day, crawler, calls, mobile, unlocated, users)) FROM (
            SELECT toString(day) AS day, crawler, sum(days.calls) AS calls, sum(mobile_calls) AS mobile,
                sum(unlocated_calls) AS unlocated, uniqHLL12Merge(anonymous_users) + uniqHLL12Merge(registered_users) AS users
            FROM days GROUP BY day, crawler ORDER BY day, crawler
        )) AS days,
        (SELECT groupArray((user_id, n)) FROM (SELECT user_id, sum(calls) AS n FROM accounts GROUP BY user_id ORDER BY user_id))
            AS accounts,
        (SELECT groupArray((country, n)) FROM (SELECT country, sum(calls) AS n FROM places GROUP BY country ORDER BY country))
            AS places,
        (SELECT groupArray((id, title)) FROM (SELECT id, title FROM events ORDER BY id)) AS events,
        (SELECT count() FROM calls) AS calls
"""
CHILD = """
import os, signal, sys
from exporter.cli import main
from exporter.ingest.demo import traffic

traffic.DAYS, last = int(sys.argv[1]), int(sys.argv[2])
draw = traffic.day_of_calls

def until(day, drawn=[]):
    drawn.append(day)
    if len(drawn) > last:
        os.kill(os.getpid(), signal.SIGKILL)  # while the day before is being stored
    return draw(day)

traffic.day_of_calls = until
main(['demo'])
"""


@pytest.fixture(autouse=True)
def short_month(settings: pytest.MonkeyPatch) -> None:
    """A demo of a few days."""
    settings.setenv('USAGE_SECRET', SECRET)
    settings.setattr(traffic, 'DAYS', DAYS)


def stored(database: ClickHouse, today: date) -> Summary:
    """Stores the days up to `today`, as the command does."""
    context = Context(None)
    enrichment = context.enrichment(traffic.DOMAIN, PortalRules(timezone=traffic.TIMEZONE))
    return store(database, context.ledger(database, enrichment), enrichment, RejectStore(Path('data')), today)


def drawn(today: date, days: int = DAYS) -> int:
    """The calls of so many days, without those of robots.txt, which is a static file."""
    calls = pl.concat([traffic.day_of_calls(today - timedelta(ago)) for ago in range(days)])
    return len(calls.filter(pl.col('path') != '/robots.txt'))


def test_a_later_day_adds_only_the_days_since_and_events_come_once(database: ClickHouse) -> None:
    first = stored(database, LAST)
    assert (first.stored, first.already_stored) == (drawn(LAST), 0)
    again = stored(database, LAST)
    assert (again.stored, again.already_stored) == (0, first.stored)
    tomorrow = LAST + timedelta(1)
    later = stored(database, tomorrow)
    assert later.stored == drawn(tomorrow, 1)
    assert later.already_stored == drawn(tomorrow) - drawn(tomorrow, 1)
    [whole] = database.query('SELECT count() AS calls, uniqExact(day) AS days FROM calls')
    assert whole == {'calls': drawn(LAST) + drawn(tomorrow, 1), 'days': DAYS + 1}
    assert_rollups_agree(database, traffic.DOMAIN)
    [event] = events.read(database, traffic.DOMAIN)
    assert (event.id, event.domain, event.start) == ('demo-2026-11-17', traffic.DOMAIN, datetime(2026, 11, 17, 8, tzinfo=UTC))


def test_the_command_stores_shows_and_deletes(database: ClickHouse) -> None:
    first = run('demo')
    assert first.exit_code == 0, first.output
    today = datetime.now(ZoneInfo(traffic.TIMEZONE)).date()
    calls = f'{drawn(today):,}'
    assert first.stdout.startswith(f'demo.example.org: stored {calls} calls; 0 were stored already\n')
    assert 'Top 5 users' in first.stdout
    again = run('demo')
    assert again.stdout.startswith(f'demo.example.org: stored 0 calls; {calls} were stored already\n')
    assert again.stdout.splitlines()[1:] == first.stdout.splitlines()[1:]
    [numbers] = database.query(NUMBERS)
    assert run('demo', '--remove').stdout == f'deleted {calls} calls of demo.example.org\n'
    assert database.query(NUMBERS) == [{'days': [], 'accounts': [], 'places': [], 'events': [], 'calls': 0}]
    assert run('demo', '--remove').stdout == 'deleted 0 calls of demo.example.org\n'
    assert run('demo').stdout == first.stdout
    assert database.query(NUMBERS) == [numbers]
    assert_rollups_agree(database, traffic.DOMAIN)


def test_calls_use_several_names_of_a_data_set_and_downloads_are_repeated(database: ClickHouse) -> None:
    stored(database, LAST)
    requested = database.query(
        """
        SELECT uniqExact(dataset_id) AS names, countIf(dataset_id = '' AND path = '/files/arbres-alignement.csv') > 0 AS by_file
        FROM calls WHERE dataset_id IN ('arbres-alignement', 'da_c5462b', '')
        """
    )
    assert requested == [{'names': 3, 'by_file': 1}]
    rows = database.query("SELECT * FROM datasets(domains=[], from='2026-11-01', to='2026-12-01', crawlers=0)")
    assert len([row for row in rows if row['calls'] == 0]) == 5
    assert len([row for row in rows if row['title'] and row['publisher'] and row['calls']]) == len(traffic.DATASETS)
    assert sum(row['downloads'] for row in rows) < 0.8 * sum(row['download_requests'] for row in rows)
    before = storage.datasets(database, traffic.DOMAIN)
    stored(database, LAST)
    assert storage.datasets(database, traffic.DOMAIN) == before


def test_the_next_run_finishes_a_killed_one(database: ClickHouse, tmp_path: Path, settings: pytest.MonkeyPatch) -> None:
    settings.delenv('USAGE_CLICKHOUSE_URL')
    settings.setenv('USAGE_DATA_DIR', str(tmp_path / 'killed'))
    settings.setenv('PYTHONPATH', str(ROOT))

    def child(last: int) -> int:
        command = [sys.executable, '-c', CHILD, str(DAYS), str(last)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert [child(1), child(1), child(DAYS)] == [-9, -9, 0]
    answer = [sys.executable, '-c', 'from exporter.cli import main; main()', 'query', NUMBERS, '--format', 'json']
    [numbers] = json.loads(subprocess.run(answer, capture_output=True, check=True).stdout)
    stored(database, datetime.now(ZoneInfo(traffic.TIMEZONE)).date())
    [whole] = database.query(NUMBERS)
    assert numbers == json.loads(json.dumps(whole))


def test_the_next_step_is_a_command_that_works(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.setattr(sys, 'argv', ['.venv/bin/usage-exporter', 'demo'])
    settings.setenv('PATH', str(tmp_path))
    assert '\nYour own log:  .venv/bin/usage-exporter import access.log ' in run('demo').stdout
    (tmp_path / 'usage-exporter').touch(0o700)
    assert '\nYour own log:  usage-exporter import access.log ' in run('demo').stdout
