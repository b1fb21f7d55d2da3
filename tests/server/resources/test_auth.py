"""Authorization: a token is valid for its scopes and its portal, and for nothing else."""

import pytest
from serving import CALL, DOMAIN, OTHER, Serving, answer, problem, stored

from exporter.server.tokens import Scope
from exporter.store.clickhouse import ClickHouse


def test_requests_need_a_token_from_the_first_token_on(web: Serving) -> None:
    assert answer(web.post([CALL])) == (1, 0, 0)
    valid = web.token(Scope.WRITE)
    basic, changed = {'Authorization': 'Basic YTpi'}, {'Authorization': valid['Authorization'] + 'x'}
    for wrong in ({}, basic, changed, {'Authorization': 'Bearer'}, {'Authorization': 'Bearer '}, {'Authorization': 'nonsense'}):
        response = web.post([CALL], wrong)
        problem(response, 401)
        assert response.headers['WWW-Authenticate'].lower() == 'bearer'
    assert answer(web.post([CALL], valid)) == (1, 0, 0)
    web.tokens.revoke(web.tokens.read()[0].id)
    problem(web.post([CALL], valid), 401)
    for path in ('/v1/report', '/metrics'):
        problem(web.client.get(path), 401)
    for path in ('/healthz', '/readyz', '/openapi.json'):
        assert web.client.get(path).status_code == 200


def test_a_scope_permits_only_its_own_requests(web: Serving, database: ClickHouse) -> None:
    write, read = web.token(Scope.WRITE), web.token(Scope.READ)
    assert answer(web.post([CALL], write)) == (1, 0, 0)
    assert stored(web, database) == 1
    event = {'title': 'x', 'start': '2026-11-02'}
    for response in (
        web.post([CALL], read),
        web.client.post('/v1/events', json=event, headers=read),
        web.client.get('/v1/report', headers=write),
        web.client.get('/metrics', headers=write),
    ):
        problem(response, 403)
    assert web.client.get('/v1/report', headers=read).status_code == 200
    assert web.client.get('/metrics', headers=read).text.startswith('# HELP usage_')
    assert web.client.post('/v1/events', json=event, headers=write).status_code == 201


def test_a_token_for_one_portal_writes_and_reads_no_other(web: Serving, database: ClickHouse) -> None:
    web.post([CALL | {'domain': OTHER}], web.token(Scope.WRITE))
    token = web.token(Scope.WRITE, Scope.READ, domain=DOMAIN)
    unnamed = {name: value for name, value in CALL.items() if name != 'domain'}
    foreign = CALL | {'domain': OTHER}
    assert stored(web, database) == 1
    assert OTHER not in str(problem(web.client.get('/v1/report', headers=token), 404))
    problem(web.post([foreign], token), 403)
    response = web.post([unnamed, foreign], token)
    assert answer(response) == (1, 0, 1)
    assert response.json['rejects'][0]['reason'] == 'forbidden'  # type: ignore[index]
    problem(web.client.get(f'/v1/report?domain={OTHER}', headers=token), 403)
    problem(web.client.post('/v1/events', json={'title': 'x', 'start': '2026-11-02', 'domain': OTHER}, headers=token), 403)
    problem(web.client.get('/metrics', headers=token), 403)
    assert stored(web, database) == 2
    report = web.client.get('/v1/report?from=2026-11-02&to=2026-11-02', headers=token).json
    assert report
    assert (report['domain'], report['calls']) == (DOMAIN, 1)
    assert web.client.post('/v1/events', json={'title': 'x', 'start': '2026-11-02'}, headers=token).json['domain'] == DOMAIN  # type: ignore[index]


def test_an_invalid_tokens_file_permits_nothing_and_is_only_logged(web: Serving, caplog: pytest.LogCaptureFixture) -> None:
    web.tokens.file.write_text('spoiled')
    web.tokens.file.chmod(0o600)
    assert 'tokens.json' not in problem(web.post([CALL]), 500)['detail']
    assert 'invalid tokens file' in caplog.text


def test_a_token_for_one_publisher_reads_its_reports_and_nothing_else(web: Serving, database: ClickHouse) -> None:
    web.post([CALL | {'dataset_id': name} for name in ('trees', 'rent', 'raw')], web.token(Scope.WRITE))
    stored(web, database)
    rows = [
        {'domain': DOMAIN, 'name': name, 'dataset_id': name, 'title': '', 'publisher': publisher, 'theme': '', 'revision': 1}
        for name, publisher in (('trees', 'City'), ('rent', 'Bureau'))
    ]
    database.insert_rows('catalogue', rows, token='catalogue')
    database.insert_rows('catalogue_updates', [{'domain': DOMAIN, 'at': '2026-11-01 00:00:00', 'revision': 1}], token='update')
    token = web.token(Scope.READ, domain=DOMAIN, publisher='City')
    period = 'from=2026-11-02&to=2026-11-02'
    for query in ('', '&publisher=City', '&dataset=trees', f'&domain={DOMAIN}'):
        report = web.client.get(f'/v1/report?{period}{query}', headers=token).json
        assert report
        assert (report['publisher'], report['calls'], report['crawler_calls']) == ('City', 1, 0)
    for by in ('month', 'status', 'country'):
        assert [row['calls'] for row in web.client.get(f'/v1/report?{period}&by={by}', headers=token).json or ()] == [1]
    listed = web.client.get(f'/v1/datasets?{period}', headers=token).json
    assert listed
    assert [row['dataset'] for row in listed['datasets']] == ['trees']
    for path in (
        'report?publisher=Bureau', 'report?publisher=Nobody', 'report?dataset=rent', 'report?dataset=raw', 'report?dataset=nothing',
        f'report?domain={OTHER}', 'datasets?publisher=Bureau', f'datasets?domain={OTHER}',
    ):  # fmt: skip
        assert 'Bureau' not in problem(web.client.get(f'/v1/{path}', headers=token), 403)['detail']
    for by in ('publisher', 'theme'):
        problem(web.client.get(f'/v1/report?by={by}', headers=token), 400)
    event = {'title': 'x', 'start': '2026-11-02'}
    for response in (
        web.post([CALL], token),
        web.client.post('/v1/logs', data='x', content_type='text/plain', headers=token),
        web.client.post('/v1/events', json=event, headers=token),
        web.client.get('/metrics', headers=token),
    ):
        problem(response, 403)
    statement = web.client.get('/clickhouse?query=SELECT+1', headers=token)
    assert (statement.status_code, statement.headers['X-ClickHouse-Exception-Code']) == (403, '497')
    renamed = web.token(Scope.READ, domain=DOMAIN, publisher='Cite')
    assert 'City' not in problem(web.client.get('/v1/report', headers=renamed), 404)['detail']
