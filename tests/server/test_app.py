"""The HTTP interface as a whole: every error is a problem document, and reveals nothing internal."""

import logging
import os
import resource
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from serving import CALL, Serving, answer, problem, serving
from waitress import create_server

from exporter.server.app import LIMITS, MOST_BYTES
from exporter.server.resources import problems
from exporter.server.tokens import Scope
from exporter.store.clickhouse import ClickHouse


def test_readyz_names_the_part_with_a_fault(web: Serving) -> None:
    assert web.client.get('/readyz').json == {'status': 'ready', 'parts': {'spool': True, 'database': True}}
    web.parts['database'] = ['the last try failed']
    document = problem(web.client.get('/readyz'), 503)
    assert (document['detail'], document['parts']) == ('not ready: database', {'spool': True, 'database': False})
    assert document['faults'] == {'database': ['the last try failed']}
    assert web.client.get('/healthz').json == {'status': 'ok'}


def test_unknown_paths_and_methods_are_problem_documents(web: Serving) -> None:
    for path in ('/', '/v1', '/v1/calls/', '/v1//calls', '/static/x', '/openapi.json/'):
        problem(web.client.get(path), 404)
    response = web.client.get('/v1/calls')
    problem(response, 405)
    assert response.headers['Allow'] == 'POST'
    for method in ('PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'NONSENSE'):
        problem(web.client.open('/v1/calls', method=method), 405)


def test_no_traceback_reaches_a_client_and_no_call_the_log(
    web: Serving, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_accept(request: Any) -> None:
        raise ValueError(f'cannot take {request.calls["ip"].to_list()} of {CALL}')

    monkeypatch.setattr(web.intake, 'accept', failing_accept)
    token = web.token(Scope.WRITE)
    with caplog.at_level(logging.DEBUG):
        document = problem(web.post([CALL], token), 500)
    assert document['detail'] == 'internal error; see the log of the server'
    assert 'test_app.py' in caplog.text  # where it happened
    for secret in (CALL['ip'], CALL['path'], token['Authorization'].split()[1]):
        assert str(secret) not in caplog.text


def test_an_unreachable_database_is_503(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from exporter.errors import EngineError

    def unreachable() -> ClickHouse:
        raise EngineError('http://db:8123/usage: no ClickHouse server answers')

    with serving(tmp_path, unreachable) as web:
        assert answer(web.post([CALL])) == (1, 0, 0)  # it waits in the spool
        response = web.client.get('/v1/report')
        assert 'db:8123' not in problem(response, 503)['detail']
        assert response.headers['Retry-After'] == str(problems.RETRY_SECONDS)
        problem(web.client.post('/v1/events', json={'title': 'x', 'start': '2026-11-02'}), 503)
    assert 'db:8123' in caplog.text


def test_it_answers_when_the_engine_holds_many_files_open(web: Serving) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    descriptors = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_024)]
    server = create_server(web.app, host='127.0.0.1', port=0, **LIMITS)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert httpx.get(f'http://127.0.0.1:{server.effective_port}/healthz').status_code == 200
    finally:
        server.close()
        for descriptor in descriptors:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_waitress_accepts_the_limits(web: Serving) -> None:
    assert isinstance(web.app, Flask)
    server = create_server(web.app, host='127.0.0.1', port=0, **LIMITS)
    try:
        assert server.adj.max_request_body_size > MOST_BYTES
        assert not server.adj.ident
    finally:
        server.close()
