"""`GET /v1/report` answers what the command prints; `POST /v1/events` stores what the command stores."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from access_logs import run
from serving import CALL, DOMAIN, OTHER, Serving, problem, stored

from exporter.report import events
from exporter.report.indicators import Report
from exporter.report.output import as_json
from exporter.store.clickhouse import ClickHouse


def test_the_report_is_that_of_the_command(web: Serving, database: ClickHouse, settings: pytest.MonkeyPatch) -> None:
    crawler = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
    web.post([CALL, CALL | {'user_id': 'alice'}, CALL | {'user_agent': crawler}])
    web.post([CALL | {'domain': OTHER}])
    stored(web, database)
    for query, options in (
        (f'domain={DOMAIN}', ['--domain', DOMAIN]),
        (
            f'domain={DOMAIN.upper()}&from=2026-11-01&to=2026-11-03',
            ['--domain', DOMAIN, '--from', '2026-11-01', '--to', '2026-11-03'],
        ),
        (
            f'domain={DOMAIN}&from=2026-11-02T09:30&to=2026-11-02T09:31&crawlers=true',
            ['--domain', DOMAIN, '--from', '2026-11-02T09:30', '--to', '2026-11-02T09:31', '--crawlers'],
        ),
        (f'domain={OTHER}&to=2026-11-02&crawlers=false', ['--domain', OTHER, '--to', '2026-11-02']),
    ):
        response = web.client.get(f'/v1/report?{query}')
        assert response.status_code == 200, response.text
        assert response.text == run('report', '--format', 'json', *options).stdout.rstrip('\n')
        assert response.text == as_json(msgspec.json.decode(response.data, type=Report))  # the type that OpenAPI describes


@pytest.mark.parametrize(
    ('query', 'named'),
    [
        (f'domain={DOMAIN}&from=x', 'from'), (f'domain={DOMAIN}&to=2026-13-01', 'to'), (f'domain={DOMAIN}&to=2200-01-01', 'to'),
        (f'domain={DOMAIN}&from=2026-11-03&to=2026-11-01', 'swap from and to'),
        ('crawlers=yes', 'crawlers'), ('crawlers=1', 'crawlers'), ('domain=no%20domain', 'domain'), ('day=1', 'day'),
        ('from=2026-11-01&from=2026-11-02', 'from'), ('', 'choose one with domain'),
    ],
)  # fmt: skip
def test_an_invalid_parameter_is_named(web: Serving, database: ClickHouse, query: str, named: str) -> None:
    web.post([CALL, CALL | {'domain': OTHER}])
    stored(web, database)
    assert named in problem(web.client.get(f'/v1/report?{query}'), 400)['detail']


def test_a_portal_without_calls_is_404(web: Serving) -> None:
    problem(web.client.get('/v1/report'), 404)
    assert DOMAIN in problem(web.client.get(f'/v1/report?domain={DOMAIN}'), 404)['detail']


def test_an_event_is_stored_in_the_portals_time_zone(web: Serving, database: ClickHouse) -> None:
    sent = {
        'title': 'Air',
        'start': '2026-11-03',
        'end': '2026-11-04',
        'domain': 'DATA.example.org',
        'text': 'é',
        'tags': ['a', 'b'],
    }
    response = web.client.post('/v1/events', json=sent)
    assert response.status_code == 201
    [event] = events.read(database, DOMAIN)
    assert response.json
    assert response.json['id'] == event.id
    start = datetime(2026, 11, 2, 23, tzinfo=UTC)
    assert (event.start, event.end) == (start, start + timedelta(days=2, seconds=-1))
    assert msgspec.json.decode(response.data, type=events.Event) == event  # the type that OpenAPI describes
    assert (event.domain, event.title, event.text, event.tags) == (DOMAIN, 'Air', 'é', ['a', 'b'])


@pytest.mark.parametrize(
    'event',
    [
        {}, [], None, {'title': 'x'}, {'start': '2026-11-03'}, {'title': '', 'start': '2026-11-03'}, {'title': ' ', 'start': '2026-11-03'},
        {'title': 'x', 'start': 'soon'}, {'title': 'x', 'start': 7}, {'title': 'x', 'start': '2026-11-03', 'end': '2026-11-02'},
        {'title': 'x', 'start': '2026-11-03', 'domain': 'no domain'}, {'title': 'x', 'start': '2026-11-03', 'colour': 'red'},
        {'title': 'x' * 201, 'start': '2026-11-03'}, {'title': 'x', 'start': '2026-11-03', 'tags': 'a'},
    ],
)  # fmt: skip
def test_an_invalid_event_is_refused(web: Serving, database: ClickHouse, event: Any) -> None:
    body = json.dumps(event)
    problem(web.client.post('/v1/events', data=body, content_type='application/json'), 400)
    problem(web.client.post('/v1/events', data=body), 415)
    assert events.read(database, None) == []
