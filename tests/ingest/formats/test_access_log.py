"""Every line is parsed correctly or rejected, independently of other lines."""

import re
import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from access_logs import FIREFOX, Call, line, log, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parsing import FORMATS, parse

from exporter.model.call import SOURCE_COLUMNS
from exporter.model.reject import Reason, Skip

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PLAIN = '192.0.2.1 - - [17/May/2025:10:05:03 +0000] "GET /api HTTP/1.1" 200 12'
COMBINED = f'{PLAIN} "https://example.org/" "{FIREFOX}"'


def parsed(text: str | bytes, log_format: str = 'auto') -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    """Returns the calls without their referrers, in the order of their lines, and the rejects. Both '' and - mean anonymous."""
    calls, rejected, _ = parse(text.encode() if isinstance(text, str) else text, log_format, NOW)
    calls = calls.sort('line').with_columns(pl.col('user_id').replace('-', ''))
    return calls.drop('line', 'duration_ms', 'forwarded', 'host', 'referrer').to_dicts(), rejected.sort('line').rows()


def one(text: str | bytes, log_format: str = 'auto') -> dict[str, Any]:
    """Returns the call of a valid line."""
    [call], rejected = parsed(text, log_format)
    assert not rejected
    return call


def reason(text: str | bytes, log_format: str = 'auto') -> str:
    """Returns why a line is rejected."""
    calls, [(number, why)] = parsed(text, log_format)
    assert not calls
    assert number == 0
    return why


def with_(**other: object) -> str:
    return line(0, **other)


def test_a_combined_line() -> None:
    assert one(f'{COMBINED}\n') == {
        'timestamp': datetime(2025, 5, 17, 10, 5, 3, tzinfo=UTC),
        'ip': '192.0.2.1',
        'user_id': '',
        'user_agent': FIREFOX,
        'method': 'GET',
        'path': '/api',
        'status': 200,
        'bytes': 12,
    }


@pytest.mark.parametrize(
    'text',
    [
        PLAIN,
        f'{PLAIN} "-" "-"',
        f'{PLAIN} "" ""',
        f'{COMBINED} "203.0.113.7"',  # nginx's `main`: the forwarded address
        f'{COMBINED} "203.0.113.7, 10.0.0.1"',
        f'{COMBINED} "-" 0.003 rt=0.003 "more"',
        f'{COMBINED} 1532',
        f'{COMBINED} ',
        f'{PLAIN} "https://example.org/?q=\\"quoted\\"" "{FIREFOX}"',
    ],
)
def test_fields_after_the_agent_are_ignored(text: str) -> None:
    agent = FIREFOX if FIREFOX in text else text.split('"')[-2] if '"-"' in text else ''
    assert one(text) == one(COMBINED) | {'user_agent': agent}


@pytest.mark.parametrize('end', ['', '\n', '\r\n'])
def test_any_line_end(end: str) -> None:
    for text in PLAIN, COMBINED, f'{COMBINED} "-"', COMBINED.replace('Firefox', 'Fire\\"fox'):
        assert one(text + end) == one(text)


@pytest.mark.parametrize(
    ('written', 'agent'),
    [
        ('curl/8.1', 'curl/8.1'),
        ('-', '-'),
        ('', ''),
        (r'say \"hello\" 1.0', 'say "hello" 1.0'),
        (r'ends with \"', 'ends with "'),
        (r'\"', '"'),
        (r'C:\\dir\\', 'C:\\dir\\'),
        (r'\x22 as nginx writes a quote', '" as nginx writes a quote'),
        (r'caf\xC3\xA9 and caf\xc3\xa9', 'café and café'),
        (r'a\ttab, \u00c3\u00a9 of Tomcat, \q of nobody', 'a\ttab, é of Tomcat, \\q of nobody'),
        ('jÃ¶rg, encoded twice', 'jörg, encoded twice'),
        ('naïve 客户端 🚲', 'naïve 客户端 🚲'),
        ('two  spaces,\ta tab', 'two  spaces,\ta tab'),
        ('zero\0byte', 'zero\0byte'),
        ('lone\rreturn', 'lone\rreturn'),
        ('form\x0cfeed \x0b \x1c \x85 \u2028 \u2029', 'form\x0cfeed \x0b \x1c \x85 \u2028 \u2029'),
        ('A' * 1_000_000, 'A' * 1_000_000),
        ('\\"' * 500_000, '"' * 500_000),
        ('[17/May/2015:10:05:03 +0000]', '[17/May/2015:10:05:03 +0000]'),
    ],
)
def test_agents(written: str, agent: str) -> None:
    assert one(with_(agent=written))['user_agent'] == agent


