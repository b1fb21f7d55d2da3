"""JSON access logs: what is read of real ones, of those of products, and of hostile ones."""

import json
import random
import re
import tracemalloc
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import polars as pl
import pytest
import real_logs
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import SettingsError
from exporter.ingest.formats import TEXT_FIELDS, Format, Time
from exporter.ingest.formats.json_guess import guess_mapping
from exporter.ingest.formats.json_lines import decode_sample, json_format, repair
from exporter.ingest.formats.json_presets import JSON_PRESETS
from exporter.ingest.formats.log_fields import log_fields_format

SIMPLE = json_format('simple', {'time': 't', 'ip': 'a', 'target': 'p', 'status': 's', 'forwarded': 'h.X-F', 'agent': 'h.UA.0'})
LOGS = {
    'nginx-json-iso': 131,
    'nginx-json-local': 131,
    'nginx-json-default-escape': 131,
    'apache-json': 131,
    'caddy2.6-default-json': 121,
    'traefik-json-default': 119,
}


def read(log_format: Format, *lines: str) -> list[dict[str, Any]]:
    frame = log_format.read(pl.Series(lines, dtype=pl.String))
    assert set(frame.dtypes) == {pl.String}
    assert len(frame) == len(lines)
    return frame.to_dicts()


def values(line: str) -> dict[str, Any]:
    """The values of a line that are not null."""
    return {field: value for field, value in read(SIMPLE, line)[0].items() if value is not None}


def to_moment(text: str, time: Time) -> datetime:
    if time == Time.UNIX:
        return datetime.fromtimestamp(float(text), UTC)
    return datetime.strptime(text, '%d/%b/%Y:%H:%M:%S %z') if time == Time.CLF else datetime.fromisoformat(text)


def to_target(row: dict[str, Any]) -> str:
    """The path with its query, without scheme and host."""
    target = row.get('target') if 'request' not in row else re.sub(r' HTTP/[\d.]+$', '', row['request']).partition(' ')[2]
    target = re.sub(r'^https?://[^/]*', '', target or '')
    return target if '?' in target else target + (row.get('query') or '')


def normal(field: str, text: str) -> str:
    """What servers may change: the port and the case of a host, percent-encoding."""
    if field == 'host':
        return re.sub(r':\d+$', '', text).lower()
    return unquote(text) if field == 'path' else text


@pytest.mark.parametrize('sample', [5, 200])
@pytest.mark.parametrize(('name', 'calls'), LOGS.items())
def test_a_real_log_is_read_as_it_was_made(name: str, calls: int, sample: int) -> None:
    lines = real_logs.read_lines(name)
    guess = guess_mapping(decode_sample(lines[:sample]))
    assert guess.missing == ()
    log_format = guess.to_format()
    rows, truth = read(log_format, *lines), real_logs.read_truth(name)
    assert len(truth) == calls
    compared = set()
    for call in truth:
        row = rows[call['line'] - 1]
        right = {field: value for field, value in call.items() if field not in call.get('lost', ())}
        assert abs((to_moment(row['time'], log_format.time) - datetime.fromisoformat(call['time'])).total_seconds()) < 0.0011
        assert row['status'] == str(call['status'])
        assert row['bytes'] in {str(call['bytes']), '-'}
        if 'duration_ms' in call:
            assert float(row['duration']) * log_format.seconds * 1000 == pytest.approx(call['duration_ms'], abs=0.0011)
        if 'xff' in call and 'forwarded' in row:
            assert (row['forwarded'] or '') == (right.get('xff', row['forwarded']) or '')
        assert row['ip'] == call['peer'] or log_format.only_forwarded
        for field, ours in (('agent', 'agent'), ('user', 'user'), ('host', 'host')):
            if right.get(field) and ours in row and not (name.startswith('traefik') and field == 'agent'):
                assert normal(field, row[ours]) == normal(field, right[field]), call
                compared.add(field)
        if call['kind'] in ('normal', 'h2', 'early') and right.get('path') and 'path' not in call.get('lost', ()):
            assert normal('path', to_target(row)) == normal('path', right['path']), call
            compared.add('path')
    assert 'path' in compared


def test_the_user_of_a_real_log() -> None:
    lines = real_logs.read_lines('nginx-json-iso')
    users = {row['user'] for row in read(guess_mapping(decode_sample(lines)).to_format(), *lines)}
    assert {'alice', 'jörg', 'o"brien'} & users


