"""The HTTP interface, over the real spool and engine: what is answered, to whom, and that nothing else is told."""

import errno
import gzip
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from access_logs import run
from flask import Flask
from serving import CALL, DOMAIN, OTHER, Serving, serving
from waitress import create_server
from werkzeug.test import TestResponse

from exporter import events
from exporter.clickhouse import ClickHouse
from exporter.server import LIMITS, MOST_BYTES
from exporter.tokens import Scope
from exporter.web import problems


@pytest.fixture
def server(tmp_path: Path, database: ClickHouse) -> Iterator[Serving]:
    with serving(tmp_path / 'data', lambda: database) as parts:
        yield parts


def problem(response: TestResponse, status: int) -> dict[str, Any]:
    """The document of a problem."""
    assert (response.status_code, response.content_type) == (status, 'application/problem+json'), response.text
    document = dict(json.loads(response.text))
    assert document['status'] == status
    assert document['title']
    assert document['detail']
    return document


def answer(response: TestResponse) -> tuple[int, int, int]:
    assert response.status_code == 202, response.text
    return response.json['accepted'], response.json['skipped'], response.json['rejected']  # type: ignore[index]


def stored(server: Serving, database: ClickHouse) -> int:
    server.drain.empty()
    return int(database.query('SELECT count() AS calls FROM calls')[0]['calls'])


# calls


def test_calls_come_to_the_report_with_all_that_they_say(server: Serving, database: ClickHouse) -> None:
    call = CALL | {
        'timestamp': datetime.now(UTC).isoformat(),
        'user_id': 'alice',
        'dataset_id': 'trees',
        'path': '/dataset/no?key=1',
    }
    assert answer(server.post([call, CALL | {'user_id': 'anonymous'}, call | {'domain': OTHER}])) == (3, 0, 0)
    assert stored(server, database) == 3
    rows = database.query(
        'SELECT user_id, dataset_id, path, country, timezone FROM calls WHERE domain = {d:String}', {'d': DOMAIN}
    )
    assert sorted(rows, key=lambda row: row['user_id']) == [
        {'user_id': '', 'dataset_id': '', 'path': '/api/trees', 'country': 'GB', 'timezone': 'Europe/Paris'},
        {'user_id': 'alice', 'dataset_id': 'trees', 'path': '/dataset/no', 'country': 'GB', 'timezone': 'Europe/Paris'},
    ]
    report = server.client.get(f'/v1/report?domain={DOMAIN}').json
    assert report
    assert (report['calls'], report['top_users']) == (1, [{'user': 'alice', 'calls': 1}])


def test_what_a_call_says_goes_before_what_the_settings_find(tmp_path: Path, database: ClickHouse) -> None:
    with serving(tmp_path, lambda: database, accounts=('query:apikey',), datasets=('query:set',)) as server:
        path = '/api?apikey=secret&set=found'
        assert answer(server.post([CALL | {'path': path}, CALL | {'path': path, 'user_id': 'bob', 'dataset_id': 'said'}])) == (
            2,
            0,
            0,
        )
        stored(server, database)
    rows = database.query('SELECT user_id, dataset_id, path FROM calls ORDER BY dataset_id')
    assert [row['dataset_id'] for row in rows] == ['found', 'said']
    assert rows[0]['user_id'].startswith('key-')
    assert rows[1]['user_id'] == 'bob'
    assert {row['path'] for row in rows} == {'/api'}


def test_parts_add_up_to_what_was_sent(tmp_path: Path, database: ClickHouse) -> None:
    with serving(tmp_path, lambda: database, paths=('/api/*',)) as server:
        response = server.post([CALL, CALL | {'path': '/page'}, CALL | {'method': 'OPTIONS'}, CALL | {'ip': 'x'}, 7])
        assert answer(response) == (1, 2, 2)
        assert [(one['index'], one['field'], one['reason']) for one in response.json['rejects']] == [  # type: ignore[index]
            (3, 'ip', 'address'), (4, '', 'format'),
        ]  # fmt: skip
        assert answer(server.post([CALL | {'path': '/page'}])) == (0, 1, 0)
        assert stored(server, database) == 1
        assert sorted(reject.reason for reject in server.rejected) == ['address', 'format']


def test_nothing_is_asked_of_an_empty_array(server: Serving) -> None:
    assert answer(server.post([])) == (0, 0, 0)


def test_where_no_call_is_good_the_problem_says_why_each_is_not(server: Serving, database: ClickHouse) -> None:
    document = problem(server.post([CALL | {'domain': 'no domain'}, {}]), 400)
    assert [document[name] for name in ('accepted', 'skipped', 'rejected')] == [0, 0, 2]
    assert [one['field'] for one in document['rejects']] == ['domain', 'timestamp']
    assert problem(server.post(b'nonsense'), 400)['detail'].startswith('the body is no JSON')
    problem(server.post(b''), 400)
    assert stored(server, database) == 0


