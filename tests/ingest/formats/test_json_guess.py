"""What the names of JSON access logs mean."""

import json
import tracemalloc
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ingest.formats import TEXT_FIELDS, Time
from exporter.ingest.formats.json_guess import guess_mapping, guessed_format
from exporter.ingest.formats.json_lines import decode_sample

NGINX = {'time_iso8601': '2026-11-01T07:30:00+00:00', 'remote_addr': '192.0.2.7', 'request': 'GET /api HTTP/1.1', 'status': '200'}


def read(*objects: dict[str, Any], header: str = 'x-forwarded-for') -> dict[str, Any]:
    """What is read of the first object, without nulls."""
    guess = guess_mapping(objects, header)
    assert guess.missing == ()
    row = guess.to_format().read(pl.Series([json.dumps(objects[0])])).to_dicts()[0]
    assert set(row) <= set(TEXT_FIELDS)
    return {field: value for field, value in row.items() if value is not None}


LOGS: dict[str, tuple[dict[str, Any], dict[str, Any], Time, float]] = {
    'nginx with msec, uri and args': (
        {'msec': '1793518200.123', 'remote_addr': '192.0.2.7', 'request_method': 'GET', 'uri': '/a', 'args': 'x=1', 'status': '200', 'bytes_sent': '512', 'request_time': '0.001', 'http_user_agent': 'UA'},
        {'time': '1793518200.123', 'ip': '192.0.2.7', 'method': 'GET', 'target': '/a', 'query': 'x=1', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '0.001'},
        Time.UNIX, 1.0,
    ),
    'nginx with other names': (
        {'@timestamp': '2026-11-01T07:30:00Z', 'clientip': '192.0.2.7', 'verb': 'GET', 'url': '/a', 'vhost': 'data.example.org', 'response_code': 200, 'size': 512, 'response_time': '0.250', 'agent': 'UA', 'user': 'alice', 'http_x_forwarded_for': '198.51.100.9'},
        {'time': '2026-11-01T07:30:00Z', 'ip': '192.0.2.7', 'forwarded': '198.51.100.9', 'host': 'data.example.org', 'user': 'alice', 'method': 'GET', 'target': '/a', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '0.250'},
        Time.ISO, 1.0,
    ),
    'Elastic Common Schema': (
        {'@timestamp': '2026-11-01T07:30:00.1Z', 'client': {'ip': '192.0.2.7'}, 'http': {'version': '1.1', 'request': {'method': 'GET', 'body': {'bytes': 5}}, 'response': {'status_code': 200, 'body': {'bytes': 512}}},
         'url': {'original': '/api?x=1', 'path': '/api', 'query': 'x=1', 'domain': 'data.example.org'}, 'user_agent': {'original': 'UA'}, 'user': {'name': 'alice'}, 'event': {'duration': 12000000}, 'host': {'name': 'web1'}},
        {'time': '2026-11-01T07:30:00.1Z', 'ip': '192.0.2.7', 'host': 'data.example.org', 'user': 'alice', 'method': 'GET', 'target': '/api?x=1', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '12000000'},
        Time.ISO, 1e-9,
    ),
    'the same with dots in its names': (
        {'@timestamp': '2026-11-01T07:30:00.1Z', 'source.ip': '192.0.2.7', 'http.request.method': 'GET', 'http.response.status_code': 200, 'url.path': '/api', 'url.query': 'x=1', 'user_agent.original': 'UA', 'user.name': 'alice', 'host.name': 'web1'},
        {'time': '2026-11-01T07:30:00.1Z', 'ip': '192.0.2.7', 'user': 'alice', 'method': 'GET', 'target': '/api', 'query': 'x=1', 'status': '200', 'agent': 'UA'},
        Time.ISO, 1.0,
    ),
    'Tomcat': (
        {'host': '192.0.2.7', 'logicalUserName': '-', 'user': 'alice', 'time': '[01/Nov/2026:07:30:00 +0000]', 'request': 'GET / HTTP/1.1', 'statusCode': '200', 'size': '512', 'elapsedTime': '12', 'requestHeaders': {'User-Agent': 'UA'}},
        {'time': '01/Nov/2026:07:30:00 +0000', 'ip': '192.0.2.7', 'user': 'alice', 'request': 'GET / HTTP/1.1', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '12'},
        Time.CLF, 1e-3,
    ),
    'pino': (
        {'time': 1793518200000, 'pid': 1, 'hostname': 'web1', 'req': {'method': 'GET', 'url': '/api', 'headers': {'host': 'data.example.org', 'user-agent': 'UA', 'authorization': 'Basic x', 'content-length': '9'}, 'remoteAddress': '192.0.2.7'}, 'res': {'statusCode': 200, 'headers': {'content-length': '512'}}, 'responseTime': 12},
        {'time': '1793518200000', 'ip': '192.0.2.7', 'host': 'data.example.org', 'method': 'GET', 'target': '/api', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '12'},
        Time.UNIX, 1e-3,
    ),
    'a Go program': (
        {'time': '2026-11-01T07:30:00Z', 'status': 200, 'latency': '1.5ms', 'client_ip': '192.0.2.7', 'method': 'GET', 'path': '/api', 'user-agent': 'UA', 'body_size': 512, 'level': 'info'},
        {'time': '2026-11-01T07:30:00Z', 'ip': '192.0.2.7', 'method': 'GET', 'target': '/api', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '0.0015'},
        Time.ISO, 1.0,
    ),
    'Istio': (
        {'start_time': '2026-11-01T07:30:00.123Z', 'method': 'GET', 'path': '/api', 'response_code': 200, 'bytes_received': 0, 'bytes_sent': 512, 'duration': 11, 'x_forwarded_for': '192.0.2.7', 'user_agent': 'UA', 'authority': 'data.example.org', 'upstream_host': '10.0.0.2:80', 'downstream_remote_address': '192.0.2.7:0'},
        {'time': '2026-11-01T07:30:00.123Z', 'ip': '192.0.2.7:0', 'forwarded': '192.0.2.7', 'host': 'data.example.org', 'method': 'GET', 'target': '/api', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '11'},
        Time.ISO, 1e-3,
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', LOGS)
def test_usual_names(name: str) -> None:
    log, right, time, seconds = LOGS[name]
    assert read(log) == right
    guess = guess_mapping([log, log])
    assert (guess.time, guess.seconds if 'duration' in right else 1.0) == (time, seconds)


def test_what_is_missing() -> None:
    assert guess_mapping([]).missing == ('time', 'ip', 'request')
    assert guess_mapping([{'level': 'info', 'ts': 1793518200.5, 'msg': 'started'}]).missing == ('ip', 'request')
    assert guess_mapping([{key: value for key, value in NGINX.items() if key != 'time_iso8601'}]).missing == ('time',)
    assert guess_mapping([{'time': '2026-11-01T07:30:00Z', 'ip': '192.0.2.7', 'url': '/'}]).missing == ('method',)
    assert guess_mapping([{key: value for key, value in NGINX.items() if key != 'status'}]).missing == ()


def test_a_name_counts_if_its_values_look_right() -> None:
    assert read({**NGINX, 'host': {'name': 'web1'}, 'user': {'email': 'x'}}) == {
        'time': NGINX['time_iso8601'],
        'ip': '192.0.2.7',
        'request': NGINX['request'],
        'status': '200',
    }
    assert guess_mapping([{**NGINX, 'remote_addr': 'web1'}]).missing == ('ip',)
    assert guess_mapping([{**NGINX, 'request': {'id': 1}}]).missing == ('request',)
    assert guess_mapping([{**NGINX, 'time': 3}]).mapping['time'] == 'time_iso8601'
    assert guess_mapping([{**NGINX, 'time_iso8601': '3 o clock', 'time': '2026-11-01T07:30:00Z'}]).mapping['time'] == 'time'


def test_the_forwarded_header_is_the_one_that_is_named() -> None:
    log = {**NGINX, 'http_x_forwarded_for': '198.51.100.9', 'http_cf_connecting_ip': '203.0.113.5', 'x_real_ip': '203.0.113.6'}
    assert read(log)['forwarded'] == '198.51.100.9'
    assert read(log, header='CF-Connecting-IP')['forwarded'] == '203.0.113.5'
    assert 'forwarded' not in read({**NGINX, 'http_cf_connecting_ip': '203.0.113.5'})


def test_an_address_that_is_logged_in_the_place_of_the_peer() -> None:
    log = {**NGINX, 'http_x_forwarded_for': '198.51.100.9, 10.0.0.2'}
    del log['remote_addr']
    assert guess_mapping([log]).to_format().only_forwarded


def test_a_query_is_added_only_if_targets_lack_theirs() -> None:
    log = {'time': '2026-11-01T07:30:00Z', 'ip': '192.0.2.7', 'method': 'GET', 'url': '/', 'query': 'x=1'}
    assert guess_mapping([log]).mapping['query'] == 'query'
    assert 'query' not in guess_mapping([log, {**log, 'url': '/?x=1'}]).mapping
    assert 'query' not in guess_mapping([{**NGINX, 'args': 'x=1'}]).mapping


@pytest.mark.parametrize(
    ('name', 'values', 'seconds'),
    [
        ('request_time', ['0.001', '12.5'], 1.0),
        ('duration', [0.01, 0.2, 3.5], 1.0),
        ('duration', [10, 200, 3], 1e-3),
        ('response_time', [12.25, 8.5, 0.9], 1e-3),
        ('duration_us', [12], 1e-6),
        ('elapsed_ns', [12], 1e-9),
        ('latencyMs', [0.5], 1e-3),
        ('duration_seconds', [12], 1.0),
        ('duration_in_ms', [0.5], 1e-3),
        ('latency', ['0.010s'], 1.0),
        ('latency', ['10ms'], 1.0),
    ],
)
def test_the_unit_of_a_duration(name: str, values: list[Any], seconds: float) -> None:
    guess = guess_mapping([{**NGINX, name: value} for value in values])
    assert (guess.mapping['duration'], guess.seconds) == (name, seconds)


def test_a_product_that_writes_its_time_otherwise_keeps_its_names() -> None:
    line = '{"ts":"2026-11-01T07:30:00Z","request":{"remote_ip":"192.0.2.7","method":"GET","host":"h","uri":"/"},"status":200}'
    guess = guess_mapping(decode_sample([line]))
    assert (guess.preset, guess.time) == ('caddy', Time.ISO)
    # the name tells the time too, so that a log is read on as it was begun
    assert guessed_format(guess.to_format().name).time == Time.ISO


def test_credentials_are_never_chosen() -> None:
    assert 'user' not in guess_mapping([{**NGINX, 'authorization': {'user': 'alice'}, 'cookie': {'user': 'alice'}}]).mapping


def test_a_hostile_sample_takes_memory_by_its_size() -> None:
    lines = [
        '{' + ','.join(f'"n{number}":1' for number in range(50_000)) + '}',
        '{"a":' * 200 + '1' + '}' * 200,
        '{"remote_addr":"' + ':' * 500_000 + 'x"}',
        '[' * 100_000,
        '{"time":"' + 'x' * 2_000_000 + '"}',
    ]
    tracemalloc.start()
    assert guess_mapping(decode_sample(lines)).missing == ('time', 'ip', 'request')
    assert tracemalloc.get_traced_memory()[1] < 10 * sum(map(len, lines))
    tracemalloc.stop()


KEYS = st.sampled_from(
    ['time', 'ip', 'host', 'request', 'method', 'url', 'status', 'args', 'duration_ms', 'user', 'a.b', 'a"', '']
) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(KEYS, VALUES), max_size=4))
def test_any_objects_give_a_guess(objects: list[dict[str, Any]]) -> None:
    guess = guess_mapping(objects)
    if not guess.missing:
        guess.to_format()