def test_numbers_are_texts() -> None:
    assert values('{"s":200}') == {'status': '200'}
    texts = [
        read(SIMPLE, f'{{"s":{number}}}')[0]['status']
        for number in ('200', '200.0', '2e2', '0.010', '1e-5', '-0', '1795921528.9406044')
    ]
    assert texts == ['200', '200', '200', '0.01', '0.00001', '0', '1795921528.9406044']
    assert values('{"s":1793518200000000000}')['status'] == '1793518200000000000'
    assert values(f'{{"s":{"1" * 30}}}')['status'] == '1' * 30


def test_missing_null_and_empty_differ() -> None:
    assert values('{"a":null,"p":""}') == {'target': ''}


def test_a_value_of_another_type_is_missing_and_the_others_are_read() -> None:
    for odd in ('{"x":1}', 'true', '[{}]', '1e999', '1' * 5000):
        assert values(f'{{"a":{odd},"p":"/","h":{{"UA":["ua"]}}}}') == {'target': '/', 'agent': 'ua'}, odd
        assert values(f'{{"p":"/","h":{odd}}}') == {'target': '/'}, odd
    assert values('{"p":"/","h":null}') == {'target': '/'}


def test_lists() -> None:
    assert values('{"h":{"X-F":["192.0.2.1","192.0.2.2"],"UA":["one","two"]}}') == {
        'forwarded': '192.0.2.1, 192.0.2.2',
        'agent': 'one',
    }
    assert values('{"h":{"X-F":"192.0.2.1","UA":"one"}}') == {'forwarded': '192.0.2.1', 'agent': 'one'}
    assert values('{"h":{"X-F":[],"UA":[]}}') == {}
    assert values('{"a":["192.0.2.1","x"],"s":[200]}') == {'ip': '192.0.2.1', 'status': '200'}
    second = json_format('second', {'agent': 'UA.1'})
    assert read(second, '{"UA":["one","two"]}', '{"UA":["one"]}') == [{'agent': 'two'}, {'agent': None}]


def test_the_first_of_several_names_counts() -> None:
    log_format = json_format('x', {'ip': ('c.ip', 'ip', 'addr')})
    assert [
        row['ip']
        for row in read(log_format, '{"c":{"ip":"1"},"ip":"2"}', '{"ip":"2","addr":"3"}', '{"addr":"3"}', '{"c":{"ip":""}}', '{}')
    ] == ['1', '2', '3', '', None]


def test_a_dot_within_a_name() -> None:
    assert read(json_format('x', {'ip': r'client\.ip'}), '{"client.ip":"1","client":{"ip":"2"}}') == [{'ip': '1'}]


def test_the_last_of_repeated_names_counts() -> None:
    assert values('{"s":1,"s":2}') == {'status': '2'}
    assert values('{"s":{},"s":2,"a":{}}') == {'status': '2'}


@pytest.mark.parametrize(
    'line',
    [
        '',
        ' ',
        '{',
        '{"s":200',
        '"x"',
        '1',
        'null',
        '[]',
        '[{"s":200}]',
        '{"s":200}{"s":200}',
        "{'s':200}",
        'GET / HTTP/1.1',
        '{"s":NaN}',
        '{"s":"a"b"}',
        '\\',
        '"\\',
        '{"s":"\\',
    ],
)
def test_what_is_no_object_is_null_in_every_column(line: str) -> None:
    assert values(line) == {}
    assert [row['status'] for row in read(SIMPLE, '{"s":1}', line, '{"s":2}')] == ['1', None, '2']


def test_a_line_and_its_number_stay_together() -> None:
    assert SIMPLE.read(pl.Series(['{"s":1}', None, '{"s":2}'], dtype=pl.String))['status'].to_list() == ['1', None, '2']
    assert read(SIMPLE) == []


@pytest.mark.parametrize(
    ('escaped', 'text'),
    [
        (r'My \x22client\x22', 'My "client"'),
        (r'Back\x5Cslash \x5C\x22', 'Back\\slash \\"'),
        (r'Donn\xC3\xA9es', 'Données'),
        (r'Donn\xe9es', 'Donn\ufffdes'),
        (r'tab\x09', 'tab\t'),
        (r'\xC3\xA9 \u00e9 \n \" \\', 'é é \n " \\'),
        (r'\\x41\x42', '\\x41B'),
        (r'\ud800x', '\ufffdx'),
        (r'\udc00\ud83d\ude00\ud83d', '\ufffd\U0001f600\ufffd'),
        (r'\v\q', '\\v\\q'),
        ('a\tb\x01c', 'a\tb\x01c'),
    ],
)
def test_invalid_strings_are_repaired(escaped: str, text: str) -> None:
    assert values(f'{{"t":1,"p":"{escaped}"}}')['target'] == text
    assert repair(repair(f'{{"p":"{escaped}"}}')) == repair(f'{{"p":"{escaped}"}}')