def test_lines_and_gzip(server: Serving, database: ClickHouse) -> None:
    line = json.dumps(CALL).encode() + b'\n'
    assert answer(server.post(line * 3, Content_Type='application/x-ndjson; charset=utf-8')) == (3, 0, 0)
    members = gzip.compress(line) + gzip.compress(line * 2)
    for coding in ('gzip', 'GZIP', 'x-gzip'):
        assert answer(server.post(members, Content_Type='application/x-ndjson', Content_Encoding=coding)) == (3, 0, 0)
    packed = gzip.compress(json.dumps([CALL]).encode())
    assert answer(server.post(packed, Content_Encoding='gzip')) == (1, 0, 0)
    for spoiled in (packed[:-9], packed[:20], packed[:-8] + b'12345678', b'plain', packed + b'more'):
        assert 'gzip' in problem(server.post(spoiled, Content_Encoding='gzip'), 400)['detail']
    assert stored(server, database) == 13


@pytest.mark.parametrize('media_type', ['', 'text/plain', 'application/x-www-form-urlencoded', 'application/xml'])
def test_another_media_type_or_coding_is_refused(server: Serving, media_type: str) -> None:
    assert 'application/x-ndjson' in problem(server.post(b'[]', Content_Type=media_type), 415)['detail']
    for coding in ('br', 'gzip, gzip', 'nonsense'):
        assert 'gzip' in problem(server.post([], Content_Encoding=coding), 415)['detail']


def test_too_much_is_refused_whole(server: Serving, database: ClickHouse) -> None:
    problem(server.post(b' ' * (MOST_BYTES + 1)), 413)
    bomb = gzip.compress(b' ' * (64 << 20) + b'[]')
    assert '64 MB' in problem(server.post(bomb, Content_Encoding='gzip'), 413)['detail']
    assert '10,001' in problem(server.post([CALL] * 10_001), 413)['detail']
    assert stored(server, database) == 0


# once


def test_a_key_counts_once_also_after_a_restart_and_is_answered_the_same(tmp_path: Path, database: ClickHouse) -> None:
    texts = set()
    for again in range(2):
        with serving(tmp_path, lambda: database) as server:
            texts |= {server.post([CALL, 7], Idempotency_Key='one').text for _ in range(2)}
            problem(server.post([CALL], Idempotency_Key='one'), 422)
            assert answer(server.post([CALL], Idempotency_Key=f'other {again}'.replace(' ', ''))) == (1, 0, 0)
            assert stored(server, database) == 2 + again
            texts.add(server.post([CALL, 7], Idempotency_Key='one').text)
    assert len(texts) == 1


def test_a_key_is_of_the_body_not_of_how_it_is_packed(server: Serving, database: ClickHouse) -> None:
    body = json.dumps([CALL]).encode()
    for level in (0, 1, 9):
        server.post(gzip.compress(body, level), Idempotency_Key='one', Content_Encoding='gzip')
    assert answer(server.post(body, Idempotency_Key='one')) == (1, 0, 0)
    assert stored(server, database) == 1


def test_two_tokens_may_use_the_same_key(server: Serving, database: ClickHouse) -> None:
    for _ in range(2):
        assert answer(server.post([CALL], server.token(Scope.WRITE), Idempotency_Key='one')) == (1, 0, 0)
    assert stored(server, database) == 2


@pytest.mark.parametrize('key', ['', ' ', 'two words', 'x' * 256, 'é'])
def test_a_key_that_is_none_is_refused(server: Serving, key: str) -> None:
    assert 'Idempotency-Key' in problem(server.post([CALL], Idempotency_Key=key), 400)['detail']


