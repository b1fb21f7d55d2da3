"""`field:NAME` of the setting `accounts` finds the logged header, cookie or other value in every family of formats."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.config import PortalRules
from exporter.ingest.formats import Lines
from exporter.ingest.formats.account_fields import find_field
from exporter.ingest.formats.notation import notation_format
from exporter.ingest.formats.reader import reader_of
from exporter.model.call import SOURCE_COLUMNS

NOW = datetime(2026, 11, 29, tzinfo=UTC)
HEAD = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
NGINX = f'{HEAD} "$http_user_agent" "$http_x_api_key" $cookie_session'
APACHE = '%h %l %u %t "%r" %>s %b "%{User-Agent}i" "%{X-Api-Key}i" %{session}C'
COMMON_LINE = '192.0.2.7 - alice [01/Nov/2026:08:30:00 +0100] "GET /api/x HTTP/1.1" 200 512'
JSON_FIELDS = {'time': 'time', 'ip': 'ip', 'method': 'method', 'target': 'uri'}
JSON_LINE = '{"time":"2026-11-01T08:30:00Z","ip":"192.0.2.7","method":"GET","uri":"/","h":{"X-Api-Key":["%s"],"Cookie":"c=1"}}'
JSON_NOTATION = (
    '{"time":"$time_iso8601","ip":"$remote_addr","method":"$request_method","uri":"$request_uri","key":"$http_x_api_key"}'
)
W3C = '#Fields: date time c-ip cs-method cs-uri-stem cs-username cs(User-Agent) cs(X-Api-Key) sc-status'


def read(log_format: str, lines: list[str], *accounts: str, **rules: Any) -> Lines:
    reader = reader_of(PortalRules(accounts=accounts, log_format=log_format, **rules))
    return reader.read(''.join(f'{line}\n' for line in lines).encode(), NOW)


def values(log_format: str, line: str, source: str, **rules: Any) -> list[str | None]:
    """The values of a field in a line, and that the line is a call."""
    lines = read(log_format, [line], source, **rules)
    assert lines.calls['status'].len() == 1
    return lines.calls[source].to_list()


@pytest.mark.parametrize(
    ('name', 'names', 'expected'),
    [
        ('X-Api-Key', ['status', 'http_x_api_key'], 'http_x_api_key'),
        ('x_api_key', ['{x-api-key}i'], '{x-api-key}i'),
        ('http_x_api_key', ['http_x_api_key'], 'http_x_api_key'),
        ('$http_x_api_key', ['http_x_api_key'], 'http_x_api_key'),
        ('%{X-Api-Key}i', ['{x-api-key}i'], '{x-api-key}i'),
        ('X-User', ['sent_http_x_user'], 'sent_http_x_user'),
        ('session', ['http_session', 'cookie_session'], 'http_session'),
        ('cookie_session', ['http_session', 'cookie_session'], 'cookie_session'),
        ('x_user', ['http_x_user', 'x_user'], 'x_user'),
        ('PHPSESSID', ['{phpsessid}C'], '{phpsessid}C'),
        ('SSL_CLIENT_S_DN_CN', ['{ssl_client_s_dn_cn}x'], '{ssl_client_s_dn_cn}x'),
        ('X-Api-Key', ['cs(x-api-key)'], 'cs(x-api-key)'),
        ('cs-username', ['cs-username'], 'cs-username'),
        ('sec', ['{sec}t'], None),
        ('Api-Key', ['http_x_api_key'], None),
    ],
)
def test_a_name_finds_what_the_log_has(name: str, names: list[str], expected: str | None) -> None:
    assert find_field(f'field:{name}', names) == expected


@pytest.mark.parametrize(('notation', 'line'), [(NGINX, COMMON_LINE), (APACHE, COMMON_LINE)])
@pytest.mark.parametrize(
    ('written', 'expected'), [('abc', 'abc'), ('-', ''), ('', ''), (r'j\xC3\xB6rg', 'jörg'), ('Apikey abc', 'Apikey abc')]
)
def test_of_a_notation(notation: str, line: str, written: str, expected: str) -> None:
    line = f'{line} "curl/8.5.0" "{written}" s-1'
    assert values(notation, line, 'field:X-Api-Key') == [expected]
    assert values(notation, line, 'field:session') == ['s-1']


def test_a_notation_reads_what_another_field_of_ours_has_too() -> None:
    line = f'{COMMON_LINE} "curl/8.5.0" "abc" s-1'
    lines = read(NGINX, [line], 'field:remote_user', 'field:http_user_agent', 'field:session', 'field:cookie_session')
    [call] = lines.calls.to_dicts()
    assert (call['user_id'], call['field:remote_user']) == ('alice', 'alice')
    assert (call['user_agent'], call['field:http_user_agent']) == ('curl/8.5.0', 'curl/8.5.0')
    assert (call['field:session'], call['field:cookie_session']) == ('s-1', 's-1')


def test_a_variable_that_names_the_account_is_used() -> None:
    assert notation_format(NGINX).notes == ('http_x_api_key', 'cookie_session')
    assert notation_format(NGINX, account_fields=['field:X-Api-Key']).notes == ('cookie_session',)
    assert notation_format(JSON_NOTATION, account_fields=['field:key']).notes == ()


@pytest.mark.parametrize('log_format', ['auto', 'json'])
def test_of_json(log_format: str) -> None:
    fields = {'log_fields': JSON_FIELDS}
    assert values(log_format, JSON_LINE % 'abc', 'field:h.X-Api-Key', **fields) == ['abc']
    assert values(log_format, JSON_LINE % '-', 'field:h.X-Api-Key.0', **fields) == ['']
    for unknown in ('field:h.x-api-key', 'field:h', 'field:time.x', 'field:a..b', 'field:.', r'field:a\.b'):
        assert values(log_format, JSON_LINE % 'abc', unknown, **fields) == [None]


@pytest.mark.parametrize('name', ['X-Api-Key', 'http_x_api_key', 'key'])
def test_of_a_notation_in_json(name: str) -> None:
    line = '{"time":"2026-11-01T08:30:00Z","ip":"192.0.2.7","method":"GET","uri":"/","key":"abc"}'
    assert values(JSON_NOTATION, line, f'field:{name}') == ['abc']


def test_of_a_product_in_json() -> None:
    line = (
        '{"ts":1793518200.12,"request":{"remote_ip":"192.0.2.1","method":"GET","host":"data.example.org","uri":"/",'
        '"headers":{"Authorization":["Apikey abc"]}},"duration":0.01,"size":512,"status":200}'
    )
    assert values('auto', line, 'field:request.headers.Authorization') == ['Apikey abc']


@pytest.mark.parametrize(
    ('name', 'expected'), [('X-Api-Key', 'Apikey abc'), ('cs(X-Api-Key)', 'Apikey abc'), ('cs-username', 'alice')]
)
def test_of_w3c(name: str, expected: str) -> None:
    lines = read('auto', [W3C, '2026-11-01 07:30:00 192.0.2.7 GET / alice curl/8 Apikey+abc 200'], f'field:{name}')
    assert lines.calls[f'field:{name}'].to_list() == [expected]
    assert lines.calls['user_id'].to_list() == ['alice']


def test_a_log_in_several_formats_has_the_column_in_all_lines() -> None:
    lines = read('auto', [f'{COMMON_LINE} "-" "curl/8"', '', JSON_LINE % 'abc', f'{COMMON_LINE} "-" "curl/8"'],
                 'field:h.X-Api-Key')  # fmt: skip
    assert lines.calls.sort('line')['field:h.X-Api-Key'].to_list() == [None, 'abc', None]
    assert lines.calls.columns == ['line', *SOURCE_COLUMNS, 'field:h.X-Api-Key']


def test_a_log_that_goes_on_in_its_format_has_the_field() -> None:
    rules = PortalRules(accounts=('field:h.X-Api-Key',))
    before = reader_of(rules)
    before.read(f'{JSON_LINE % "abc"}\n'.encode(), NOW)
    assert before.name == reader_of(PortalRules(), before.name).name  # what is asked changes no name
    resumed = reader_of(rules)
    resumed.resume(before.name)
    assert resumed.read(f'{JSON_LINE % "abc"}\n'.encode(), NOW).calls['field:h.X-Api-Key'].to_list() == ['abc']


def test_without_the_setting_no_column_is_added() -> None:
    for log_format, line in ((NGINX, f'{COMMON_LINE} "curl/8.5.0" "abc" s-1'), ('auto', JSON_LINE % 'abc')):
        assert read(log_format, [line], 'user').calls.columns == ['line', *SOURCE_COLUMNS]