@pytest.mark.parametrize('around', ['\ufeff{}', '\0\0{}', '{}\r', ' {} ', '\ufeff {}\0'])
def test_what_surrounds_an_object_is_removed(around: str) -> None:
    assert values(around.replace('{}', '{"s":200}')) == {'status': '200'}


def test_a_wrong_type_and_an_invalid_string_in_one_line() -> None:
    assert values(r'{"a":{},"s":[[]],"p":"\x22"}') == {'target': '"'}


def test_times_in_several_notations() -> None:
    iso = json_format('iso', {'time': 't'})
    moments = ('1793518200', '1793518200.5', '"1793518200123"', '1793518200123456', '1793518200123456789')
    times = [row['time'] for row in read(iso, *(f'{{"t":{each}}}' for each in moments))]
    assert times == [f'2026-11-01T07:30:00.{part}Z' for part in ('000', '500', '123', '123', '123')]
    texts = ['2026-11-01T07:30:00.1Z', '01/Nov/2026:08:30:00 +0100', 'yesterday', '99/Nov/2026:00:00:00 +0000']
    assert [row['time'] for row in read(iso, *(json.dumps({'t': text}) for text in texts))] == [
        texts[0],
        '2026-11-01T08:30:00+0100',
        *texts[2:],
    ]
    unix = json_format('unix', {'time': 't'}, time=Time.UNIX)
    assert [row['time'] for row in read(unix, '{"t":1793518200.25}', '{"t":"2026-11-01T08:30:00.5+01:00"}', '{"t":"2026-11-01T08:30"}', '{}')] == [
        '1793518200.25', '1793518200.500000', '2026-11-01T08:30', None,
    ]  # fmt: skip


def test_durations_with_units() -> None:
    log_format = json_format('x', {'duration': 'd'}, seconds=1e-3)
    rows = read(log_format, *(f'{{"d":{each}}}' for each in ('"0.010s"', '"7.5ms"', '"12µs"', '"5ns"', '3', '"1m2s"')))
    assert [row['duration'] for row in rows] == ['10', '7.5', '0.012', '0.000005', '3', '1m2s']