def test_a_key_of_a_request_that_is_under_way(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    append = server.spool.append

    def slow(*arguments: Any) -> None:
        begun.set()
        go_on.wait(30)
        append(*arguments)

    monkeypatch.setattr(server.spool, 'append', slow)
    first = list[TestResponse]()
    sending = threading.Thread(target=lambda: first.append(server.post([CALL], Idempotency_Key='one')))
    sending.start()
    assert begun.wait(30)
    second = server.post([CALL], Idempotency_Key='one')
    go_on.set()
    sending.join()
    problem(second, 409)
    assert int(second.headers['Retry-After']) > 0
    assert answer(first[0]) == answer(server.post([CALL], Idempotency_Key='one')) == (1, 0, 0)


def test_where_there_is_no_room_nothing_is_taken(tmp_path: Path, database: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, lambda: database, room=20_000) as server:
        accepted, full = 0, None
        while not full and accepted < 1_000:
            response = server.post([CALL], Idempotency_Key=f'{accepted}')
            accepted, full = (accepted + 1, None) if response.status_code == 202 else (accepted, response)
        assert full
        problem(full, 503)
        assert int(full.headers['Retry-After']) > 0
        assert stored(server, database) == accepted
        assert answer(server.post([CALL], Idempotency_Key=f'{accepted}')) == (1, 0, 0)  # there is room again

        def no_room(*_: Any) -> None:
            raise OSError(errno.ENOSPC, 'No space left on device')

        with monkeypatch.context() as disk:
            disk.setattr('os.fdatasync', no_room)
            problem(server.post([CALL]), 503)
        assert stored(server, database) == accepted + 1


# who may


def test_without_tokens_everything_is_open_and_from_the_first_on_nothing_is(server: Serving) -> None:
    assert answer(server.post([CALL])) == (1, 0, 0)
    good = server.token(Scope.WRITE)
    basic, spoiled = {'Authorization': 'Basic YTpi'}, {'Authorization': good['Authorization'] + 'x'}
    for wrong in ({}, basic, spoiled, {'Authorization': 'Bearer'}, {'Authorization': 'Bearer '}, {'Authorization': 'nonsense'}):
        response = server.post([CALL], wrong)
        problem(response, 401)
        assert response.headers['WWW-Authenticate'].lower() == 'bearer'
    assert answer(server.post([CALL], good)) == (1, 0, 0)
    server.tokens.revoke(server.tokens.listed()[0].id)
    problem(server.post([CALL], good), 401)
    for path in ('/v1/report', '/metrics'):
        problem(server.client.get(path), 401)
    for path in ('/healthz', '/readyz', '/openapi.json'):
        assert server.client.get(path).status_code == 200


def test_a_scope_is_good_for_what_it_says(server: Serving, database: ClickHouse) -> None:
    write, read = server.token(Scope.WRITE), server.token(Scope.READ)
    assert answer(server.post([CALL], write)) == (1, 0, 0)
    assert stored(server, database) == 1
    event = {'title': 'x', 'start': '2026-11-02'}
    for response in (
        server.post([CALL], read),
        server.client.post('/v1/events', json=event, headers=read),
        server.client.get('/v1/report', headers=write),
        server.client.get('/metrics', headers=write),
    ):
        problem(response, 403)
    assert server.client.get('/v1/report', headers=read).status_code == 200
    assert server.client.get('/metrics', headers=read).text.startswith('# HELP usage_')
    assert server.client.post('/v1/events', json=event, headers=write).status_code == 201


def test_a_token_for_one_portal_writes_and_reads_no_other(server: Serving, database: ClickHouse) -> None:
    server.post([CALL | {'domain': OTHER}], server.token(Scope.WRITE))
    token = server.token(Scope.WRITE, Scope.READ, domain=DOMAIN)
    unnamed = {name: value for name, value in CALL.items() if name != 'domain'}
    foreign = CALL | {'domain': OTHER}
    assert stored(server, database) == 1
    assert OTHER not in str(problem(server.client.get('/v1/report', headers=token), 404))
    problem(server.post([foreign], token), 403)
    response = server.post([unnamed, foreign], token)
    assert answer(response) == (1, 0, 1)
    assert response.json['rejects'][0]['reason'] == 'forbidden'  # type: ignore[index]
    problem(server.client.get(f'/v1/report?domain={OTHER}', headers=token), 403)
    problem(server.client.post('/v1/events', json={'title': 'x', 'start': '2026-11-02', 'domain': OTHER}, headers=token), 403)
    problem(server.client.get('/metrics', headers=token), 403)
    assert stored(server, database) == 2
    report = server.client.get('/v1/report?from=2026-11-02&to=2026-11-02', headers=token).json
    assert report
    assert (report['domain'], report['calls']) == (DOMAIN, 1)
    assert server.client.post('/v1/events', json={'title': 'x', 'start': '2026-11-02'}, headers=token).json['domain'] == DOMAIN  # type: ignore[index]


def test_tokens_that_cannot_be_read_open_nothing_and_are_told_to_the_log_only(
    server: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    server.tokens.file.write_text('spoiled')
    server.tokens.file.chmod(0o600)
    assert 'tokens.json' not in problem(server.post([CALL]), 500)['detail']
    assert 'no file of tokens' in caplog.text


# the report


def test_the_report_is_that_of_the_command(server: Serving, database: ClickHouse, settings: pytest.MonkeyPatch) -> None:
    crawler = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
    server.post([CALL, CALL | {'user_id': 'alice'}, CALL | {'user_agent': crawler}])
    server.post([CALL | {'domain': OTHER}])
    stored(server, database)
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
        response = server.client.get(f'/v1/report?{query}')
        assert response.status_code == 200, response.text
        assert response.text == run('report', '--format', 'json', *options).stdout.rstrip('\n')


@pytest.mark.parametrize(
    ('query', 'named'),
    [
        (f'domain={DOMAIN}&from=x', 'from'), (f'domain={DOMAIN}&to=2026-13-01', 'to'), (f'domain={DOMAIN}&to=2200-01-01', 'to'),
        (f'domain={DOMAIN}&from=2026-11-03&to=2026-11-01', 'swap from and to'),
        ('crawlers=yes', 'crawlers'), ('crawlers=1', 'crawlers'), ('domain=no%20domain', 'domain'), ('day=1', 'day'),
        ('from=2026-11-01&from=2026-11-02', 'from'), ('', 'which portal? Say domain'),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(server: Serving, database: ClickHouse, query: str, named: str) -> None:
    server.post([CALL, CALL | {'domain': OTHER}])
    stored(server, database)
    assert named in problem(server.client.get(f'/v1/report?{query}'), 400)['detail']


def test_a_portal_without_calls_is_not_there(server: Serving) -> None:
    problem(server.client.get('/v1/report'), 404)
    assert DOMAIN in problem(server.client.get(f'/v1/report?domain={DOMAIN}'), 404)['detail']


# events


def test_an_event_is_stored_in_the_portals_time(server: Serving, database: ClickHouse) -> None:
    sent = {
        'title': 'Air',
        'start': '2026-11-03',
        'end': '2026-11-04',
        'domain': 'DATA.example.org',
        'text': 'é',
        'tags': ['a', 'b'],
    }
    response = server.client.post('/v1/events', json=sent)
    assert response.status_code == 201
    [event] = events.listed(database, DOMAIN)
    assert response.json
    assert response.json['id'] == event.id
    start = datetime(2026, 11, 2, 23, tzinfo=UTC)
    assert (event.start, event.end) == (start, start + timedelta(days=2, seconds=-1))
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
def test_what_is_no_event_is_refused(server: Serving, database: ClickHouse, event: Any) -> None:
    body = json.dumps(event)
    problem(server.client.post('/v1/events', data=body, content_type='application/json'), 400)
    problem(server.client.post('/v1/events', data=body), 415)
    assert events.listed(database, None) == []


# the rest


def test_readyz_says_which_part_is_not_well(server: Serving) -> None:
    assert server.client.get('/readyz').json == {'status': 'ready', 'parts': {'spool': True, 'database': True}}
    server.parts['database'] = False
    document = problem(server.client.get('/readyz'), 503)
    assert (document['detail'], document['parts']) == ('not well: database', {'spool': True, 'database': False})
    assert server.client.get('/healthz').json == {'status': 'ok'}


def test_what_there_is_not_and_other_methods_are_problems_too(server: Serving) -> None:
    for path in ('/', '/v1', '/v1/calls/', '//v1/calls', '/static/x', '/openapi.json/'):
        problem(server.client.get(path), 404)
    response = server.client.get('/v1/calls')
    problem(response, 405)
    assert response.headers['Allow'] == 'POST'
    for method in ('PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'NONSENSE'):
        problem(server.client.open('/v1/calls', method=method), 405)


def test_no_trace_reaches_a_client_and_nothing_of_a_call_the_log(
    server: Serving, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(request: Any) -> None:
        raise ValueError(f'cannot take {request.calls["ip"].to_list()} of {CALL}')

    monkeypatch.setattr(server.intake, 'accept', broken)
    token = server.token(Scope.WRITE)
    with caplog.at_level(logging.DEBUG):
        document = problem(server.post([CALL], token), 500)
    assert document['detail'] == 'this is a fault of the server; its log tells more'
    assert 'test_server.py' in caplog.text  # where it happened
    for secret in (CALL['ip'], CALL['path'], token['Authorization'].split()[1]):
        assert str(secret) not in caplog.text


def test_a_database_that_is_away_is_503(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from exporter.errors import EngineError

    def away() -> ClickHouse:
        raise EngineError('http://db:8123/usage: no ClickHouse server answers')

    with serving(tmp_path, away) as server:
        assert answer(server.post([CALL])) == (1, 0, 0)  # it waits in the spool
        response = server.client.get('/v1/report')
        assert 'db:8123' not in problem(response, 503)['detail']
        assert response.headers['Retry-After'] == str(problems.RETRY_SECONDS)
        problem(server.client.post('/v1/events', json={'title': 'x', 'start': '2026-11-02'}), 503)
    assert 'db:8123' in caplog.text


def test_the_limits_are_those_that_waitress_takes(server: Serving) -> None:
    assert isinstance(server.app, Flask)
    running = create_server(server.app, host='127.0.0.1', port=0, **LIMITS)
    try:
        assert running.adj.max_request_body_size > MOST_BYTES
        assert not running.adj.ident
    finally:
        running.close()