@pytest.mark.parametrize(
    ('request_', 'method', 'path'),
    [
        ('GET / HTTP/1.1', 'GET', '/'),
        ('get /api HTTP/2.0', 'get', '/api'),
        ('PROPFIND /dav/ HTTP/1.1', 'PROPFIND', '/dav/'),
        ('VERSION-CONTROL /x HTTP/1.1', 'VERSION-CONTROL', '/x'),
        ('OPTIONS * HTTP/1.0', 'OPTIONS', '*'),
        ('GET http://example.org/api HTTP/1.1', 'GET', '/api'),
        ('GET https://example.org:8443 HTTP/1.1', 'GET', '/'),
        ('OPTIONS http://example.org* HTTP/1.1', 'OPTIONS', '*'),
        ('CONNECT example.org:443 HTTP/1.1', 'CONNECT', 'example.org:443'),
        ('GET /a?q=b&c=%20d HTTP/1.1', 'GET', '/a?q=b&c=%20d'),
        (r'GET /a\"b HTTP/1.1', 'GET', '/a"b'),
        ('GET /a#22b HTTP/1.1', 'GET', '/a"b'),
        ('GET /with some spaces HTTP/1.1', 'GET', '/with some spaces'),
        ('GET /with two words', 'GET', '/with two words'),
        ('GET /a b c', 'GET', '/a b c'),
        ('GET /http09', 'GET', '/http09'),
        ('GET - HTTP/1.1', 'GET', ''),  # Tomcat, for a target that it refuses
        ('GET /' + 'é' * 500_000 + ' HTTP/1.1', 'GET', '/' + 'é' * 500_000),
    ],
)
def test_requests(request_: str, method: str, path: str) -> None:
    call = one(with_(request=request_))
    assert (call['method'], call['path']) == (method, path)


@pytest.mark.parametrize(
    'request_',
    [
        'GET',
        '-',
        '',
        ' ',
        r'\x16\x03\x01\x02\x00',
        '\x16\x03\x01 TLS, raw',
        'SSH-2.0-Go',
        'PRI * HTTP/2.0',
        '<BADREQ>',
        '- - HTTP/1.1',
    ],
)
def test_line_without_a_request_is_skipped(request_: str) -> None:
    assert skipped(with_(request=request_) + '\n' + COMBINED) == [(0, 'no_request')]


@pytest.mark.parametrize(
    ('written', 'account'),
    [
        ('-', ''),
        ('""', ''),
        ('alice', 'alice'),
        ('alice@example.org', 'alice@example.org'),
        ('Jean-Luc Picard', 'Jean-Luc Picard'),
        ('a user  of many words', 'a user  of many words'),
        ('O=Org,CN=Élise', 'O=Org,CN=Élise'),
        ('[odd]', '[odd]'),
    ],
)
def test_users(written: str, account: str) -> None:
    assert one(with_(user=written))['user_id'] == account


@pytest.mark.parametrize('ip', ['2001:db8::1', '::ffff:192.0.2.1', 'fe80::1%eth0', 'client.example.org', 'unix:'])
def test_addresses_are_unchanged(ip: str) -> None:
    assert one(with_(ip=ip))['ip'] == ip


