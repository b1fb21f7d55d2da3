"""`POST /v1/logs`, over the real spool and engine: the answer covers each line, and an accepted line counts once."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from serving import CALL, DOMAIN, OTHER, Serving, answer, problem, serving, stored

from exporter.cli import main
from exporter.server.tokens import Scope
from exporter.store.clickhouse import ClickHouse

COMBINED = '81.2.69.160 - alice [02/Nov/2026:08:30:00 +0100] "GET /api/trees?apikey=k HTTP/1.1" 200 512 "-" "curl/8.5.0"'
CLOUDFLARE = {
    'ClientIP': '81.2.69.160',
    'ClientRequestHost': DOMAIN,
    'ClientRequestMethod': 'GET',
    'ClientRequestURI': '/api/trees',
    'EdgeResponseStatus': 200,
    'EdgeResponseBytes': 512,
    'EdgeStartTimestamp': '2026-11-02T07:30:00Z',
}
NONSENSE = 'nonsense'


def lines(*texts: str) -> bytes:
    return ''.join(f'{text}\n' for text in texts).encode()


def test_a_line_becomes_a_call_by_the_rules_for_logs(tmp_path: Path, database: ClickHouse) -> None:
    with serving(tmp_path, lambda: database, accounts=('query:apikey', 'user')) as web:
        assert answer(web.post_log(lines(COMBINED, COMBINED.replace('?apikey=k', '')))) == (2, 0, 0)
        assert stored(web, database) == 2
    rows = database.query('SELECT domain, path, status, bytes, country, timezone, user_id FROM calls ORDER BY user_id')
    assert rows[0] == {
        'domain': DOMAIN, 'path': '/api/trees', 'status': 200, 'bytes': 512, 'country': 'GB', 'timezone': 'Europe/Paris',
        'user_id': 'alice',
    }  # fmt: skip
    assert rows[1]['user_id'].startswith('key-')


@pytest.mark.parametrize('media_type', ['text/plain', 'text/plain; charset=utf-8', 'application/x-ndjson', 'application/json'])
def test_lines_of_every_media_type_and_gzip(web: Serving, database: ClickHouse, media_type: str) -> None:
    body = lines(*[json.dumps(CLOUDFLARE)] * 3)
    assert answer(web.post_log(body, media_type=media_type)) == (3, 0, 0)
    assert answer(web.post_log(gzip.compress(body), media_type=media_type, Content_Encoding='gzip')) == (3, 0, 0)
    assert stored(web, database) == 6


def test_json_values_are_lines(web: Serving, database: ClickHouse) -> None:
    for value in ([CLOUDFLARE] * 2, CLOUDFLARE, [COMBINED]):
        for indent in (None, 2):
            response = web.post_log(json.dumps(value, indent=indent).encode(), media_type='application/json')
            assert answer(response) == (len(value) if isinstance(value, list) else 1, 0, 0)
    assert stored(web, database) == 8


def test_records_of_fluent_bit(web: Serving, database: ClickHouse) -> None:
    records = [{'time': '2026-11-02T07:30:01.125000Z', 'log': COMBINED}] * 2
    assert answer(web.post_log(lines(*map(json.dumps, records)), media_type='application/x-ndjson')) == (2, 0, 0)
    assert answer(web.post_log(json.dumps(records).encode(), media_type='application/json')) == (2, 0, 0)
    assert stored(web, database) == 4


def test_accepted_skipped_and_rejected_add_up(tmp_path: Path, database: ClickHouse) -> None:
    bad_time, bad_address = COMBINED.replace('02/Nov/2026', '02/Nov/1926'), COMBINED.replace('81.2.69.160', '\x01')
    not_api, no_request = COMBINED.replace('/api/', '/page/'), COMBINED.replace('GET /api/trees?apikey=k HTTP/1.1', '-')
    body = lines(COMBINED, '', '# comment', not_api, bad_time, no_request, NONSENSE, COMBINED.replace('200', '20'), bad_address)
    with serving(tmp_path, lambda: database, paths=('/api/*',)) as web:
        response = web.post_log(body)
        assert answer(response) == (1, 4, 4)
        document = response.json
        assert document
        assert document['skipped_by_reason'] == {'blank': 1, 'comment': 1, 'no_request': 1, 'path': 1}
        assert [(reject['index'], reject['field'], reject['reason']) for reject in document['rejects']] == [
            (4, 'timestamp', 'timestamp'), (6, '', 'format'), (7, 'status', 'status'), (8, 'ip', 'address'),
        ]  # fmt: skip
        assert stored(web, database) == 1
        assert [reject.text for reject in web.rejected] == [bad_time, NONSENSE, COMBINED.replace('200', '20'), bad_address]
        assert {reject.origin for reject in web.rejected} == {'POST /v1/logs'}
    batch = database.query('SELECT stored, skipped_by_reason, rejected FROM batches ORDER BY stored')[-1]
    assert batch['stored'] == 1
    assert batch['skipped_by_reason'] == {'blank': 1, 'comment': 1, 'no_request': 1, 'path': 1}
    assert batch['rejected'] == {'address': 1, 'format': 1, 'status': 1, 'timestamp': 1}


@pytest.mark.parametrize('text', [NONSENSE, COMBINED.replace('81.2.69.160', '\x01'), COMBINED.replace('2026', '1926')])
def test_if_every_line_is_rejected_nothing_is_kept(web: Serving, database: ClickHouse, text: str) -> None:
    document = problem(web.post_log(lines(text, text), Idempotency_Key='one'), 400)
    assert [document[name] for name in ('accepted', 'skipped', 'rejected')] == [0, 0, 2]
    assert [reject['index'] for reject in document['rejects']] == [0, 1]
    assert answer(web.post_log(lines(COMBINED), Idempotency_Key='one')) == (1, 0, 0)
    assert stored(web, database) == 1
    assert not list(web.rejected)


def test_a_log_in_no_format_says_why(web: Serving) -> None:
    uvicorn = 'INFO:     192.0.2.7:51000 - "GET / HTTP/1.1" 200 OK'
    assert 'uvicorn' in problem(web.post_log(lines(uvicorn)), 400)['detail']
    assert 'request' in problem(web.post_log(lines('{"level": "info", "message": "started"}')), 400)['detail']
    assert 'empty' in problem(web.post_log(b''), 400)['detail']
    assert 'empty' in problem(web.post_log(b'\n \n'), 400)['detail']


def test_json_of_other_programs_between_the_calls_does_not_stop_them(web: Serving, database: ClickHouse) -> None:
    assert answer(web.post_log(lines(COMBINED, '{"level":"info","message":"started"}', COMBINED))) == (2, 0, 1)
    assert stored(web, database) == 2


def test_the_portal_of_a_log(web: Serving, database: ClickHouse) -> None:
    assert 'portal' in problem(web.post_log(lines(COMBINED), ''), 400)['detail']
    for query in ('?domain=no%20domain', '?domain=', '?domain=a.example&domain=b.example', '?portal=x'):
        problem(web.post_log(lines(COMBINED), query), 400)
    token = web.token(Scope.WRITE, domain=OTHER)
    assert answer(web.post_log(lines(COMBINED), '', **token)) == (1, 0, 0)
    assert answer(web.post_log(lines(COMBINED), f'?domain={OTHER}', **token)) == (1, 0, 0)
    problem(web.post_log(lines(COMBINED), **token), 403)
    problem(web.post_log(lines(COMBINED)), 401)
    problem(web.post_log(lines(COMBINED), **web.token(Scope.READ)), 403)
    assert stored(web, database) == 2
    assert database.query('SELECT DISTINCT domain FROM calls') == [{'domain': OTHER}]


def test_the_format_of_a_log(web: Serving, database: ClickHouse) -> None:
    notation = '%24remote_addr|%24time_iso8601|%24request|%24status'
    line = '81.2.69.160|2026-11-02T08:30:00+01:00|GET /api/trees HTTP/1.1|200'
    assert answer(web.post_log(lines(line), f'?domain={DOMAIN}&format={notation}')) == (1, 0, 0)
    assert answer(web.post_log(lines(COMBINED, NONSENSE), f'?domain={DOMAIN}&format=combined')) == (1, 0, 1)
    problem(web.post_log(lines(line), f'?domain={DOMAIN}&format=combined'), 400)
    for invalid in ('nonsense', '%24status', 'json%20%5B1%5D', 'x' * 3_000, '%25a%20%25t%20%25r' + '%20%25{x}i' * 199):
        assert 'format' in problem(web.post_log(lines(line), f'?domain={DOMAIN}&format={invalid}'), 400)['detail']
    assert stored(web, database) == 2


def test_a_repeated_key_counts_once_even_after_a_restart(tmp_path: Path, database: ClickHouse) -> None:
    answers = set()
    for _ in range(2):
        with serving(tmp_path, lambda: database) as web:
            answers |= {web.post_log(lines(COMBINED, NONSENSE), Idempotency_Key='one').text for _ in range(2)}
            problem(web.post_log(lines(COMBINED), Idempotency_Key='one'), 422)
            problem(web.post_log(lines(COMBINED, NONSENSE), f'?domain={OTHER}', Idempotency_Key='one'), 422)
            assert stored(web, database) == 1
            answers.add(web.post_log(lines(COMBINED, NONSENSE), Idempotency_Key='one').text)
    assert len(answers) == 1
    assert 'warning' not in answers.pop()


def test_without_a_key_the_answer_warns_that_a_repeated_request_counts_again(web: Serving, database: ClickHouse) -> None:
    for _ in range(2):
        response = web.post_log(lines(COMBINED))
        assert response.json
        assert 'Idempotency-Key' in response.json['warning']
    assert stored(web, database) == 2


@pytest.mark.parametrize('content', ['test', 'tests'])
def test_the_test_upload_of_logpush_is_answered_and_not_counted(web: Serving, database: ClickHouse, content: str) -> None:
    body = gzip.compress(json.dumps({'content': content}).encode())
    for media_type in ('application/json', 'application/x-ndjson', 'text/plain', ''):
        response = web.post_log(body, '', media_type, **({'Content_Encoding': 'gzip'} if media_type else {}))
        assert (response.status_code, response.json) == (
            200,
            {'accepted': 0, 'skipped': 0, 'rejected': 0, 'rejects': [], 'skipped_by_reason': {}},
        )
    assert stored(web, database) == 0
    assert not list(web.rejected)


def test_a_request_over_a_limit_is_refused_as_a_whole(web: Serving, database: ClickHouse) -> None:
    assert '100,001' in problem(web.post_log(b'\n' * 100_000 + b'x'), 413)['detail']
    problem(web.post_log(b'x', media_type='application/xml'), 415)
    many = lines(COMBINED, *[NONSENSE] * 2_000)
    response = web.post_log(many)
    assert answer(response) == (1, 0, 2_000)
    assert response.json
    assert len(response.json['rejects']) == 1_000


def test_a_long_log_is_read_in_chunks(tmp_path: Path, database: ClickHouse) -> None:
    long = COMBINED.replace('trees', 'trees' * 100)
    with serving(tmp_path, lambda: database, room=1 << 28) as web:
        response = web.post_log(gzip.compress(lines(*[long] * 9_999, NONSENSE)), Content_Encoding='gzip')
        assert answer(response) == (9_999, 0, 1)
        assert response.json
        assert response.json['rejects'][0]['index'] == 9_999
        assert stored(web, database) == 9_999
        assert [reject.text for reject in web.rejected] == [NONSENSE]


def test_rejected_lines_and_calls_of_one_batch_are_retried_each_as_what_it_is(
    settings: pytest.MonkeyPatch, tmp_path: Path, database: ClickHouse
) -> None:
    settings.setenv('USAGE_SECRET', 'k' * 32)
    other_format = '81.2.69.160|2026-11-02T08:30:00+01:00|GET /api/trees HTTP/1.1|200'
    with serving(tmp_path / 'data', lambda: database) as web:
        assert answer(web.post([CALL, CALL | {'ip': 'x'}, 7])) == (1, 0, 2)
        assert answer(web.post_log(lines(COMBINED, other_format, NONSENSE))) == (1, 0, 2)
        assert answer(web.post([CALL, CALL | {'ip': 'x'}])) == (1, 0, 1)
        assert stored(web, database) == 3
    notation = '$remote_addr|$time_iso8601|$request|$status'
    result = CliRunner().invoke(main, ['rejected', 'retry', '--log-format', notation, '--format', 'json'])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) | {'waiting': 0} == {
        'stored': 1, 'skipped': 0, 'skipped_by_reason': {}, 'waiting': 0, 'rejected': {'address': 2, 'format': 2},
    }  # fmt: skip
    assert sorted(reject.text for reject in web.rejected if reject.origin == 'POST /v1/logs') == [NONSENSE]
    assert database.query('SELECT count() AS calls FROM calls')[0]['calls'] == 4


def test_accounts_come_from_a_logged_header(tmp_path: Path, database: ClickHouse) -> None:
    records = [CLOUDFLARE | {'RequestHeaders': {'x-user': user}} for user in ('bob', '-')]
    with serving(tmp_path, lambda: database, accounts=('field:RequestHeaders.x-user', 'user')) as web:
        assert answer(web.post_log(lines(*map(json.dumps, records), COMBINED))) == (3, 0, 0)
        assert stored(web, database) == 3
    assert [row['user_id'] for row in database.query('SELECT user_id FROM calls ORDER BY user_id')] == ['', 'alice', 'bob']


HOSTS = {DOMAIN: [DOMAIN], OTHER: [OTHER, f'*.{OTHER}']}
OF_PORTALS = lines(
    f'{DOMAIN} {COMBINED}', NONSENSE, f'{OTHER} {COMBINED}', f'www.{OTHER} {COMBINED}', '', f'x.example.com {COMBINED}'
)  # fmt: skip


def by_portal(database: ClickHouse) -> dict[str, int]:
    return {row['domain']: row['n'] for row in database.query('SELECT domain, count() AS n FROM calls GROUP BY domain')}


def test_lines_are_divided_by_host(tmp_path: Path, database: ClickHouse) -> None:
    with serving(tmp_path, lambda: database, hosts=HOSTS) as web:
        for _ in range(2):
            response = web.post_log(OF_PORTALS, '', Idempotency_Key='one')
            assert answer(response) == (3, 2, 1)
            assert response.json
            assert response.json['skipped_by_reason'] == {'blank': 1, 'host': 1}
            assert [reject['index'] for reject in response.json['rejects']] == [1]
        assert stored(web, database) == 3
        assert by_portal(database) == {DOMAIN: 1, OTHER: 2}
        assert [(reject.domain, reject.text) for reject in web.rejected] == [('', NONSENSE)]
        rows = database.query("SELECT domain, stored, skipped, rejected FROM batches WHERE state = 'done' ORDER BY domain")
        assert [(row['domain'], row['stored'], row['skipped'], row['rejected']) for row in rows] == [
            ('', 0, 2, {'format': 1}), (DOMAIN, 1, 0, {}), (OTHER, 2, 0, {}),
        ]  # fmt: skip


def test_a_named_portal_or_lines_without_hosts_are_not_divided(tmp_path: Path, database: ClickHouse) -> None:
    with serving(tmp_path, lambda: database, hosts=HOSTS) as web:
        assert answer(web.post_log(OF_PORTALS)) == (4, 1, 1)
        token = web.token(Scope.WRITE, domain=OTHER)
        assert answer(web.post_log(lines(COMBINED, NONSENSE), '', **token)) == (1, 0, 1)
        problem(web.post_log(lines(NONSENSE), '', **token), 400)
        every_portal = web.token(Scope.WRITE)
        assert answer(web.post_log(lines(COMBINED), '', **every_portal)) == (0, 1, 0)
        assert stored(web, database) == 5
    assert by_portal(database) == {DOMAIN: 4, OTHER: 1}


def test_a_token_for_one_portal_stores_its_lines_only(tmp_path: Path, database: ClickHouse) -> None:
    with serving(tmp_path, lambda: database, hosts=HOSTS) as web:
        response = web.post_log(OF_PORTALS, '', **web.token(Scope.WRITE, domain=OTHER))
        assert answer(response) == (2, 3, 1)
        assert response.json
        assert response.json['skipped_by_reason'] == {'blank': 1, 'host': 2}
        without_hosts = web.token(Scope.WRITE, domain='third.example.org')
        assert answer(web.post_log(OF_PORTALS, '', **without_hosts)) == (4, 1, 1)
        assert stored(web, database) == 6
    assert by_portal(database) == {OTHER: 2, 'third.example.org': 4}


def test_rejects_of_several_portals_are_in_the_order_of_the_lines(tmp_path: Path, database: ClickHouse) -> None:
    bad = COMBINED.replace('81.2.69.160', '\x01')
    body = lines(f'{OTHER} {bad}', NONSENSE, f'{DOMAIN} {bad}', *[f'{DOMAIN} {COMBINED}'] * 5)
    with serving(tmp_path, lambda: database, hosts=HOSTS) as web:
        response = web.post_log(body, '')
        assert answer(response) == (5, 0, 3)
        assert response.json
        assert [reject['index'] for reject in response.json['rejects']] == [0, 1, 2]
        assert stored(web, database) == 5
        assert {reject.domain for reject in web.rejected} == {''}  # they belong to the log
