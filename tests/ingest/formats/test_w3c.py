"""W3C extended logs: the line `#Fields:` names the fields."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.ingest.formats.reader import LogReader
from exporter.ingest.formats.w3c import w3c_format

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
IIS = (
    '#Software: Microsoft Internet Information Services 10.0',
    '#Version: 1.0',
    '#Date: 2026-11-01 07:30:00',
    '#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status '
    'sc-substatus sc-win32-status time-taken',
)
CLOUDFRONT = (
    '#Version: 1.0',
    '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) '
    'cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for',
)
CLOUDFRONT_LINE = (
    '2026-11-01\t07:30:00\tCDG50-C1\t512\t192.0.2.7\tGET\td111.cloudfront.net\t/api\t200\t-\t{agent}\tx=1\t-\tHit\treq\t'
    'data.example.org\thttps\t100\t0.012\t-'
)


def read(*lines: str) -> list[dict[str, Any]]:
    result = LogReader().read(''.join(f'{line}\r\n' for line in lines).encode(), NOW, 'u_ex261101.log', first=True)
    assert result.rejected.is_empty()
    return result.calls.sort('line').drop('line').to_dicts()


def test_iis() -> None:
    [call, other] = read(
        *IIS,
        '2026-11-01 07:30:00 10.0.0.1 GET /api x=1&y=a+b 443 alice 192.0.2.7 Mozilla/5.0+(Windows+NT+10.0)+C%2B%2B - 200 0 0 15',
        '2026-11-01 07:30:01 10.0.0.1 GET /a+b - 443 - 2001:db8::1 - - 304 0 0 0',
    )
    assert call == {
        'timestamp': datetime(2026, 11, 1, 7, 30, tzinfo=UTC), 'ip': '192.0.2.7', 'forwarded': '', 'host': '', 'user_id': 'alice',
        'user_agent': 'Mozilla/5.0 (Windows NT 10.0) C%2B%2B', 'referrer': '-', 'method': 'GET', 'path': '/api?x=1&y=a+b', 'status': 200, 'bytes': 0,
        'duration_ms': 15,
    }  # fmt: skip
    assert (other['path'], other['ip'], other['user_id'], other['user_agent']) == ('/a+b', '2001:db8::1', '', '-')


@pytest.mark.parametrize('agent', ['Mozilla/5.0%20(X11)%20%22q%22', 'Mozilla/5.0%2520(X11)%2520%2522q%2522'])
def test_cloudfront(agent: str) -> None:
    [call] = read(*CLOUDFRONT, CLOUDFRONT_LINE.format(agent=agent))
    assert call == {
        'timestamp': datetime(2026, 11, 1, 7, 30, tzinfo=UTC), 'ip': '192.0.2.7', 'forwarded': '', 'host': 'data.example.org',
        'user_id': '', 'user_agent': 'Mozilla/5.0 (X11) "q"', 'referrer': '-', 'method': 'GET', 'path': '/api?x=1', 'status': 200, 'bytes': 512,
        'duration_ms': 12,
    }  # fmt: skip


def test_the_order_of_the_fields_does_not_matter() -> None:
    [call] = read('#Fields: sc-status cs-uri-stem c-ip cs-method time date', '404 /x 192.0.2.7 HEAD 07:30:00 2026-11-01')
    assert (call['status'], call['path'], call['method']) == (404, '/x', 'HEAD')
    assert call['timestamp'] == datetime(2026, 11, 1, 7, 30, tzinfo=UTC)


def test_a_line_with_other_fields_is_rejected() -> None:
    fields = '#Fields: date time c-ip cs-method cs-uri-stem sc-status'
    chunk = f'{fields}\n2026-11-01 07:30:00 192.0.2.7 GET /\n2026-11-01 07:30:00 192.0.2.7 GET / 200 1\n'
    lines = LogReader(fields).read(chunk.encode(), NOW)
    assert lines.calls.is_empty()
    assert len(lines.rejected) + len(lines.skipped) == 3


def test_the_header_of_the_setting_names_the_caller() -> None:
    lines = (
        '#Fields: date time c-ip cs-method cs-uri-stem cs(X-Forwarded-For) cs(CF-Connecting-IP)',
        '2026-11-01 07:30:00 192.0.2.7 GET / a b',
    )
    chunk = '\n'.join(lines).encode()
    assert LogReader().read(chunk, NOW).calls['forwarded'].to_list() == ['a']
    assert LogReader(forwarded_header='CF-Connecting-IP').read(chunk, NOW).calls['forwarded'].to_list() == ['b']


@pytest.mark.parametrize(
    ('fields', 'missing'),
    [
        ('date time cs-method cs-uri-stem', 'the address'),
        ('c-ip cs-method cs-uri-stem', 'the date and the time'),
        ('date time c-ip', 'the request'),
        ('', 'the date and the time and the address and the request'),
    ],
)
def test_what_is_missing_is_named(fields: str, missing: str) -> None:
    assert w3c_format(f'#Fields: {fields}') == missing