@pytest.mark.parametrize(
    ('written', 'moment'),
    [
        ('17/May/2025:10:05:03 +0545', datetime(2025, 5, 17, 4, 20, 3)),
        ('17/May/2025:10:05:03 -0930', datetime(2025, 5, 17, 19, 35, 3)),
        ('01/Jan/2025:00:00:00 +1400', datetime(2024, 12, 31, 10)),
        ('31/Dec/2024:23:59:59 -1200', datetime(2025, 1, 1, 11, 59, 59)),
        ('29/Feb/2024:00:00:00 +0000', datetime(2024, 2, 29)),
        ('23/Nov/2026:12:30:00 +0000', datetime(2026, 11, 23, 12, 30)),  # a clock that is ahead by half an hour
    ],
)
def test_moments(written: str, moment: datetime) -> None:
    assert one(with_(time=written))['timestamp'] == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    'written',
    [
        '31/Feb/2025:10:05:03 +0000',
        '29/Feb/2025:10:05:03 +0000',
        '17/Mai/2025:10:05:03 +0000',
        '17/05/2025:10:05:03 +0000',
        '17/May/2025:24:05:03 +0000',
        '17/May/2025:10:60:03 +0000',
        '17/May/2025:10:05:03 0000',
        '17/May/2025:10:05:03 +1500',
        '17/May/2025:10:05:03 +0060',
        '01/Jan/1970:00:00:00 +0000',
        '17/May/2100:10:05:03 +0000',
        '17/May/99999:10:05:03 +0000',
        '17/May/999999999999:10:05:03 +0000',
        '24/Nov/2026:12:30:00 +0000',
        '-',
        '',
    ],
)
def test_invalid_timestamp_is_rejected(written: str) -> None:
    assert reason(with_(time=written)) in (Reason.TIMESTAMP, Reason.FORMAT)


@pytest.mark.parametrize('status', ['99', '1000', 'abc', '-200', '20O', '99999'])
def test_invalid_status_is_rejected(status: str) -> None:
    assert reason(with_(status=status)) == Reason.STATUS


@pytest.mark.parametrize('status', ['-', '0', '000', '-1'])
def test_no_status_is_unknown(status: str) -> None:
    assert one(with_(status=status))['status'] is None


@pytest.mark.parametrize('size', ['-1', 'abc', '12.5', '0x10', '99999999999999999999'])
def test_invalid_size_is_rejected(size: str) -> None:
    assert reason(with_(bytes=size)) == Reason.BYTES


def test_no_size_is_0_and_the_largest_is_kept() -> None:
    assert one(with_(bytes='-'))['bytes'] == 0
    assert one(with_(bytes=2**63))['bytes'] == 2**63


@pytest.mark.parametrize(
    'text',
    [
        '{"remote_addr": "192.0.2.1", "status": 200}',
        'A' * 1_000_000,
        '"' * 100_000,
        '192.0.2.1 - - ' * 10_000,
        f'{COMBINED} {COMBINED}'.replace('"', ''),
    ],
)
def test_unknown_format_is_rejected(text: str) -> None:
    assert reason(text) == Reason.FORMAT


@pytest.mark.parametrize(
    'text',
    [
        'x Nov 23 01:02:03 ' + COMBINED,
        '198.51.100.7 ' + COMBINED,  # two addresses, as behind a proxy
    ],
)
def test_line_with_a_prefix_is_rejected(text: str) -> None:
    """Otherwise the address of the client would be stored as a part of an account name."""
    assert reason(text) == Reason.FORMAT


def test_truncated_line_is_a_call_if_it_has_its_size() -> None:
    counted = COMBINED.index('"https')
    for end in range(len(COMBINED)):
        calls, rejected = parsed(COMBINED[:end])
        assert len(calls) + len(rejected) == (end > 0)
        if end <= len(PLAIN) - 3:
            assert not calls
        if end > counted:
            assert calls, COMBINED[:end]
            assert FIREFOX.startswith(calls[0]['user_agent'])


@pytest.mark.parametrize('bad', [b'\xff', b'caf\xe9', b'\xed\xa0\x80', b'\xf0\x9f\x9a'])
def test_only_invalid_utf8_is_replaced(bad: bytes) -> None:
    calls, rejected = parsed(log(range(3)).replace(b'/api/1', b'/api/' + bad))
    assert not rejected
    before, spoiled, behind = calls
    assert (before, behind) == (one(line(0)), one(line(2)))
    assert spoiled == one(line(1)) | {'path': spoiled['path']}
    assert spoiled['path'].strip('\ufffd') == f'/api/{bad.decode(errors="replace")}?rows=10'


def test_combined_requires_the_agent_and_common_ignores_it() -> None:
    block = f'{PLAIN}\n{COMBINED}\n{COMBINED.replace("Gecko", "Ge" + chr(92) + chr(34) + "cko")}\n'
    assert [call['user_agent'] for call in parsed(block)[0]] == ['', FIREFOX, FIREFOX.replace('Gecko', 'Ge"cko')]
    assert parsed(block, 'combined')[1] == [(0, 'format')]
    assert [call['user_agent'] for call in parsed(block, 'common')[0]] == ['', '', '']


