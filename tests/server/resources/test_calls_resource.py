"""`POST /v1/calls`, over the real spool and engine: the answer covers each call, and an accepted call counts once."""

import errno
import gzip
import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from serving import CALL, DOMAIN, OTHER, Serving, answer, problem, serving, stored
from werkzeug.test import TestResponse

from exporter.server.app import MOST_BYTES
from exporter.server.tokens import Scope
from exporter.store.clickhouse import ClickHouse


def test_calls_reach_the_report_with_all_their_fields(web: Serving, database: ClickHouse) -> None:
    call = CALL | {
        'timestamp': datetime.now(UTC).isoformat(),
        'user_id': 'alice',
        'dataset_id': 'trees',
        'path': '/dataset/no?key=1',
    }
    assert answer(web.post([call, CALL | {'user_id': 'anonymous'}, call | {'domain': OTHER}])) == (3, 0, 0)
    assert stored(web, database) == 3
    rows = database.query(
        'SELECT user_id, dataset_id, path, country, timezone FROM calls WHERE domain = {d:String}', {'d': DOMAIN}
    )
    assert sorted(rows, key=lambda row: row['user_id']) == [
        {'user_id': '', 'dataset_id': '', 'path': '/api/trees', 'country': 'GB', 'timezone': 'Europe/Paris'},
        {'user_id': 'alice', 'dataset_id': 'trees', 'path': '/dataset/no', 'country': 'GB', 'timezone': 'Europe/Paris'},
    ]
    report = web.client.get(f'/v1/report?domain={DOMAIN}').json
    assert report
    assert (report['calls'], report['top_users']) == (1, [{'user': 'alice', 'calls': 1}])


def test_the_fields_of_a_call_take_precedence_over_the_settings(tmp_path: Path, database: ClickHouse) -> None:
    with serving(tmp_path, lambda: database, accounts=('query:apikey',), datasets=('query:set',)) as web:
        path = '/api?apikey=secret&set=found'
        assert answer(web.post([CALL | {'path': path}, CALL | {'path': path, 'user_id': 'bob', 'dataset_id': 'said'}])) == (
            2,
            0,
            0,
        )
        stored(web, database)
    rows = database.query('SELECT user_id, dataset_id, path FROM calls ORDER BY dataset_id')
    assert [row['dataset_id'] for row in rows] == ['found', 'said']
    assert rows[0]['user_id'].startswith('key-')
    assert rows[1]['user_id'] == 'bob'
    assert {row['path'] for row in rows} == {'/api'}


def test_a_trusted_proxy_names_the_caller(web: Serving, database: ClickHouse) -> None:
    direct, proxied = CALL | {'path': '/1'}, CALL | {'path': '/2', 'ip': '10.0.0.1', 'forwarded_for': f'192.0.2.7, {CALL["ip"]}'}
    stranger = CALL | {'path': '/3', 'ip': '203.0.113.5', 'forwarded_for': CALL['ip']}
    assert answer(web.post([direct, proxied, stranger])) == (3, 0, 0)
    assert stored(web, database) == 3
    rows = database.query('SELECT visitor, country FROM calls ORDER BY path')
    assert rows[0] == rows[1]
    assert rows[2]['visitor'] != rows[0]['visitor']
    assert [row['country'] for row in rows] == ['GB', 'GB', '']


def test_accepted_skipped_and_rejected_add_up(tmp_path: Path, database: ClickHouse) -> None:
    with serving(tmp_path, lambda: database, paths=('/api/*',)) as web:
        response = web.post([CALL, CALL | {'path': '/page'}, CALL | {'method': 'OPTIONS'}, CALL | {'ip': 'x'}, 7])
        assert answer(response) == (1, 2, 2)
        assert [(reject['index'], reject['field'], reject['reason']) for reject in response.json['rejects']] == [  # type: ignore[index]
            (3, 'ip', 'address'), (4, '', 'format'),
        ]  # fmt: skip
        assert answer(web.post([CALL | {'path': '/page'}])) == (0, 1, 0)
        assert stored(web, database) == 1
        assert sorted(reject.reason for reject in web.rejected) == ['address', 'format']


def test_an_empty_array_is_accepted(web: Serving) -> None:
    assert answer(web.post([])) == (0, 0, 0)


def test_without_a_valid_call_the_problem_gives_each_reason(web: Serving, database: ClickHouse) -> None:
    document = problem(web.post([CALL | {'domain': 'no domain'}, {}]), 400)
    assert [document[name] for name in ('accepted', 'skipped', 'rejected')] == [0, 0, 2]
    assert [reject['field'] for reject in document['rejects']] == ['domain', 'timestamp']
    assert problem(web.post(b'nonsense'), 400)['detail'].startswith('the body is invalid JSON')
    problem(web.post(b''), 400)
    assert stored(web, database) == 0