PRODUCTS = {
    'caddy': (
        '{"ts":1793518200.12,"request":{"remote_ip":"192.0.2.1","client_ip":"192.0.2.7","method":"GET","host":"data.example.org","uri":"/",'
        '"headers":{"User-Agent":["UA"],"X-Forwarded-For":["192.0.2.7","192.0.2.8"],"Authorization":["Basic c2VjcmV0"]}},"user_id":"alice","duration":0.01,"size":512,"status":200}',
        {'time': '1793518200.12', 'ip': '192.0.2.7', 'forwarded': '192.0.2.7, 192.0.2.8', 'host': 'data.example.org', 'user': 'alice',
         'method': 'GET', 'target': '/', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '0.01'},
    ),
    'traefik-json': (
        '{"ClientHost":"192.0.2.7","ClientUsername":"-","DownstreamStatus":200,"DownstreamContentSize":512,"Duration":12000000,"RequestHost":"data.example.org",'
        '"RequestMethod":"GET","RequestPath":"/","time":"2026-11-01T07:30:00Z","level":"info","msg":"","request_User-Agent":"UA"}',
        {'time': '2026-11-01T07:30:00Z', 'ip': '192.0.2.7', 'host': 'data.example.org', 'user': '-', 'method': 'GET', 'target': '/', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '12000000'},
    ),
    'cloudflare': (
        '{"ClientIP":"192.0.2.7","ClientRequestHost":"data.example.org","ClientRequestMethod":"GET","ClientRequestURI":"/api","ClientRequestUserAgent":"UA",'
        '"EdgeResponseStatus":200,"EdgeResponseBytes":512,"EdgeStartTimestamp":1793518200000000000}',
        {'time': '2026-11-01T07:30:00.000Z', 'ip': '192.0.2.7', 'host': 'data.example.org', 'method': 'GET', 'target': '/api', 'status': '200', 'bytes': '512', 'agent': 'UA'},
    ),
    'azure': (
        '{"time":"2026-11-01T07:30:00Z","properties":{"clientIP":"192.0.2.7","httpMethod":"GET","requestUri":"/api","requestQuery":"x=1","httpStatus":200,"sentBytes":512,'
        '"originalHost":"data.example.org","userAgent":"UA","timeTaken":0.012}}',
        {'time': '2026-11-01T07:30:00Z', 'ip': '192.0.2.7', 'host': 'data.example.org', 'method': 'GET', 'target': '/api', 'query': 'x=1', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '0.012'},
    ),
    'google': (
        '{"httpRequest":{"requestMethod":"GET","requestUrl":"https://data.example.org/api","status":200,"responseSize":"512","userAgent":"UA",'
        '"remoteIp":"192.0.2.7","latency":"0.010s"},"timestamp":"2026-11-01T07:30:00.1Z"}',
        {'time': '2026-11-01T07:30:00.1Z', 'ip': '192.0.2.7', 'method': 'GET', 'target': 'https://data.example.org/api', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '0.010'},
    ),
    'kong': (
        '{"client_ip":"192.0.2.7","consumer":{"username":"alice"},"request":{"method":"GET","uri":"/api","headers":{"host":"data.example.org","user-agent":"UA","authorization":"Basic c2VjcmV0"}},'
        '"response":{"status":200,"size":512},"latencies":{"request":11},"started_at":1793518200000}',
        {'time': '1793518200000', 'ip': '192.0.2.7', 'host': 'data.example.org', 'user': 'alice', 'method': 'GET', 'target': '/api', 'status': '200', 'bytes': '512', 'agent': 'UA', 'duration': '11'},
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', PRODUCTS)
def test_a_product(name: str) -> None:
    line, right = PRODUCTS[name]
    [row] = read(JSON_PRESETS[name], line)
    assert {field: value for field, value in row.items() if value is not None} == right
    assert 'c2VjcmV0' not in str(row)
    guess = guess_mapping(decode_sample([line]))
    assert guess.preset == name


def test_front_door() -> None:
    line = (
        '{"time":"2026-11-01T07:30:00Z","properties":{"httpMethod":"GET","requestUri":"https://data.example.org:443/api?x=1","responseBytes":"512",'
        '"userAgent":"UA","clientIp":"192.0.2.7","socketIp":"10.0.0.1","timeTaken":"0.012","httpStatusCode":"200"}}'
    )
    [row] = read(JSON_PRESETS['azure'], line)
    assert (row['ip'], row['target'], row['status'], row['bytes']) == (
        '192.0.2.7',
        'https://data.example.org:443/api?x=1',
        '200',
        '512',
    )


def test_presets_read_the_fields_that_a_call_needs() -> None:
    for name, preset in JSON_PRESETS.items():
        assert preset.name == name
        columns = preset.read(pl.Series([], dtype=pl.String)).columns
        assert {'time', 'ip', 'method', 'target', 'status'} <= set(columns) <= set(TEXT_FIELDS)


def test_log_fields() -> None:
    log_format = log_fields_format(
        {'time': 'at', 'ip': 'from.ip', 'request': 'line', 'duration_ms': 'took', 'user': r'user\.name'}
    )
    [row] = read(
        log_format,
        '{"at":"2026-11-01T07:30:00Z","from":{"ip":"192.0.2.7"},"line":"GET / HTTP/1.1","took":12,"user.name":"alice"}',
    )
    assert row == {
        'time': '2026-11-01T07:30:00Z',
        'ip': '192.0.2.7',
        'user': 'alice',
        'request': 'GET / HTTP/1.1',
        'duration': '12',
    }
    assert (log_format.time, log_format.seconds, log_format.only_forwarded) == (Time.ISO, 1e-3, False)
    assert log_fields_format({'time': 'a', 'forwarded': 'b', 'method': 'c', 'target': 'd'}).only_forwarded
    assert [
        log_fields_format({'time': 'a', 'ip': 'b', 'request': 'c', f'duration_{unit}': 'd'}).seconds for unit in ('s', 'us', 'ns')
    ] == [1, 1e-6, 1e-9]


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({}, 'log_fields: no time, no ip, no request; add time = ..., ip = ..., request = ...'),
        ({'time': 'a', 'ip': 'b', 'target': 'c'}, 'log_fields: no method; add method = ...'),
        ({'tim': 'a'}, "log_fields: unknown field 'tim'; did you mean time?"),
        ({'duration': 'a'}, "log_fields: unknown field 'duration'; did you mean duration_"),
        (
            {'time': 'a', 'ip': 'b', 'request': 'c', 'duration_s': 'd', 'duration_ms': 'e'},
            'log_fields: duration_s and duration_ms map the same field twice; remove one',
        ),
        (
            {'time': 'a', 'ip': 'b', 'request': 'c', 'method': 'd'},
            'log_fields: request and method map the same field twice; remove one',
        ),
        ({'time': 'a', 'ip': 'a', 'request': 'c'}, "log_fields: 'a' is given for two fields; give each"),
        ({'time': 'a', 'ip': 'a.b', 'request': 'c'}, "log_fields: in 'a.b', 'a' is a value and an object; use one"),
        ({'time': 'a', 'ip': 'b..c', 'request': 'c'}, "log_fields.ip: invalid name 'b..c'; give a dotted name"),
        ({'time': 'a', 'ip': 'b"', 'request': 'c'}, 'log_fields.ip: invalid name'),
        ({'time': 'a', 'ip': '', 'request': 'c'}, "log_fields.ip: invalid name ''"),
        (
            {'time': 'a', 'user': 'request.headers.Authorization.0'},
            "log_fields.user: 'request.headers.Authorization.0' may hold a password; ",
        ),
    ],
)
def test_invalid_log_fields(fields: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        log_fields_format(fields)
    assert str(error.value).startswith(message)
    assert '\n' not in str(error.value)


HOSTILE = {
    'a million names': '{' + ','.join(f'"n{number}":1' for number in range(1_000_000)) + ',"s":200}',
    'a million times the same name': '{' + '"s":1,' * 1_000_000 + '"s":200}',
    'a million values in a list': '{"x":[' + '{},' * 1_000_000 + '1],"s":200}',
    'a long name': f'{{"{"n" * 1_000_000}":1,"s":200}}',
    'a long value': f'{{"x":"{"v" * 1_000_000}","s":200}}',
    'a hundred levels': '{"x":' * 100 + '1' + '}' * 100,
    'a thousand levels': '{"x":' * 1000 + '1' + '}' * 1000,
    'a hundred thousand levels': '{"s":' * 100_000,
    'brackets': '[' * 100_000,
    'quotes': '{"s":"' + '\\"' * 1_000_000,
    'backslashes': '{"s":"' + '\\' * 1_000_001 + '"}',
    'hexadecimal': '{"p":"' + '\\xC3' * 500_000 + '","s":200}',
    'half characters': '{"p":"' + '\\ud800' * 300_000 + '","s":200}',
    'a long number': '{"x":' + '1' * 1_000_000 + ',"s":200}',
}  # fmt: skip


@pytest.mark.parametrize('name', HOSTILE)
def test_a_hostile_line_takes_memory_by_its_size_and_spoils_no_other(name: str) -> None:
    lines = ['{"s":201}', HOSTILE[name], '{"s":202}']
    tracemalloc.start()
    rows = read(SIMPLE, *lines)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * sum(map(len, lines)) + 1_000_000
    assert [rows[0]['status'], rows[2]['status']] == ['201', '202']
    assert rows[1]['status'] in ('200', None)
    assert (
        rows[1]['status'] == '200'
        or 'levels' in name
        or name in ('brackets', 'quotes', 'backslashes', 'hexadecimal', 'half characters')
    )


TEXTS = st.text() | st.binary().map(lambda data: data.decode(errors='replace'))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(['t', 'a', 's', 'h', 'UA', 'X-F', 'x']), inner),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(['t', 'a', 'p', 's', 'h', 'x']), VALUES).map(json.dumps)


@given(st.lists(TEXTS | OBJECTS, max_size=8))
def test_any_text_gives_a_row(lines: list[str]) -> None:
    rows = read(SIMPLE, *lines)
    assert rows == [read(SIMPLE, line)[0] for line in lines], 'a line is read alike in any company'
    assert read(json_format('x', {'time': 't', 'duration': 'a'}, time=Time.UNIX), *lines) is not None
    guess_mapping(decode_sample(lines))


@given(st.dictionaries(st.sampled_from(['t', 'a', 'p', 's']), st.text() | st.integers(0, 10**20)), st.integers())
def test_a_cut_object_is_null_and_a_whole_one_is_read(call: dict[str, Any], seed: int) -> None:
    line = json.dumps(call, ensure_ascii=bool(seed % 2))
    cut = line[: random.Random(seed).randrange(len(line))]
    whole, part = read(json_format('x', {'ip': 'a', 'target': 'p', 'status': 's'}), line, cut)
    assert whole == {
        field: str(call[name]) if name in call else None for field, name in (('ip', 'a'), ('target', 'p'), ('status', 's'))
    }
    assert set(part.values()) == {None}