USERS = st.just('-') | st.lists(st.text(string.ascii_letters + string.digits + '@._', min_size=1), min_size=1, max_size=3).map(
    ' '.join
)
MOMENTS = st.builds(
    lambda moment, minutes: moment.replace(tzinfo=UTC, microsecond=0).astimezone(timezone(timedelta(minutes=minutes))),
    st.datetimes(datetime(1990, 1, 1), datetime(2026, 11, 23)),
    st.integers(-14 * 60 - 59, 14 * 60 + 59),
)
SHOWN = st.characters(codec='utf-8', exclude_characters='"\\\n\r', exclude_categories=['Cs'])
ESCAPED = st.sampled_from(['\\"', '\\\\', '\\x22'])
QUOTED = st.lists(SHOWN | ESCAPED, max_size=12).map(''.join)
PATHS = st.lists(SHOWN.filter(lambda character: character != ' ') | ESCAPED, max_size=12).map(lambda parts: '/' + ''.join(parts))


@st.composite
def valid_lines(draw: st.DrawFn) -> tuple[str, Call]:
    """Draws a call and its line in one of the formats."""
    moment, size, agent = draw(MOMENTS), draw(st.none() | st.integers(0, 2**64 - 1)), draw(QUOTED)
    method, path = draw(st.sampled_from(['GET', 'POST', 'HEAD', 'PURGE', 'M-SEARCH'])), draw(PATHS)
    ip, user, status = str(draw(st.ip_addresses())), draw(USERS), draw(st.integers(100, 999))
    text = f'{ip} - {user} [{moment:%d/%b/%Y:%H:%M:%S %z}] "{method} {path} HTTP/1.1" {status} {"-" if size is None else size}'
    form = draw(st.sampled_from(['common', 'combined', 'main']))
    if form == 'common':
        agent = ''
    else:
        text += f' "{draw(QUOTED)}" "{agent}"' + (f' "{draw(QUOTED)}"' if form == 'main' else '')
    call = Call(moment.astimezone(UTC), ip, '' if user == '-' else user, agent, method, path, status, size or 0)
    return text, call


def unescaped(call: Call) -> dict[str, Any]:
    """The call without the escapes of servers."""

    def undo(text: str) -> str:
        text = re.sub(r'\\x22|\\(.)', lambda match: match[1] or '"', text)
        return _latin(text)

    return call._asdict() | {'user_agent': undo(call.user_agent), 'path': re.sub('#([0-9A-F]{2})', _byte, undo(call.path))}


def _byte(match: re.Match[str]) -> str:
    return bytes.fromhex(match[1]).decode(errors='replace')


def _latin(text: str) -> str:
    try:
        return text.encode('latin-1').decode()
    except UnicodeError:
        return text


@pytest.mark.slow
@given(st.lists(valid_lines(), min_size=1, max_size=8), st.sampled_from(['\n', '\r\n']))
@settings(QUICK, max_examples=150)
def test_valid_line_gives_its_call(made: list[tuple[str, Call]], end: str) -> None:
    calls, rejected = parsed(''.join(text + end for text, _ in made))
    assert not rejected
    assert [unescaped(read(text)) for text, _ in made] == [unescaped(call) for _, call in made] == calls


FRAGMENTS = st.sampled_from(
    [b'"', b'\\', b'\\"', b' ', b'  ', b'[', b']', b'-', b'"-"', b' - - ', b'\n', b'\r', b'\r\n', b'\0', b'\xff', b'\xc3', b'\x85', b'\xe2\x80\xa8',
     b'[17/May/2025:10:05:03 +0000]', b'"GET / HTTP/1.1"', b'192.0.2.1', b'200', b'12', COMBINED.encode(), PLAIN.encode(), b'\n' + COMBINED.encode() + b'\n']
)  # fmt: skip
BLOCKS = st.binary() | st.lists(FRAGMENTS | st.binary(max_size=4), max_size=30).map(b''.join)


@st.composite
def damaged_lines(draw: st.DrawFn) -> bytes:
    """Draws lines in the format with a few changed bytes."""
    block = bytearray(log(range(3)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(block)))
        block[at : at + draw(st.integers(0, 3))] = draw(FRAGMENTS)
    return bytes(block)


