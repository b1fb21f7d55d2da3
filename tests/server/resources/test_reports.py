"""`GET /v1/report` answers what the command prints, `GET /v1/datasets` its data sets; `POST /v1/events` stores events."""

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
from exporter.server.resources.reports import DatasetPage
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


def store_catalogue(database: ClickHouse) -> None:
    """The data sets trees and air of City, and rent of another publisher."""
    known = [('trees', 'Trees', 'City'), ('air', 'Air', 'City'), ('rent', 'Rent', 'Bureau')]
    rows = [
        {'domain': DOMAIN, 'name': name, 'dataset_id': name, 'title': title, 'publisher': publisher, 'theme': '', 'revision': 1}
        for name, title, publisher in known
    ]
    database.insert_rows('catalogue', rows, token='catalogue')
    database.insert_rows('catalogue_updates', [{'domain': DOMAIN, 'at': '2026-11-01 00:00:00', 'revision': 1}], token='update')


def test_parts_and_divisions_are_those_of_the_command(web: Serving, database: ClickHouse, settings: pytest.MonkeyPatch) -> None:
    web.post(
        [
            CALL | {'dataset_id': name, 'user_id': user}
            for name, user in (('trees', 'a'), ('trees', 'b'), ('rent', 'a'), ('raw', 'a'))
        ]
    )
    stored(web, database)
    store_catalogue(database)
    period = ['--from', '2026-11-02', '--to', '2026-11-02']
    for query, options in (
        ('dataset=trees', ['--dataset', 'trees']),
        ('dataset=raw&exact=true', ['--dataset', 'raw', '--exact']),
        ('publisher=City', ['--publisher', 'City']),
        ('by=dataset', ['--by', 'dataset']),
        ('by=status&dataset=trees&exact=false', ['--by', 'status', '--dataset', 'trees']),
        ('by=dataset&publisher=City&exact=true', ['--by', 'dataset', '--publisher', 'City', '--exact']),
    ):
        response = web.client.get(f'/v1/report?from=2026-11-02&to=2026-11-02&{query}')
        assert response.status_code == 200, response.text
        assert response.text == run('report', '--format', 'json', *period, *options).stdout.rstrip('\n')
    assert response.json
    assert [(row['dataset'], row['calls']) for row in response.json] == [('trees', 2), ('air', 0)]


def test_data_sets_are_listed_in_pages(web: Serving, database: ClickHouse) -> None:
    web.post([CALL | {'dataset_id': name, 'user_id': 'a'} for name in ('trees', 'trees', 'rent', 'raw')])
    stored(web, database)
    store_catalogue(database)

    def page(query: str) -> dict[str, Any]:
        response = web.client.get(f'/v1/datasets?from=2026-11-02&to=2026-11-02&{query}')
        assert response.status_code == 200, response.text
        assert response.text == as_json(msgspec.json.decode(response.data, type=DatasetPage))  # the type that OpenAPI describes
        return dict(json.loads(response.text))

    everything = page(f'domain={DOMAIN}')
    assert {name: value for name, value in everything.items() if name != 'datasets'} == {
        'domain': DOMAIN, 'from': '2026-11-02', 'to': '2026-11-02', 'timezone': 'Europe/Paris', 'total': 4,
    }  # fmt: skip
    assert [(row['dataset'], row['calls']) for row in everything['datasets']] == [
        ('trees', 2),
        ('raw', 1),
        ('rent', 1),
        ('air', 0),
    ]
    pages = [page(f'limit=3&offset={offset}') for offset in (0, 3, 6)]
    assert [part['total'] for part in pages] == [4] * 3
    assert [row for part in pages for row in part['datasets']] == everything['datasets']
    months = page('by=month&publisher=City')
    assert [(row['month'], row['dataset'], row['title'], row['users']) for row in months['datasets']] == [
        ('2026-11', 'trees', 'Trees', 1)
    ]


@pytest.mark.parametrize(
    ('path', 'status', 'named'),
    [
        ('report?dataset=tree', 404, "did you mean 'trees'"), ('report?publisher=city', 404, "did you mean 'City'"),
        ('report?by=day', 400, 'by: invalid value; use dataset or publisher'), ('report?exact=1', 400, 'exact'),
        ('report?by=theme&dataset=trees', 400, 'cannot be divided by theme'), ('report?dataset=', 400, 'dataset'),
        ('datasets?publisher=city', 404, "did you mean 'City'"), ('datasets?by=dataset', 400, 'by'),
        ('datasets?limit=0', 400, 'limit'), ('datasets?limit=1001', 400, 'limit'), ('datasets?limit=1e1', 400, 'limit'),
        ('datasets?offset=-1', 400, 'offset'), ('datasets?from=x', 400, 'from'), ('datasets?domain=other.example.net', 404, OTHER),
        ('datasets?dataset=trees', 400, 'dataset: unknown'),
    ],
)  # fmt: skip
def test_a_part_that_cannot_be_counted_is_named(web: Serving, database: ClickHouse, path: str, status: int, named: str) -> None:
    web.post([CALL])
    stored(web, database)
    store_catalogue(database)
    assert named in problem(web.client.get(f'/v1/{path}'), status)['detail']


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
