"""Notations of log formats are read as they stand in the configurations of nginx and Apache."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.enrich.callers import resolve, trusted_proxies
from exporter.errors import SettingsError
from exporter.ingest.formats.notation import is_notation, notation_format
from exporter.ingest.formats.reader import LogReader

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MAIN = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" '
    '"$http_x_forwarded_for"'
)
MAIN_LINE = (
    '192.0.2.7 - alice [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512 "-" "curl/8.5.0" "198.51.100.9, 10.0.0.1"'
)
CALL = {
    'timestamp': datetime(2026, 11, 1, 7, 30, tzinfo=UTC), 'ip': '192.0.2.7', 'forwarded': '', 'host': '', 'user_id': '',
    'user_agent': '', 'referrer': '', 'method': 'GET', 'path': '/api?x=1', 'status': 200, 'bytes': 512, 'duration_ms': None,
}  # fmt: skip
AGENT = {'user_agent': 'curl/8.5.0'}


def one(notation: str, line: str) -> dict[str, Any]:
    """Returns the call of a line, without its number."""
    lines = LogReader(notation).read(f'{line}\n'.encode(), NOW)
    assert (lines.rejected.height, lines.skipped.height) == (0, 0)
    [call] = lines.calls.drop('line').to_dicts()
    return call


@pytest.mark.parametrize(
    'notation',
    [
        MAIN,
        MAIN.replace('$remote_addr', '${remote_addr}'),
        f"'{MAIN}'",
        f"log_format main '{MAIN}';",
        # nginx.conf of nginx.org
        """log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';""",
        """'$remote_addr - $remote_user [$time_local] "$request" '
           '$status $body_bytes_sent "$http_referer" '
           '"$http_user_agent" "$http_x_forwarded_for"'""",
        'log_format main "' + MAIN.replace('"', '\\"') + '";',
        # Apache, bare and as in a configuration
        '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" "%{X-Forwarded-For}i"',
        '%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-agent}i\\" \\"%{X-Forwarded-For}i\\"',
        'LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\" \\"%{x-forwarded-for}i\\"" combined',
        'LogFormat "%h %l %u %t \\"%r\\" %>s %B \\\n    \\"%{Referer}i\\" \\"%{User-Agent}i\\" \\"%{X-Forwarded-For}i\\"" proxy',
        '"%a %l %u %t \\"%m %U%q %H\\" %!200,304>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\" \\"%{X-Forwarded-For}i\\""',
    ],
)
def test_a_notation_is_taken_as_it_stands_in_a_configuration(notation: str) -> None:
    assert is_notation(notation)
    assert one(notation, MAIN_LINE) == CALL | AGENT | {'user_id': 'alice', 'referrer': '-', 'forwarded': '198.51.100.9, 10.0.0.1'}