def test_lines_and_gzip(web: Serving, database: ClickHouse) -> None:
    line = json.dumps(CALL).encode() + b'\n'
    assert answer(web.post(line * 3, Content_Type='application/x-ndjson; charset=utf-8')) == (3, 0, 0)
    members = gzip.compress(line) + gzip.compress(line * 2)
    for coding in ('gzip', 'GZIP', 'x-gzip'):
        assert answer(web.post(members, Content_Type='application/x-ndjson', Content_Encoding=coding)) == (3, 0, 0)
    compressed = gzip.compress(json.dumps([CALL]).encode())
    assert answer(web.post(compressed, Content_Encoding='gzip')) == (1, 0, 0)
    for damaged in (compressed[:-9], compressed[:20], compressed[:-8] + b'12345678', b'plain', compressed + b'more'):
        assert 'gzip' in problem(web.post(damaged, Content_Encoding='gzip'), 400)['detail']
    assert stored(web, database) == 13


@pytest.mark.parametrize('media_type', ['', 'text/plain', 'application/x-www-form-urlencoded', 'application/xml'])
def test_another_media_type_or_coding_is_refused(web: Serving, media_type: str) -> None:
    assert 'application/x-ndjson' in problem(web.post(b'[]', Content_Type=media_type), 415)['detail']
    for coding in ('br', 'gzip, gzip', 'nonsense'):
        assert 'gzip' in problem(web.post([], Content_Encoding=coding), 415)['detail']


def test_a_request_over_a_limit_is_refused_as_a_whole(web: Serving, database: ClickHouse) -> None:
    assert '10 MB' in problem(web.post(b' ' * (MOST_BYTES + 1)), 413)['detail']
    bomb = gzip.compress(b' ' * (64 << 20) + b'[]')
    assert '32 MB' in problem(web.post(bomb, Content_Encoding='gzip'), 413)['detail']
    assert '10,001' in problem(web.post([CALL] * 10_001), 413)['detail']
    assert stored(web, database) == 0


def test_a_repeated_key_counts_once_even_after_a_restart(tmp_path: Path, database: ClickHouse) -> None:
    answers = set()
    for restarts in range(2):
        with serving(tmp_path, lambda: database) as web:
            answers |= {web.post([CALL, 7], Idempotency_Key='one').text for _ in range(2)}
            problem(web.post([CALL], Idempotency_Key='one'), 422)
            assert answer(web.post([CALL], Idempotency_Key=f'other{restarts}')) == (1, 0, 0)
            assert stored(web, database) == 2 + restarts
            answers.add(web.post([CALL, 7], Idempotency_Key='one').text)
    assert len(answers) == 1


def test_a_key_belongs_to_the_decompressed_body(web: Serving, database: ClickHouse) -> None:
    body = json.dumps([CALL]).encode()
    for level in (0, 1, 9):
        web.post(gzip.compress(body, level), Idempotency_Key='one', Content_Encoding='gzip')
    assert answer(web.post(body, Idempotency_Key='one')) == (1, 0, 0)
    assert stored(web, database) == 1


def test_two_tokens_may_use_the_same_key(web: Serving, database: ClickHouse) -> None:
    for _ in range(2):
        assert answer(web.post([CALL], web.token(Scope.WRITE), Idempotency_Key='one')) == (1, 0, 0)
    assert stored(web, database) == 2


@pytest.mark.parametrize('key', ['', ' ', 'two words', 'x' * 256, 'é'])
def test_an_invalid_key_is_refused(web: Serving, key: str) -> None:
    assert 'Idempotency-Key' in problem(web.post([CALL], Idempotency_Key=key), 400)['detail']


def test_a_key_of_a_request_in_progress_is_409(web: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    started, proceed = threading.Event(), threading.Event()
    append = web.spool.append

    def slow_append(*arguments: Any) -> None:
        started.set()
        proceed.wait(30)
        append(*arguments)

    monkeypatch.setattr(web.spool, 'append', slow_append)
    first = list[TestResponse]()
    thread = threading.Thread(target=lambda: first.append(web.post([CALL], Idempotency_Key='one')))
    thread.start()
    assert started.wait(30)
    second = web.post([CALL], Idempotency_Key='one')
    proceed.set()
    thread.join()
    problem(second, 409)
    assert int(second.headers['Retry-After']) > 0
    assert answer(first[0]) == answer(web.post([CALL], Idempotency_Key='one')) == (1, 0, 0)


def test_without_space_nothing_is_accepted(tmp_path: Path, database: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, lambda: database, room=20_000) as web:
        accepted, full = 0, None
        while not full and accepted < 1_000:
            response = web.post([CALL], Idempotency_Key=f'{accepted}')
            accepted, full = (accepted + 1, None) if response.status_code == 202 else (accepted, response)
        assert full
        problem(full, 503)
        assert int(full.headers['Retry-After']) > 0
        assert stored(web, database) == accepted
        assert answer(web.post([CALL], Idempotency_Key=f'{accepted}')) == (1, 0, 0)  # there is space again

        def no_space(*_: Any) -> None:
            raise OSError(errno.ENOSPC, 'No space left on device')

        with monkeypatch.context() as disk:
            disk.setattr('os.fdatasync', no_space)
            problem(web.post([CALL]), 503)
        assert stored(web, database) == accepted + 1
