"""A log is read in its format, whatever it is, also where it changes."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import real_logs
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import InputError, SettingsError
from exporter.ingest.formats import Lines
from exporter.ingest.formats.json_presets import JSON_PRESETS
from exporter.ingest.formats.presets import PRESETS
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.formats.wrappers import WRAPPERS
from exporter.model.call import SOURCE_COLUMNS

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
COMMON = '192.0.2.7 - - [01/Nov/2026:08:30:{:02} +0100] "GET /common/{} HTTP/1.1" 200 512'
COMBINED = '192.0.2.7 - - [01/Nov/2026:08:30:{:02} +0100] "GET /combined/{} HTTP/1.1" 200 512 "-" "curl/8.5.0"'
NGINX = json.dumps(
    {'time': '2026-11-01T08:30:{:02}+01:00', 'remote_addr': '192.0.2.7', 'request': 'GET /json/{} HTTP/1.1', 'status': '200'}
)
IIS_FIELDS = '#Fields: date time c-ip cs-method cs-uri-stem sc-status'
IIS = '2026-11-01 07:30:{:02} 192.0.2.7 GET /iis/{} 200'
IIS_SWAPPED_FIELDS = '#Fields: time date cs-method cs-uri-stem c-ip sc-status'
IIS_SWAPPED = '07:30:{:02} 2026-11-01 GET /swapped/{} 192.0.2.7 200'
SYSLOG = 'Nov  1 08:30:00 web1 nginx: '
FORMATS = {'common': COMMON, 'combined': COMBINED, 'json': NGINX}


def lines_of(template: str, *numbers: int) -> list[str]:
    return [template.replace('{:02}', f'{number:02}').replace('{}', str(number)) for number in numbers]


def read(reader: LogReader, *lines: str, first: bool = False) -> Lines:
    return reader.read(''.join(f'{line}\n' for line in lines).encode(), NOW, 'access.log', first)


def paths(lines: Lines) -> list[str]:
    return lines.calls.sort('line')['path'].to_list()


def assert_each_line_once(lines: Lines, number: int) -> None:
    assert sorted(line for frame in lines for line in frame['line'].to_list()) == list(range(number))
    assert lines.calls.schema.names() == ['line', *SOURCE_COLUMNS]


@pytest.mark.parametrize('before', FORMATS)
@pytest.mark.parametrize('after', FORMATS)
def test_a_format_may_change_within_a_chunk_and_between_chunks(before: str, after: str) -> None:
    first, second = lines_of(FORMATS[before], *range(9)), lines_of(FORMATS[after], *range(9, 15))
    expected = [f'/{before}/{number}' for number in range(9)] + [f'/{after}/{number}' for number in range(9, 15)]
    reader = LogReader()
    within = read(reader, *first, *second, first=True)
    assert paths(within) == expected
    assert_each_line_once(within, 15)
    assert paths(read(reader, *second)) == expected[9:]

    reader = LogReader()
    assert paths(read(reader, *first, first=True)) + paths(read(reader, *second)) == expected
    assert reader.name.startswith(after)


def test_a_wrapper_may_begin_and_end() -> None:
    plain, wrapped = lines_of(COMBINED, 1, 2, 3), [SYSLOG + line for line in lines_of(COMBINED, 4, 5, 6)]
    reader = LogReader()
    for chunk in ((*plain, *wrapped), wrapped, (*wrapped, *plain), plain):
        lines = read(reader, *chunk)
        assert len(lines.calls) == len(chunk)
        assert lines.calls['ip'].unique().to_list() == ['192.0.2.7']


def test_a_mixture_of_combined_and_common_is_read_whole() -> None:
    mixed = [line for number in range(20) for line in lines_of(COMMON if number % 3 else COMBINED, number)]
    reader = LogReader()
    for _ in range(3):
        lines = read(reader, *mixed, first=True)
        assert len(lines.calls) == 20
        agents = lines.calls.sort('line')['user_agent'].to_list()
        assert agents == ['' if number % 3 else 'curl/8.5.0' for number in range(20)]


def test_the_setting_common_reads_no_agents() -> None:
    lines = read(LogReader('common'), *lines_of(COMMON, 1), *lines_of(COMBINED, 2))
    assert lines.calls['user_agent'].to_list() == ['', '']


def test_fields_may_be_named_twice_in_a_file() -> None:
    reader = LogReader()
    header = ['#Software: IIS', '#Version: 1.0']
    lines = read(
        reader,
        *header, IIS_FIELDS, *lines_of(IIS, 1, 2), *header, IIS_SWAPPED_FIELDS, *lines_of(IIS_SWAPPED, 3), IIS_SWAPPED_FIELDS,
        *lines_of(IIS_SWAPPED, 4),
        first=True,
    )  # fmt: skip
    assert paths(lines) == ['/iis/1', '/iis/2', '/swapped/3', '/swapped/4']
    assert lines.calls['timestamp'].dt.second().to_list() == [1, 2, 3, 4]
    assert lines.skipped['reason'].unique().to_list() == ['comment']
    assert_each_line_once(lines, 11)
    assert paths(read(reader, *lines_of(IIS_SWAPPED, 5))) == ['/swapped/5']
    assert reader.name == IIS_SWAPPED_FIELDS


def test_fields_are_recorded_for_a_chunk_from_the_middle() -> None:
    reader = LogReader()
    read(reader, IIS_FIELDS, *lines_of(IIS, 1))
    resumed = LogReader()
    resumed.resume(reader.name)
    assert paths(read(resumed, *lines_of(IIS, 2), IIS_SWAPPED_FIELDS, *lines_of(IIS_SWAPPED, 3))) == ['/iis/2', '/swapped/3']


def test_fields_without_the_address_are_refused() -> None:
    lines = ['#Fields: date time cs-method cs-uri-stem', '2026-11-01 07:30:00 GET /']
    with pytest.raises(InputError, match=r'access\.log: .* does not have the address; add it'):
        read(LogReader(), *lines, first=True)
    reader = LogReader()
    read(reader, *lines_of(COMBINED, 1))
    later = read(reader, *lines, *lines_of(COMBINED, 2))
    assert_each_line_once(later, 3)
    assert paths(later) == ['/combined/2']


NAMES = [*PRESETS, *JSON_PRESETS, IIS_FIELDS, '$remote_addr [$time_local] "$request" $status', '%h %t "%r" %>s']


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('wrapper', ['', *WRAPPERS])
def test_a_recorded_name_names_the_same_format(name: str, wrapper: str) -> None:
    recorded = f'{name} in {wrapper}' if wrapper else name
    reader = LogReader()
    reader.resume(recorded)
    assert reader.name == recorded
    assert reader.format
    assert reader.format.name == name
    assert reader.wrapper is (WRAPPERS[wrapper] if wrapper else None)


def test_a_guessed_mapping_is_recorded_in_the_name() -> None:
    reader = LogReader()
    wrapped = [SYSLOG + line for line in lines_of(NGINX, 1, 2)]
    assert paths(read(reader, *wrapped)) == ['/json/1', '/json/2']
    assert reader.name.startswith('json ')
    assert reader.name.endswith(' in syslog')
    resumed = LogReader()
    resumed.resume(reader.name)
    # a single line, of which nothing could be guessed
    assert paths(read(resumed, *wrapped[:1])) == ['/json/1']


def test_an_unknown_format_is_an_error_of_one_line() -> None:
    for name in ('combinde', 'combined in', 'in syslog', 'combined in nothing', 'x\ny', 'A' * 10_000):
        with pytest.raises(SettingsError, match='unknown format') as error:
            LogReader(name)
        assert '\n' not in str(error.value)
        assert 'combined' in error.value.remedy


def test_a_chunk_without_calls_tells_no_format() -> None:
    reader = LogReader()
    for chunk in ((), ('',), ('', '  ', '\t'), ('# a comment', '#', ''), ('\0' * 30,)):
        lines = read(reader, *chunk, first=True)
        assert_each_line_once(lines, len(chunk))
        assert lines.calls.is_empty()
        assert lines.rejected.is_empty()
        assert (reader.format, reader.name) == (None, '')
    assert paths(read(reader, *lines_of(COMBINED, 1), first=True)) == ['/combined/1']
    assert_each_line_once(read(reader), 0)


def test_a_byte_order_mark_and_a_hole_may_precede_a_line() -> None:
    [line] = lines_of(COMBINED, 1)
    for prefix in ('\ufeff', '\0\0\0', '\0\ufeff'):
        assert read(LogReader(), prefix + line).calls['ip'].to_list() == ['192.0.2.7']


def test_messages_of_servers_are_skipped() -> None:
    messages = [
        'INFO:     Started server process [1]',
        'Traceback (most recent call last):',
        '  File "app.py", line 1',
        '*** Starting',
    ]
    lines = read(LogReader(), *messages, *lines_of(COMBINED, 1, 2), *messages)
    assert lines.skipped['reason'].to_list() == ['other_output'] * 8
    assert paths(lines) == ['/combined/1', '/combined/2']
    # what looks like a call is never skipped as a message
    lines = read(LogReader(), *lines_of(COMBINED, 1, 2), 'INFO: GET / HTTP/1.1', '[01/Nov/2026:08:30:00 +0100] nothing')
    assert lines.rejected['line'].to_list() == [2, 3]


def test_a_log_of_nothing_is_refused_with_the_nearest_format() -> None:
    with pytest.raises(InputError, match=r'access\.log: no line is in a known format; the nearest format is common: .* no time'):
        read(LogReader(), '192.0.2.7 - - nothing', 'at all', first=True)
    errors = ['2026/11/01 08:30:00 [error] 7#7: *1 open() "/x" failed', '2026/11/01 08:30:01 [notice] 7#7: exiting']
    with pytest.raises(InputError, match='no line is in a known format'):  # the error log of the same server
        read(LogReader(), *errors, first=True)
    lines = read(LogReader(), '192.0.2.7 - - nothing', 'at all')  # in the middle of a log
    assert lines.rejected['reason'].to_list() == ['format', 'format']


def test_json_that_lacks_what_a_call_needs_is_refused_only_at_the_beginning() -> None:
    other = ['{"level":"info","time":"2026-11-01T08:30:00Z","msg":"started"}'] * 3
    with pytest.raises(InputError, match=r'access\.log: these lines of JSON do not have'):
        read(LogReader(), *other, first=True)
    reader = LogReader()
    for chunk in ((*lines_of(COMBINED, 1, 2), *other), other, (*other, *lines_of(COMBINED, 1, 2))):
        lines = read(reader, *chunk, first=chunk is not other)
        assert_each_line_once(lines, len(chunk))
        assert len(lines.calls) == len(chunk) - 3


@pytest.mark.parametrize(
    'line',
    [
        '{' + ','.join(f'"field{number}":{number}' for number in range(1_000_000)) + '}',
        '{"a":' * 1000 + '1' + '}' * 1000,
        '{"a":' * 100_000,
        '[' * 100_000,
        lines_of(NGINX, 1)[0][:60],
        lines_of(NGINX, 1)[0][60:],
        '{}',
        'null',
    ],
    ids=['a million fields', 'a thousand levels', 'unclosed', 'lists', 'first half', 'second half', 'empty', 'null'],
)
def test_hostile_json_costs_only_its_line(line: str) -> None:
    for chunk in ([line, *lines_of(NGINX, 1, 2)], [*lines_of(NGINX, 1, 2), line], [*lines_of(COMBINED, 1, 2), line]):
        lines = read(LogReader(), *chunk, first=True)
        assert_each_line_once(lines, 3)
        assert len(lines.calls) == 2
    alone = read(LogReader(), line)
    assert_each_line_once(alone, 1)
    assert alone.calls.is_empty()


def test_resuming_reads_as_if_nothing_had_stopped() -> None:
    chunks = [lines_of(COMMON, 1, 2) + lines_of(COMBINED, 3), lines_of(COMBINED, 4), lines_of(NGINX, 5), lines_of(COMBINED, 6)]
    reader, names, expected = LogReader(), [], []
    for chunk in chunks:
        names.append(reader.name)
        expected.append(paths(read(reader, *chunk)))
    for name, chunk, result in zip(names[1:], chunks[1:], expected[1:], strict=True):
        resumed = LogReader()
        resumed.resume(name)
        assert paths(read(resumed, *chunk)) == result


def test_headers_that_repeat_the_fields_cost_no_more_than_lines() -> None:
    headers = 5_000  # a server that is restarted often, or logs put together
    lines = [line for number in range(headers) for line in (IIS_FIELDS, *lines_of(IIS, number % 60))]
    reader, started = LogReader(), time.process_time()
    result = read(reader, *lines, first=True)
    assert time.process_time() - started < 4  # each in a part of its own: 20 s
    assert_each_line_once(result, 2 * headers)
    assert paths(result) == [f'/iis/{number % 60}' for number in range(headers)]


def test_a_header_counts_whatever_is_between_it_and_the_one_before() -> None:
    swapped = [IIS_SWAPPED_FIELDS, *lines_of(IIS_SWAPPED, 4)]
    chunk = [IIS_FIELDS, *lines_of(IIS, 1), *lines_of(COMBINED, 2), IIS_FIELDS, *lines_of(IIS, 3), *swapped, *swapped, IIS_FIELDS]
    reader = LogReader()
    expected = ['/iis/1', '/combined/2', '/iis/3', '/swapped/4', '/swapped/4']
    assert paths(read(reader, *chunk, first=True)) == expected
    assert paths(read(reader, *lines_of(IIS, 5), *swapped, *chunk)) == ['/iis/5', '/swapped/4', *expected]


SAMPLES = [line for name in real_logs.names() for line in real_logs.read_bytes(name).split(b'\n')[:140:23]]
PIECES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(SAMPLES),
    st.tuples(st.sampled_from(SAMPLES), st.integers(0, 200), st.binary(max_size=3)).map(lambda cut: cut[0][: cut[1]] + cut[2]),
    st.sampled_from([IIS_FIELDS.encode(), b'#Fields:', b'#Fields: date time', b'{', b'\xef\xbb\xbf', b'\0' * 20, b'\x1b[0m', b'\\x', b'#C3']),
)  # fmt: skip
NAMED = st.sampled_from(['auto', 'common', *NAMES, *(f'combined in {wrapper}' for wrapper in WRAPPERS)])


@given(st.lists(st.lists(PIECES, max_size=5).map(b' '.join), max_size=12), NAMED)
@settings(deadline=None, max_examples=150)
def test_any_bytes_are_accounted_for(pieces: list[bytes], log_format: str) -> None:
    chunk = b''.join(piece.replace(b'\n', b' ').replace(b'\r', b' ') + b'\n' for piece in pieces)
    reader = LogReader(log_format)
    for _ in range(2):
        lines = reader.read(chunk, NOW)
        assert_each_line_once(lines, len(pieces))
        statuses = lines.calls['status'].drop_nulls()
        assert statuses.is_between(100, 999).all()
        assert (lines.calls['timestamp'] <= NOW + timedelta(days=1)).all()
        assert lines.calls.drop('status', 'duration_ms').null_count().sum_horizontal().item() == 0
    resumed = LogReader()
    if reader.name:
        resumed.resume(reader.name)
        assert resumed.name == reader.name


def test_a_given_format_is_read_in_any_wrapper() -> None:
    for name in real_logs.names():
        if name.endswith('-nginx-combined') and name != 'nginx-combined':
            reader = LogReader('combined')
            calls = reader.read(real_logs.read_bytes(name), NOW).calls
            assert reader.name.startswith('combined in '), name
            assert len(calls) == len(LogReader('combined').read(real_logs.read_bytes('nginx-combined'), NOW).calls), name
