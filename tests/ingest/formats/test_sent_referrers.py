"""Every format that has a referrer gives it, as it was sent."""

import json
from datetime import UTC, datetime

import pytest

from exporter.ingest.formats.reader import LogReader

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PAGE = 'https://www.example.net/page?a=b'
HEAD = '192.0.2.7 - alice [01/Nov/2026:08:30:00 +0100] "GET /api HTTP/1.1" 200 512'
COMBINED = f'{HEAD} "{PAGE}" "curl/8.5.0"'
ISO = '2026-11-01T07:30:00Z'
W3C = '#Fields: date time c-ip cs-method cs-uri-stem sc-status cs(Referer)'
CLOUDFRONT = W3C.replace('sc-status', 'sc-status x-edge-location')
S3 = (
    'owner bucket [01/Nov/2026:07:30:00 +0000] 192.0.2.7 arn:x REQ1 REST.GET.OBJECT key "GET /key HTTP/1.1" 200 - 512 512 9 8 '
    f'"{PAGE}" "curl/8.5.0" -'
)
CADDY = {
    'ts': 1793518200.12,
    'request': {
        'remote_ip': '192.0.2.1', 'client_ip': '192.0.2.7', 'method': 'GET', 'host': 'data.example.org', 'uri': '/',
        'headers': {'Referer': [PAGE], 'User-Agent': ['UA']},
    },
    'user_id': '', 'duration': 0.01, 'size': 512, 'status': 200,
}  # fmt: skip
TRAEFIK = {
    'ClientHost': '192.0.2.7', 'DownstreamStatus': 200, 'DownstreamContentSize': 512, 'Duration': 12000000, 'time': ISO,
    'RequestHost': 'data.example.org', 'RequestMethod': 'GET', 'RequestPath': '/', 'request_Referer': PAGE,
}  # fmt: skip
CLOUDFLARE = {
    'ClientIP': '192.0.2.7', 'ClientRequestHost': 'data.example.org', 'ClientRequestMethod': 'GET', 'ClientRequestURI': '/api',
    'EdgeResponseStatus': 200, 'EdgeResponseBytes': 512, 'EdgeStartTimestamp': ISO, 'ClientRequestReferer': PAGE,
}  # fmt: skip
AZURE = {
    'time': ISO,
    'properties': {'clientIP': '192.0.2.7', 'httpMethod': 'GET', 'requestUri': '/api', 'httpStatus': 200, 'referer': PAGE},
}
GOOGLE = {
    'httpRequest': {
        'requestMethod': 'GET', 'requestUrl': 'https://data.example.org/api', 'status': 200, 'remoteIp': '192.0.2.7', 'referer': PAGE,
    },
    'timestamp': ISO,
}  # fmt: skip
KONG = {
    'client_ip': '192.0.2.7', 'request': {'method': 'GET', 'uri': '/api', 'headers': {'referer': PAGE}},
    'response': {'status': 200, 'size': 512}, 'started_at': 1793518200000,
}  # fmt: skip
NGINX = {
    'time_iso8601': ISO, 'remote_addr': '192.0.2.7', 'request_method': 'GET', 'request_uri': '/api', 'status': '200',
    'http_referer': PAGE,
}  # fmt: skip


def referrer(*lines: str, log_format: str = 'auto') -> str:
    calls = LogReader(log_format).read(''.join(f'{line}\n' for line in lines).encode(), NOW, 'access.log', first=True).calls
    return str(calls['referrer'].item())


@pytest.mark.parametrize(
    'line',
    [
        COMBINED,
        COMBINED.replace('curl/8.5.0', 'a "quoted" agent'),
        COMBINED.replace('alice', 'al ice'),
        COMBINED.replace('192.0.2.7', '192.0.2.7, 198.51.100.9'),
        f'{COMBINED} "198.51.100.9"',
        f'{COMBINED} 0.012',
        f'{COMBINED} 12 0.011 [up] [] 10.0.0.2:80 512 0.011 200 req',
        f'{COMBINED} 42 "router@docker" "http://10.0.0.2:80" 12ms',
        f'data.example.org:443 {COMBINED}',
        COMBINED.replace('192.0.2.7 - ', '192.0.2.7 data.example.org '),
        S3,
        f'[2026-11-01 08:30:00 +0100] [7] [INFO] 192.0.2.7:51000 - - [01/Nov/2026:08:30:00 +0100] "GET /api 1.1" 200 512 "{PAGE}" "UA"',
        *(json.dumps(each) for each in (CADDY, TRAEFIK, CLOUDFLARE, AZURE, GOOGLE, KONG, NGINX)),
    ],
)
def test_a_referrer_is_read(line: str) -> None:
    assert referrer(line) == PAGE


def test_w3c_and_cloudfront() -> None:
    assert referrer(W3C, f'2026-11-01 07:30:00 192.0.2.7 GET / 200 {PAGE}') == PAGE
    line = '\t'.join(['2026-11-01', '07:30:00', '192.0.2.7', 'GET', '/', '200', 'CDG50', PAGE.replace('?', '%3F')])
    assert referrer(CLOUDFRONT, line) == PAGE


@pytest.mark.parametrize(
    ('notation', 'line'),
    [
        ('$remote_addr [$time_local] "$request" $status "$http_referer"', f'192.0.2.7 {HEAD[18:-4]} "{PAGE}"'),
        ('%h %t "%r" %>s "%{Referer}i"', f'192.0.2.7 {HEAD[18:-4]} "{PAGE}"'),
        (
            '{"t": "$time_iso8601", "a": "$remote_addr", "r": "$request", "page": "$http_referer"}',
            json.dumps({'t': ISO, 'a': '192.0.2.7', 'r': 'GET / HTTP/1.1', 'page': PAGE}),
        ),
    ],
)
def test_a_notation_with_a_referrer(notation: str, line: str) -> None:
    assert referrer(line, log_format=notation) == PAGE


@pytest.mark.parametrize('line', [HEAD, COMBINED.replace(PAGE, '-'), COMBINED.replace(PAGE, '')])
def test_a_line_without_a_referrer(line: str) -> None:
    assert referrer(line) in ('', '-')