@pytest.mark.parametrize(
    ('notation', 'line', 'expected'),
    [
        ('$remote_addr [$time_local] "$request" $status $body_bytes_sent $request_time', '192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512 0.012', {'duration_ms': 12}),
        ('$remote_addr $msec $request_method $uri$is_args$args $status $bytes_sent', '192.0.2.7 1793518200.000 GET /api?x=1 200 512', {}),
        ('$remote_addr $msec $request_method $uri $args $status $bytes_sent', '192.0.2.7 1793518200.000 GET /api x=1 200 512', {}),
        ('$time_iso8601\t$remote_addr\t$request_method\t$request_uri\t$status\t$bytes_sent\t$http_user_agent', '2026-11-01T08:30:00+01:00\t192.0.2.7\tGET\t/api?x=1\t200\t512\tcurl/8.5.0', AGENT),
        ('$host $remote_addr [$time_local] "$request" $status $bytes_sent', 'Data.example.org:443 192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512', {'host': 'data.example.org'}),
        ('$http_x_forwarded_for [$time_local] "$request" $status $bytes_sent', '198.51.100.9, 10.0.0.1 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512', {'ip': '', 'forwarded': '198.51.100.9, 10.0.0.1'}),
        ('%{X-Forwarded-For}i %u %t "%r" %>s %b', '198.51.100.9, 10.0.0.1 alice b [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512', {'ip': '', 'forwarded': '198.51.100.9, 10.0.0.1', 'user_id': 'alice b'}),
        ('%h %t "%r" %>s %b %D', '192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512 12345', {'duration_ms': 12}),
        ('%h %t "%r" %>s %b %{ms}T', '192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512 12', {'duration_ms': 12}),
        ('%h %t "%r" %>s %b %{us}T', '192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512 12345', {'duration_ms': 12}),
        ('%h %t "%r" %>s %b %T', '192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512 3', {'duration_ms': 3000}),
        ('%v:%p %h %t "%r" %>s -', 'data.example.org:443 192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" - -', {'host': 'data.example.org', 'status': None, 'bytes': 0}),
        ('%h %{usec}t "%r" %>s %b', '192.0.2.7 1793518200000000 "GET /api?x=1 HTTP/1.1" 200 512', {}),
        ('%h [%{%d/%b/%Y:%H:%M:%S %z}t] "%r" %>s %b', '192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512', {}),
        ('%h %{%Y-%m-%dT%H:%M:%S%z}t "%r" %>s %b', '192.0.2.7 2026-11-01T08:30:00+0100 "GET /api?x=1 HTTP/1.1" 200 512', {}),
        ('100%% %h %t "%r" %>s %b', '100% 192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512', {}),
        ('$remote_addr ($time_local) {$request} | $status $bytes_sent $', '192.0.2.7 (01/Nov/2026:08:30:00 +0100) {GET /api?x=1 HTTP/1.1} | 200 512 $', {}),
        ('$remote_addr [$time_local] "$request" $status $bytes_sent "$http_user_agent"', '192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512 "say "hi" \\x5C\\x22"', {'user_agent': 'say "hi" \\"'}),
        ('$remote_addr $remote_addr [$time_local] "$request" $status $bytes_sent', '192.0.2.7 192.0.2.8 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512', {}),
        ('$realip_remote_addr $remote_addr [$time_local] "$request" $status $bytes_sent', '10.0.0.1 192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512', {}),
        ('$remote_addr [$time_local] "$request" $status $bytes_sent $body_bytes_sent', '192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 700 512', {}),
        ('$remote_addr [$time_local] "$request" $status $bytes_sent "$upstream_addr" $upstream_response_time', '192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET /api?x=1 HTTP/1.1" 200 512 "10.0.0.1:80, 10.0.0.2:80" 0.001, 0.002', {}),
    ],
)  # fmt: skip
def test_variables(notation: str, line: str, expected: dict[str, Any]) -> None:
    assert one(notation, line) == CALL | expected


FORWARDED_FIRST = '$http_x_forwarded_for - $remote_user [$time_local] "$request" $status $body_bytes_sent "-" "$http_user_agent"'


@pytest.mark.parametrize(
    'header',
    ['198.51.100.9', '10.0.0.2', '198.51.100.9:443', '[2001:db8::9]:443', '198.51.100.9, 10.0.0.2', '10.0.0.1,198.51.100.9', '-'],
)
def test_a_header_in_the_place_of_the_address_names_the_same_caller_without_a_notation(header: str) -> None:
    line = f'{header} - - [01/Nov/2026:08:30:00 +0100] "GET / HTTP/1.1" 200 512 "-" "curl/8.5.0"\n'.encode()
    named, found = (LogReader(each).read(line, NOW).calls.row(0, named=True) for each in (FORWARDED_FIRST, 'auto'))
    trusted = trusted_proxies(['private'])
    assert resolve(named['ip'], named['forwarded'], trusted) == resolve(found['ip'], found['forwarded'], trusted)


def test_the_header_of_the_setting_names_the_caller() -> None:
    notation = '$remote_addr [$time_local] "$request" $status $bytes_sent "$http_x_forwarded_for" "$http_cf_connecting_ip"'
    line = b'192.0.2.7 [01/Nov/2026:08:30:00 +0100] "GET / HTTP/1.1" 200 512 "198.51.100.9" "203.0.113.5"\n'
    assert LogReader(notation).read(line, NOW).calls['forwarded'].to_list() == ['198.51.100.9']
    assert LogReader(notation, 'CF-Connecting-IP').read(line, NOW).calls['forwarded'].to_list() == ['203.0.113.5']


JSON_LINE = '{"time":"2026-11-01T08:30:00+01:00","addr":"192.0.2.7","request":"GET /api?x=1 HTTP/1.1","status":"200","size":512,"ua":"curl/8.5.0","rt":0.012,"up":"-","who":{"name":"alice"}}'


