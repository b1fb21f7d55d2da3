"""Text fields become times, numbers and requests."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from exporter.ingest.formats import Escape, Format, Lines, Time
from exporter.ingest.formats.convert import convert, to_timestamps, unescape

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FIELDS = {
    'time': '01/Nov/2026:08:30:00 +0100', 'ip': '192.0.2.7', 'user': '-', 'request': 'GET /api HTTP/1.1', 'status': '200', 'bytes': '512',
    'agent': 'UA', 'duration': '1', 'host': 'data.example.org',
}  # fmt: skip


def converted(
    escape: Escape = Escape.BACKSLASH, seconds: float = 1.0, only_forwarded: bool = False, **fields: str | None
) -> Lines:
    row = {name: value for name, value in (FIELDS | fields).items() if value != 'absent'}
    frame = pl.DataFrame(
        {'line': pl.Series([0], dtype=pl.UInt32), **{name: pl.Series([value], dtype=pl.String) for name, value in row.items()}}
    )
    log_format = Format('test', lambda texts: texts.to_frame(), Time.CLF, escape, seconds, only_forwarded)
    return convert(frame, log_format, NOW)


def one(**fields: Any) -> dict[str, Any]:
    [call] = converted(**fields).calls.to_dicts()
    return call


def moment(text: str, time: Time, log_timezone: str = 'UTC') -> str | None:
    [value] = to_timestamps(pl.Series([text]), time, log_timezone).to_list()
    return str(value.isoformat(timespec='milliseconds').replace('+00:00', 'Z')) if value else None


@pytest.mark.parametrize(
    ('time', 'text', 'expected'),
    [
        (Time.CLF, '01/Nov/2026:08:30:00 +0100', '2026-11-01T07:30:00.000Z'),
        (Time.CLF, '01/Nov/2026:08:30:00 -0330', '2026-11-01T12:00:00.000Z'),
        (Time.CLF, '01/Nov/2026:08:30:00 +05:45', '2026-11-01T02:45:00.000Z'),
        (Time.CLF, '1/Nov/2026:08:30:00 +0000', '2026-11-01T08:30:00.000Z'),
        (Time.CLF, '01/Nov/2026:08:30:00.123', '2026-11-01T08:30:00.123Z'),
        (Time.CLF, '01/Nov/2026:08:30:00.123456 +0100', '2026-11-01T07:30:00.123Z'),
        (Time.CLF, '01/Nov/2026 08:30:00', '2026-11-01T08:30:00.000Z'),
        (Time.CLF, '01/Nov/2026:08:30:00', '2026-11-01T08:30:00.000Z'),
        (Time.CLF, '01/Nov/2026:08:30:00 +1500', None),
        (Time.CLF, '01/Nov/2026:08:30:00 +0060', None),
        (Time.CLF, '31/Feb/2026:08:30:00 +0000', None),
        (Time.CLF, '01/Nov/2026:24:00:00 +0000', None),
        (Time.CLF, '01/Nov/2026:08:30:00 Europe', None),
        (Time.CLF, '', None),
        (Time.ISO, '2026-11-01T07:30:00Z', '2026-11-01T07:30:00.000Z'),
        (Time.ISO, '2026-11-01 07:30:00', '2026-11-01T07:30:00.000Z'),
        (Time.ISO, '2026-11-01T08:30:00+01:00', '2026-11-01T07:30:00.000Z'),
        (Time.ISO, '2026-11-01T08:30:00+0100', '2026-11-01T07:30:00.000Z'),
        (Time.ISO, '2026-11-01T07:30:00.1Z', '2026-11-01T07:30:00.100Z'),
        (Time.ISO, '2026-11-01T07:30:00.123456789Z', '2026-11-01T07:30:00.123Z'),
        (Time.ISO, '2026-11-01T07:30:00,9996+00:00', '2026-11-01T07:30:01.000Z'),
        (Time.ISO, '2026-11-01', None),
        (Time.ISO, '2026-13-01T07:30:00Z', None),
        (Time.UNIX, '1793518200', '2026-11-01T07:30:00.000Z'),
        (Time.UNIX, '1793518200.123', '2026-11-01T07:30:00.123Z'),
        (Time.UNIX, '1793518200123', '2026-11-01T07:30:00.123Z'),
        (Time.UNIX, '1793518200123456', '2026-11-01T07:30:00.123Z'),
        (Time.UNIX, '1793518200123456789', '2026-11-01T07:30:00.123Z'),
        (Time.UNIX, 'now', None),
        (Time.UNIX, 'nan', None),
        (Time.UNIX, 'inf', None),
        (Time.CTIME, 'Sun Nov  1 07:30:00 2026', '2026-11-01T07:30:00.000Z'),
        (Time.CTIME, 'Sun Nov 29 03:11:08 2026', '2026-11-29T03:11:08.000Z'),
        (Time.CTIME, 'Sun Nov 29 2026', None),
    ],
)  # fmt: skip
def test_times(time: Time, text: str, expected: str | None) -> None:
    assert moment(text, time) == expected


@pytest.mark.parametrize(
    ('local', 'expected'),
    [
        ('2026-07-01 12:00:00', '2026-07-01T10:00:00.000Z'),
        ('2026-10-25 01:59:59', '2026-10-24T23:59:59.000Z'),
        ('2026-10-25 02:30:00', '2026-10-25T00:30:00.000Z'),  # an hour that occurs twice: the first
        ('2026-10-25 03:00:00', '2026-10-25T02:00:00.000Z'),
        ('2026-03-29 02:30:00', None),  # an hour that does not exist
    ],
)
def test_a_time_without_an_offset_is_of_the_zone_of_the_log(local: str, expected: str | None) -> None:
    assert moment(local, Time.ISO, 'Europe/Paris') == expected
    text = datetime.fromisoformat(local)
    assert moment(f'{text:%d/%b/%Y:%H:%M:%S}', Time.CLF, 'Europe/Paris') == expected
    assert moment(f'{text:%a %b %e %H:%M:%S %Y}', Time.CTIME, 'Europe/Paris') == expected
    assert moment(f'{local}Z', Time.ISO, 'Europe/Paris') == f'{local.replace(" ", "T")}.000Z'


@pytest.mark.parametrize(
    ('text', 'seconds', 'expected'),
    [
        ('0.012', 1.0, 12),
        ('0.0004', 1.0, 0),
        ('12', 1e-3, 12),
        ('12345', 1e-6, 12),
        ('12000000', 1e-9, 12),
        ('1.2e-05', 1.0, 0),
        ('0.001, 0.002', 1.0, 2),
        ('+12', 1e-3, 12),
        ('-1', 1e-3, None),
        ('-', 1.0, None),
        ('', 1.0, None),
        ('x', 1.0, None),
        ('1.2.3', 1.0, None),
        (None, 1.0, None),
        ('9' * 30, 1.0, None),
        ('4294967295', 1e-3, 4294967295),
        ('4294967296', 1e-3, None),
    ],
)
def test_durations_are_whole_milliseconds(text: str | None, seconds: float, expected: int | None) -> None:
    assert one(duration=text, seconds=seconds)['duration_ms'] == expected


@pytest.mark.parametrize(
    ('ip', 'expected', 'forwarded'),
    [
        ('192.0.2.7:51000', '192.0.2.7', ''),
        ('[2001:db8::1]:443', '2001:db8::1', ''),
        ('[2001:db8::1]', '2001:db8::1', ''),
        ('2001:db8::1', '2001:db8::1', ''),
        ('::ffff:192.0.2.7', '::ffff:192.0.2.7', ''),
        ('client.example.org', 'client.example.org', ''),
        ('-', '', ''),
        ('198.51.100.9, 10.0.0.1', '', '198.51.100.9, 10.0.0.1'),
        ('198.51.100.9,10.0.0.1:80', '', '198.51.100.9,10.0.0.1:80'),
    ],
)
def test_addresses(ip: str, expected: str, forwarded: str) -> None:
    call = one(ip=ip)
    assert (call['ip'], call['forwarded']) == (expected, forwarded)


def test_a_header_in_the_peers_place_is_moved() -> None:
    call = one(ip='absent', forwarded='198.51.100.9', only_forwarded=True)
    assert (call['ip'], call['forwarded']) == ('', '198.51.100.9')


@pytest.mark.parametrize(
    ('request_', 'method', 'path', 'host'),
    [
        ('GET /api?x=1 HTTP/1.1', 'GET', '/api?x=1', 'data.example.org'),
        ('GET /a b c HTTP/1.1', 'GET', '/a b c', 'data.example.org'),
        ('GET /a HTTP/1.1 b HTTP/2', 'GET', '/a HTTP/1.1 b', 'data.example.org'),
        ('GET /old', 'GET', '/old', 'data.example.org'),
        ('GET /hypercorn 1.1', 'GET', '/hypercorn', 'data.example.org'),
        ('OPTIONS * HTTP/1.1', 'OPTIONS', '*', 'data.example.org'),
        ('CONNECT data.example.org:443 HTTP/1.1', 'CONNECT', 'data.example.org:443', 'data.example.org'),
        ('M-SEARCH /x HTTP/1.1', 'M-SEARCH', '/x', 'data.example.org'),
        ('GET http://other.example.org:80/api?u=http://x/ HTTP/1.1', 'GET', '/api?u=http://x/', 'data.example.org'),
        ('GET https://other.example.org HTTP/1.1', 'GET', '/', 'data.example.org'),
        ('GET http://other.example.org?x=1 HTTP/1.1', 'GET', '/?x=1', 'data.example.org'),
        ('GET //double HTTP/1.1', 'GET', '//double', 'data.example.org'),
    ],
)
def test_requests(request_: str, method: str, path: str, host: str) -> None:
    call = one(request=request_)
    assert (call['method'], call['path'], call['host']) == (method, path, host)
    if '://other' in request_:
        assert one(request=request_, host='-')['host'] == 'other.example.org'
        assert one(request=request_, host='absent')['host'] == 'other.example.org'


@pytest.mark.parametrize(
    'request_',
    ['-', '', ' ', '-  ', '\\x16\\x03\\x01\\x02', 'PRI * HTTP/2.0', '<BADREQ>', 'GET', 'GET ', '1GET / HTTP/1.1', 'A' * 21 + ' /', 'GÉT /', '* *'],
)  # fmt: skip
def test_what_is_no_request_is_skipped(request_: str) -> None:
    lines = converted(request=request_)
    assert lines.skipped.rows() == [(0, 'no_request')]
    assert (len(lines.calls), len(lines.rejected)) == (0, 0)


def test_a_query_that_is_given_alone_is_joined_once() -> None:
    for query in 'x=1', '?x=1':
        assert one(request='absent', method='GET', target='/api', query=query)['path'] == '/api?x=1'
    for unknown in '', '-', None:
        assert one(request='absent', method='GET', target='/api', query=unknown)['path'] == '/api'
    assert one(request='absent', method='GET', target='/api?x=1', query='x=1')['path'] == '/api?x=1'


@pytest.mark.parametrize(
    ('field', 'value', 'reason'),
    [
        ('status', 'abc', 'status'),
        ('status', '99', 'status'),
        ('status', '1000', 'status'),
        ('status', '70000', 'status'),
        ('bytes', 'x', 'bytes'),
        ('bytes', '-1', 'bytes'),
        ('bytes', str(2**64), 'bytes'),
        ('time', 'x', 'timestamp'),
        ('time', '01/Nov/1989:08:30:00 +0100', 'timestamp'),
        ('time', '01/Dec/2026:08:30:00 +0100', 'timestamp'),
    ],
)
def test_an_invalid_value_is_rejected(field: str, value: str, reason: str) -> None:
    lines = converted(**{field: value})  # type: ignore[arg-type]
    assert lines.rejected.rows() == [(0, reason)]
    assert (len(lines.calls), len(lines.skipped)) == (0, 0)


@pytest.mark.parametrize('status', ['-', '', '0', '000', '-1', None, 'absent'])
def test_a_status_may_be_missing(status: str | None) -> None:
    assert one(status=status)['status'] is None


@pytest.mark.parametrize('size', ['-', '', None, 'absent', '0'])
def test_no_size_is_zero(size: str | None) -> None:
    assert one(bytes=size)['bytes'] == 0


@pytest.mark.parametrize(
    ('escape', 'text', 'expected'),
    [
        (Escape.BACKSLASH, r'j\xC3\xB6rg \xc3\xa9', 'jörg é'),
        (Escape.BACKSLASH, r'\"\\\t\n\r\/', '"\\\t\n\r/'),
        (Escape.BACKSLASH, r'\u00c3\u00a9', 'é'),
        (Escape.BACKSLASH, r'\xE9', '\ufffd'),
        (Escape.BACKSLASH, r'\q \xZZ \x4', r'\q \xZZ \x4'),
        (Escape.BACKSLASH, 'ends with \\', 'ends with \\'),
        (Escape.BACKSLASH, r'\\x22', r'\x22'),
        (Escape.BACKSLASH, '#C3', '#C3'),
        (Escape.HASH, 'j#C3#B6rg #22', 'jörg "'),
        (Escape.HASH, r'#c3 \x22 #G1', r'#c3 \x22 #G1'),
        (Escape.NONE, r'\x22 #22', r'\x22 #22'),
    ],
)
def test_escapes_are_undone(escape: Escape, text: str, expected: str) -> None:
    assert unescape(pl.Series([text, None, text]), escape).to_list() == [expected, None, expected]
    assert one(agent=text, escape=escape)['user_agent'] == expected


def test_a_text_that_is_encoded_twice_is_read_once() -> None:
    assert one(agent='DonnÃ©es', user='jÃ¶rg')['user_agent'] == 'Données'
    assert one(agent='Ã alone')['user_agent'] == 'Ã alone'


def test_an_unknown_user_is_empty() -> None:
    assert [one(user=user)['user_id'] for user in ('-', '', '""', None, 'alice', 'a b')] == ['', '', '', '', 'alice', 'a b']


def test_a_host_has_no_port_and_no_capitals() -> None:
    assert one(host='Data.Example.org:8443')['host'] == 'data.example.org'
    assert one(host='[2001:db8::1]:8443')['host'] == '[2001:db8::1]'
    assert one(host='-')['host'] == ''