@pytest.mark.slow
@given(BLOCKS | damaged_lines(), st.sampled_from(FORMATS))
@settings(QUICK, max_examples=400)
def test_any_bytes_are_calls_or_rejects_each_line_once(block: bytes, log_format: str) -> None:
    calls, rejected, skipped = parse(block, log_format, NOW)
    lines = block.count(b'\n') + (not block.endswith(b'\n') and block != b'')
    assert sorted([*calls['line'], *rejected['line'], *skipped['line']]) == list(range(lines))
    assert dict(calls.schema) == {'line': pl.UInt32(), **SOURCE_COLUMNS}
    assert calls.drop('status', 'duration_ms').null_count().sum_horizontal().sum() == 0
    assert set(rejected['reason']) <= set(Reason)
    assert set(skipped['reason']) <= {Skip.BLANK, Skip.COMMENT, Skip.NO_REQUEST, Skip.OTHER_OUTPUT}


@given(st.lists(BLOCKS | damaged_lines(), min_size=2, max_size=4), st.sampled_from(['combined', 'common']))
@settings(QUICK, max_examples=20)
def test_line_is_parsed_independently_of_its_neighbours(blocks: list[bytes], log_format: str) -> None:
    lines = [text + b'\n' for block in blocks for text in block.split(b'\n')]
    calls, rejected = parsed(b''.join(lines), log_format)
    alone = [parsed(text, log_format) for text in lines]
    assert calls == [call for found, _ in alone for call in found]
    assert [why for _, why in rejected] == [why for _, found in alone for _, why in found]


# lines that are skipped, and what is no part of a line


def skipped(text: str) -> list[tuple[int, str]]:
    """Returns the reasons of the skipped lines; all others are calls."""
    _, rejected, skipped = parse(text.encode(), 'auto', NOW)
    assert rejected.is_empty()
    return skipped.rows()


@pytest.mark.parametrize('text', ['\n', '\r\n', ' \n', '\t \r\n', '\ufeff\n', '\0\n'])
def test_blank_lines_are_skipped(text: str) -> None:
    assert skipped(f'{text}{COMBINED}\n{text}') == [(0, 'blank'), (2, 'blank')]


@pytest.mark.parametrize(
    'text', ['#', '#Software: Microsoft Internet Information Services 10.0', f'#{COMBINED}', f'\ufeff#{PLAIN}']
)
def test_comments_are_skipped(text: str) -> None:
    assert skipped(f'{text}\n{COMBINED}\n{text}\r\n') == [(0, 'comment'), (2, 'comment')]


@pytest.mark.parametrize('before', ['\ufeff', '\0', '\0' * 5_000, '\0\ufeff', '\ufeff\0'])
@pytest.mark.parametrize('text', [PLAIN, COMBINED])
def test_non_text_before_a_line_is_ignored(before: str, text: str) -> None:
    assert one(before + text) == one(text)


OTHER_LINE = COMBINED.replace('192.0.2.1', '198.51.100.99')


@given(st.integers(1, len(COMBINED)), st.booleans(), st.sampled_from(['auto', 'combined']))
@settings(QUICK)
def test_two_lines_without_a_line_end_are_rejected(cut: int, common: bool, log_format: str) -> None:
    """The first one may be cut anywhere after its address."""
    first = COMBINED[: max(cut, len('192.0.2.1 '))]
    calls, rejects = parsed(first + OTHER_LINE[: len(PLAIN) + 4 if common else None], log_format)
    assert [why for _, why in rejects] in (['format'], ['timestamp'])
    assert not calls


@pytest.mark.parametrize('between', ['', ' ', '"', ' "198.51.100.7"', ' 0.005 "-" ', ' [x] '])
def test_line_after_the_last_field_of_another_is_detected(between: str) -> None:
    assert reason(COMBINED + between + OTHER_LINE) == Reason.FORMAT


@pytest.mark.parametrize(
    'more', [' [03/Nov/2025:09:00:00 +0000]', ' "[x]"', ' [03/Nov/2025:09:00:00 +0000] "id"', ' up=[::1]:80']
)
def test_fields_after_the_agent_may_hold_brackets_and_timestamps(more: str) -> None:
    assert one(COMBINED + more) == one(COMBINED)