@pytest.mark.parametrize(
    'notation',
    [
        '{"time":"$time_iso8601","addr":"$remote_addr","request":"$request","status":"$status","size":$body_bytes_sent,"ua":"$http_user_agent","rt":$request_time,"up":"$upstream_addr","who":{"name":"$remote_user"}}',
        """log_format json escape=json '{'
            '"time":"$time_iso8601",'
            '"addr":"$remote_addr",'
            '"request":"$request", "status": "$status", "size": $body_bytes_sent,'
            '"ua":"$http_user_agent","rt": $request_time,'
            '"up":"$upstream_addr","who":{"name":"$remote_user"}'
        '}';""",
        '{ "time":"%{%Y-%m-%dT%H:%M:%S%z}t", "addr":"%a", "request":"%r", "status":"%>s", "size":%B, "ua":"%{User-Agent}i", "rt":"%{s}T", "who":{"name":"%u"} }',
        'LogFormat "{ \\"time\\":\\"%{%Y-%m-%dT%H:%M:%S%z}t\\", \\"addr\\":\\"%a\\", \\"request\\":\\"%m %U%q %H\\", \\"status\\":%>s, \\"size\\":%B, \\"ua\\":\\"%{User-Agent}i\\", \\"rt\\":\\"%{s}T\\", \\"who\\":{\\"name\\":\\"%u\\"} }" json',
    ],
)  # fmt: skip
def test_a_notation_that_is_an_object_reads_json(notation: str) -> None:
    expected = CALL | AGENT | {'user_id': 'alice', 'duration_ms': 12}
    assert one(notation, JSON_LINE) == expected
    assert one(notation, JSON_LINE.replace('curl/8.5.0', 'a \\"quote\\" \\xC3\\xA9')) == expected | {'user_agent': 'a "quote" é'}
    assert one(notation, JSON_LINE.replace('","', '", "')) == expected


def test_a_notation_of_json_has_any_time() -> None:
    notation = '{"t":"$msec","a.b":"$remote_addr","m":"$request_method","u":"$request_uri","f":"$http_x_forwarded_for"}'
    expected = CALL | {'status': None, 'bytes': 0, 'forwarded': '198.51.100.9'}
    assert one(notation, '{"t":"1793518200.000","a.b":"192.0.2.7","m":"GET","u":"/api?x=1","f":"198.51.100.9"}') == expected
    notation = notation.replace('$msec', '$time_local')
    line = '{"t":"01/Nov/2026:08:30:00 +0100","a.b":"192.0.2.7","m":"GET","u":"/api?x=1","f":"198.51.100.9"}'
    assert one(notation, line) == expected


@pytest.mark.parametrize(
    ('notation', 'notes'),
    [
        (MAIN, ()),
        ('$remote_addr [$time_local] "$request" $status $bytes_sent $upstream_addr $request_id', ('upstream_addr', 'request_id')),
        ('%h %l %t "%r" %>s %b %I %{Accept}i %{Foo}n', ('{accept}i', '{foo}n')),
        ('{"t":"$msec","a":"$remote_addr","r":"$request","x":"$request_id","y":"$host:$server_port"}', ('request_id', 'host', 'server_port')),
    ],
)  # fmt: skip
def test_variables_without_a_field_are_noted(notation: str, notes: tuple[str, ...]) -> None:
    assert notation_format(notation).notes == notes


@pytest.mark.parametrize(
    ('notation', 'error'),
    [
        ('$remote_addr "$request"', 'does not have the time'),
        ('[$time_local] "$request" $status', 'does not have the address'),
        ('$remote_addr [$time_local] $status', 'does not have the request'),
        ('$status', 'does not have the time and the address and the request'),
        ('%h %t %>s', 'does not have the request'),
        ('%', 'does not have the time and the address and the request'),
        ('{"time":"$time_iso8601","addr":"$remote_addr"}', 'does not have the request'),
        ('$remote_addr$status [$time_local] "$request"', 'no text between two variables at remote_addr'),
        ('%h%u %t "%r"', 'no text between two variables at h'),
        ('$remote_addr\n[$time_local]\n$status', 'does not have the request'),
        ('$' * 10_000, 'does not have'),
        ('%{' * 10_000, 'does not have'),
        ('{"' * 10_000 + '$', 'does not have'),
    ],
)
def test_an_invalid_notation_is_an_error_of_one_line(notation: str, error: str) -> None:
    with pytest.raises(SettingsError) as raised:
        notation_format(notation)
    assert error in str(raised.value)
    assert '\n' not in str(raised.value)
    assert len(str(raised.value)) < 400
    assert raised.value.remedy


def test_a_line_that_is_not_in_the_notation_is_rejected() -> None:
    lines = LogReader(MAIN).read(MAIN_LINE.replace(' "198.51.100.9, 10.0.0.1"', '').encode(), NOW)
    assert lines.rejected.rows() == [(0, 'format')]


def test_a_long_notation_of_many_variables_is_fast() -> None:
    notation = MAIN + ''.join(f' $unknown_{number}' for number in range(500))
    assert one(notation, MAIN_LINE + ' -' * 500)['path'] == '/api?x=1'
