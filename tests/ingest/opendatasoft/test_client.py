"""The client asks a workspace: paging, formats, quotas, and answers that fail or break off."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from flask import Response
from workspace import API_KEY, FakeWorkspace, rows_of_hour, running

from exporter.errors import InputError, SettingsError
from exporter.ingest.opendatasoft.client import Workspace

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=2)


@pytest.fixture
def server() -> FakeWorkspace:
    """Two days of rows."""
    return FakeWorkspace(row for number in range(48) for row in rows_of_hour(START + timedelta(hours=number), number % 4))


class Client:
    """A client of a workspace that notes what it says and how long it waits."""

    def __init__(self, url: str, api_key: str | None = API_KEY) -> None:
        self.lines, self.pauses = list[str](), list[float]()
        self.workspace = Workspace(url, api_key, self.lines.append, self.pauses.append)


@pytest.fixture
def client(server: FakeWorkspace) -> Iterator[Client]:
    with running(server) as url:
        client = Client(url)
        with client.workspace:
            yield client


@pytest.mark.parametrize('page', [1, 7, 100])
def test_counts_of_all_pages(server: FakeWorkspace, client: Client, page: int) -> None:
    server.page = page
    expected = Counter(int(row['timestamp'].timestamp()) // 3600 * 3600 for row in server.rows)
    assert client.workspace.counts(START, END) == expected
    day = client.workspace.counts(START, START + timedelta(days=1))
    assert day == {start: rows for start, rows in expected.items() if start < START.timestamp() + 86_400}


def test_a_workspace_that_does_not_count_by_hour(server: FakeWorkspace, client: Client) -> None:
    server.counts_by_hour = False
    assert client.workspace.counts(START, END) is None
    asked = len(server.requests)
    assert client.workspace.counts(START, END) is None
    assert len(server.requests) == asked


@pytest.mark.parametrize(
    'answer', ['{"results": [{"hour": "2026-11-01 00", "n": 1}]}', '{"results": [{"n": 1}]}', '[]', 'no JSON']
)
def test_odd_counts_are_not_used(server: FakeWorkspace, client: Client, answer: str) -> None:
    server.faults = [Response(answer), Response(answer)]  # the first one ignores the offset
    result = client.workspace.counts(START, END)
    assert result is None or not result


def test_only_the_rows_of_the_period_are_exported(server: FakeWorkspace, client: Client, tmp_path: Path) -> None:
    assert client.workspace.export(START, START + timedelta(hours=3), tmp_path / 'rows') == 'parquet'
    times = pl.read_parquet(tmp_path / 'rows')['timestamp']
    assert len(times) == sum(row['timestamp'] < START + timedelta(hours=3) for row in server.rows)
    assert times.max() < START + timedelta(hours=3)  # type: ignore[operator]
    assert 'use_labels=false' in server.requests[-1]
    assert 'timezone=UTC' in server.requests[-1]


def test_a_format_that_is_not_offered_is_asked_once(server: FakeWorkspace, client: Client, tmp_path: Path) -> None:
    server.formats = ('jsonl',)
    assert client.workspace.export(START, END, tmp_path / 'rows') == 'jsonl'
    assert client.workspace.export(START, END, tmp_path / 'rows') == 'jsonl'
    assert [request.partition('?')[0].rpartition('/')[2] for request in server.requests] == ['parquet', 'jsonl', 'jsonl']


@pytest.mark.parametrize(('wait', 'pause', 'said'), [('3', 3, False), ('45', 45, True), ('nonsense', 1, False), ('', 1, False)])
def test_a_quota_is_waited_for(server: FakeWorkspace, client: Client, wait: str, pause: float, said: bool) -> None:
    server.faults = [Response('', 429, {'Retry-After': wait})]
    assert client.workspace.counts(START, END)
    assert client.pauses == [pause]
    assert client.lines == ([f'{client.workspace.url}: asks to wait 45 s'] if said else [])


def test_a_long_quota_ends_with_its_time(server: FakeWorkspace, client: Client) -> None:
    server.faults = [Response('', 429, {'Retry-After': '7200'})]
    with pytest.raises(InputError, match=r'quota of calls is used up until \d{4}-\d\d-\d\d \d\d:\d\d UTC; run the command again'):
        client.workspace.counts(START, END)
    assert client.pauses == []


def test_errors_of_the_server_are_tried_five_times(server: FakeWorkspace, client: Client) -> None:
    server.faults = [500, 502, 503, 504, 500]
    with pytest.raises(InputError, match='answers 500 INTERNAL SERVER ERROR; run the command again later'):
        client.workspace.counts(START, END)
    assert client.pauses == [1, 2, 4, 8]


def test_an_export_that_breaks_off_is_asked_again(server: FakeWorkspace, client: Client, tmp_path: Path) -> None:
    server.faults = [Response(iter([b'PAR1']), headers={'Content-Length': '99999'})]
    client.workspace.export(START, END, tmp_path / 'rows')
    assert len(pl.read_parquet(tmp_path / 'rows')) == len(server.rows)
    assert client.pauses == [1]


@pytest.mark.parametrize(
    ('status', 'text'),
    [(401, 'the API key is missing or wrong'), (403, "give its account the permission to see the workspace's analytics")],
)
def test_a_key_that_may_not_see_the_rows(server: FakeWorkspace, client: Client, status: int, text: str) -> None:
    server.faults = [status]
    with pytest.raises(SettingsError, match=text):
        client.workspace.check(datetime.now(UTC))
    assert client.pauses == []


def test_no_workspace_answers() -> None:
    client = Client('http://127.0.0.1:9')
    with client.workspace, pytest.raises(InputError, match='cannot be reached'):
        client.workspace.check(datetime.now(UTC))


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        ({'api': '/other'}, 'not an Opendatasoft workspace'),
        ({'has_dataset': False}, 'the workspace has no data set ods-api-monitoring'),
        ({'clock': timedelta(hours=1)}, 'the clock of this machine says'),
    ],
)
def test_what_cannot_be_pulled(server: FakeWorkspace, client: Client, changes: dict[str, Any], text: str) -> None:
    for name, value in changes.items():
        setattr(server, name, value)
    with pytest.raises(InputError, match=text):
        client.workspace.check(datetime.now(UTC))
