"""What tests of pulls share: fixtures of a workspace with a year of rows, the command, and what must be stored."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from access_logs import DOMAIN, run
from click.testing import Result
from workspace import API_KEY, FakeWorkspace, Row, rows_of_hour, running

from exporter.store.clickhouse import ClickHouse
from exporter.store.rollups import differing

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
DAYS = 3


def hour(ago: int) -> datetime:
    return NOW - timedelta(hours=ago)


SINCE = (NOW - timedelta(days=DAYS - 1)).date()
FIRST = datetime(SINCE.year, SINCE.month, SINCE.day, tzinfo=UTC)


def pull(url: str, *options: str) -> Result:
    return run('pull', url, '--domain', DOMAIN, '--since', str(SINCE), *options)


def pulled(url: str, *options: str) -> dict[str, Any]:
    result = pull(url, '--format', 'json', *options)
    assert result.exit_code == 0, result.stderr
    summary: dict[str, Any] = json.loads(result.stdout)
    return summary


def error(result: Result, exit_code: int = 1) -> str:
    lines = [line for line in result.stderr.splitlines() if line.startswith('error: ')]
    assert (result.exit_code, len(lines)) == (exit_code, 1), result.output
    return lines[0].removeprefix('error: ')


def end() -> datetime:
    """The end of the last complete hour: it may have moved since the test began."""
    return (datetime.now(UTC) - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)


def complete(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row['timestamp'] < end()]


def key(row: Row) -> tuple[Any, ...]:
    """What is stored of a row as it is: an independent reading."""
    form = f'.{row["format"]}' if row['format'] else ''
    user = '' if row['user_id'] == 'anonymous' else row['user_id']
    path = f'/{row["api_type"]}/{row["api"]}{form}'
    return int(row['timestamp'].timestamp()), user, path, row['dataset_id'] or '', row['size_res'], int(row['in_error'])


def stored(database: ClickHouse) -> Counter[tuple[Any, ...]]:
    rows = database.query('SELECT toUnixTimestamp(timestamp) AS t, user_id, path, dataset_id, bytes, failed FROM calls')
    return Counter(tuple(row.values()) for row in rows)


def assert_every_row_counts_once(database: ClickHouse, rows: list[Row]) -> None:
    """In `calls`, and in each rollup, compared with the rows one by one."""
    expected = complete(rows)
    assert stored(database) == Counter(map(key, expected))
    assert differing(database, DOMAIN) == []
    by_day = Counter(row['timestamp'].date() for row in expected)
    days = database.query('SELECT day, sum(days.calls) AS n FROM days GROUP BY day')
    assert {row['day']: row['n'] for row in days} == by_day
    users = database.query("SELECT user_id, sum(accounts.calls) AS n FROM accounts WHERE user_id != '' GROUP BY user_id")
    accounts = Counter(row['user_id'] for row in expected)
    assert {row['user_id']: row['n'] for row in users} == {name: accounts[name] for name in ('alice', 'bob')}
    exact = database.query('SELECT uniqHLL12(visitor) AS n FROM calls WHERE user_id = {none:String}', {'none': ''})
    merged = database.query('SELECT uniqHLL12Merge(anonymous_users) AS n FROM days')
    assert exact == merged
    places = {
        name: database.query(f'SELECT country, latitude, longitude, {calls} AS n FROM {name} GROUP BY ALL ORDER BY ALL')
        for name, calls in (('calls', 'count()'), ('places', 'sum(places.calls)'))
    }
    assert places['calls'] == places['places']


@pytest.fixture
def workspace() -> FakeWorkspace:
    """A year of rows, those of the last days changeable.

    The hour that has just begun, and the one before, are not complete; some hours have no rows.
    """
    hours = range(int((NOW - FIRST).total_seconds() // 3600) + 1)
    recent = (row for ago in hours for row in rows_of_hour(hour(ago), 0 if ago % 5 == 4 else 20))
    return FakeWorkspace(recent, FIRST - timedelta(365 - DAYS), FIRST)


@pytest.fixture
def url(workspace: FakeWorkspace, settings: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the workspace. The program has its API key, and does not wait between requests."""
    settings.setenv('USAGE_OPENDATASOFT_API_KEY', API_KEY)
    settings.setattr('time.sleep', lambda _seconds: None)
    with running(workspace) as url:
        yield url
