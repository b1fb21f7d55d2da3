"""The usual lines of the combined format become the same calls as in the general way; all other lines are left to that."""

from datetime import UTC, datetime

import polars as pl
import pytest
from access_logs import FIREFOX
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from exporter.ingest.formats.reader import MANY_LINES, LogReader
from exporter.ingest.formats.usual_lines import Usual, UsualLines
from exporter.model.call import SOURCE_COLUMNS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LINE = f'192.0.2.1 - - [17/May/2025:10:05:03 +0200] "GET /api/records?q=x HTTP/1.1" 200 12 "https://example.org/" "{FIREFOX}"'
PARTS = [
    '"', '""', '"""', r'\"', '\\', '\t', '?', '#', '#41', ' ', '  ', '-', '[', ',', ':', '0', ' - - [', '] "', '" "', ' HTTP/1.1', '::ffff:',
    '[17/May/2025:10:05:03 +0200] ', r'\x22', 'PRI ', 'unix:', '+0575', LINE,
]  # fmt: skip


def usual(*lines: str) -> Usual:
    return UsualLines().read(''.join(f'{line}\n' for line in lines).encode(), NOW)


def in_general(*lines: str) -> pl.DataFrame:
    """The calls of lines, with path and query apart, as the general way reads them."""
    calls = LogReader('combined').read(''.join(f'{line}\n' for line in lines).encode(), NOW).calls
    split = calls['path'].str.splitn('?', 2).struct.rename_fields(['path', 'query']).struct.unnest()
    return calls.with_columns(split)


@pytest.mark.parametrize(
    'line',
    [
        LINE,
        LINE.replace('- - [', '- Jane [').replace(' 12 ', ' - '),
        LINE.replace('192.0.2.1', '2001:db8::1'),
        LINE.replace('192.0.2.1', '::ffff:192.0.2.1'),
        LINE.replace('192.0.2.1', 'client.example.org'),
        LINE.replace('?q=x', ''),
        LINE.replace('q=x', ''),
        LINE.replace('GET', 'POST').replace('HTTP/1.1', 'HTTP/2.0'),
        LINE.replace(FIREFOX, '-'),
    ],
)
def test_a_usual_line(line: str) -> None:
    calls, others = usual(line)
    assert others.is_empty()
    assert calls.columns == ['line', *SOURCE_COLUMNS, 'query']
    assert_frame_equal(calls, in_general(line))


@pytest.mark.parametrize(
    'line',
    [
        '',
        'no log',
        LINE.replace('[17/May', '[31/Feb'),
        LINE.replace('2025', '2035'),
        LINE.replace('200 12', 'abc 12'),
        LINE.replace('200 12', '200 x'),
        LINE.replace('GET /api/records?q=x HTTP/1.1', '-'),
        LINE.replace('q=x', r'q=\x22'),
        LINE.replace(FIREFOX, r'a \"b\" c'),
        LINE.replace('192.0.2.1', '192.0.2.1, 198.51.100.1'),
        LINE.replace('192.0.2.1', '192.0.2.1:4711'),
        f'data.example.org:443 {LINE}',
        LINE.removesuffix('"'),
        f'{LINE}"',
        f'{LINE} "-"',
    ],
)
def test_another_line(line: str) -> None:
    calls, others = usual(LINE, line, LINE)
    assert others.rows() == [(1, line, len(LINE) + 1)]
    assert calls['line'].to_list() == [0, 2]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(PARTS) | st.characters(min_codepoint=32, max_codepoint=126),
            st.integers(0, len(LINE)),
            st.integers(0, 3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_usual_line_is_read_as_in_general(changes: list[tuple[str, int, int]]) -> None:
    lines = [LINE[:start] + part + LINE[start + left_out :] for part, start, left_out in changes]
    calls, others = usual(*lines)
    assert sorted([*calls['line'], *others['line']]) == list(range(len(lines)))
    general = in_general(*lines)
    assert_frame_equal(calls, general.filter(pl.col('line').is_in(calls['line'].implode())))


def test_the_reader_reads_usual_lines_of_many() -> None:
    reader = LogReader()
    many = f'{LINE}\n'.encode() * (MANY_LINES // len(LINE) + 1)
    assert reader.read_usual(many, NOW) is None  # the format is not known
    reader.read(f'{LINE}\n'.encode(), NOW)
    assert reader.read_usual(f'{LINE}\n'.encode(), NOW) is None
    for odd in ('#Fields: x\n', f'{LINE}\r\n', '\0', '\x1b[1m', 'é'):
        assert reader.read_usual(many + odd.encode(), NOW) is None
    read = reader.read_usual(many + b'no log\n', NOW)
    assert read
    assert read.others.rows() == [(len(read.calls), 'no log', len(many))]
    common = f'{LINE}\n'.replace(f' "https://example.org/" "{FIREFOX}"', '').encode() * MANY_LINES
    assert reader.read_usual(common, NOW) is None  # not worth it
    assert reader.read_usual(many, NOW) is None
