"""Rows and values as text lose nothing, and text of callers cannot control the terminal."""

import csv
import io
import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from exporter.report.output import as_csv, as_json, printable, show

HOSTILE = 'x\x1b[2Jy\x07\x9bz\u202e\udcff'
LONG = 'a text that needs more than its share of a narrow terminal'
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.datetimes() | st.uuids(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


def printed_text(rows: list[dict[str, Any]], columns: list[str], width: int, terminal: bool) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, highlight=False)
    show(console, rows, columns)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@given(ANYTHING)
def test_every_value_is_json(value: Any) -> None:
    json.loads(as_json(value).encode(), parse_constant=pytest.fail)


def test_json_keeps_its_own_types_and_writes_others_as_text() -> None:
    row = {
        'n': 2**64 - 1, 'share': 0.5, 'none': None, 'yes': True, 'no number': float('nan'), 'endless': float('inf'),
        'day': date(2026, 11, 1), 'time': datetime(2026, 11, 1, 8), 'exact': datetime(2026, 11, 1, 8, 0, 0, 125_000),
        'id': UUID(int=1), 'fixed': b'ab', 'list': [1, 'é'], 'map': {1: ('a', None)}, 'bytes': 'a\udcff',
    }  # fmt: skip
    assert json.loads(as_json(row)) == {
        'n': 2**64 - 1, 'share': 0.5, 'none': None, 'yes': True, 'no number': None, 'endless': None,
        'day': '2026-11-01', 'time': '2026-11-01 08:00:00', 'exact': '2026-11-01 08:00:00.125',
        'id': '00000000-0000-0000-0000-000000000001', 'fixed': 'ab', 'list': [1, 'é'], 'map': {'1': ['a', None]},
        'bytes': 'a\\xff',
    }  # fmt: skip
    assert 'é' in as_json(row)


def test_a_struct_is_an_object_with_the_names_of_its_fields() -> None:
    class Inner(msgspec.Struct):
        share: float

    class Outer(msgspec.Struct, rename={'from_': 'from'}):
        from_: date
        rows: list[Inner]

    text = as_json(Outer(date(2026, 11, 1), [Inner(0.5), Inner(float('nan'))]))
    assert json.loads(text) == {'from': '2026-11-01', 'rows': [{'share': 0.5}, {'share': None}]}


@given(
    st.lists(st.fixed_dictionaries({'a': st.text(alphabet=st.characters(exclude_categories=['Cs', 'Cc'])), 'b': st.integers()}))
)
def test_csv_is_read_as_it_was(rows: list[dict[str, Any]]) -> None:
    read = list(csv.DictReader(io.StringIO(as_csv(rows, ['a', 'b']))))
    assert read == [{'a': row['a'], 'b': str(row['b'])} for row in rows]


def test_csv_has_its_names_also_without_rows_and_lists_as_json() -> None:
    assert as_csv([], ['a', 'b']) == 'a,b\n'
    assert as_csv([{'a': ['x', 'y'], 'b': None}], ['a', 'b']) == 'a,b\n"[""x"", ""y""]",\n'


@given(st.text())
def test_printable_text_has_no_control_characters_and_can_be_encoded(text: str) -> None:
    shown = printable(text)
    assert not any((ord(char) < 32 and char not in '\t\n') or 127 <= ord(char) < 160 for char in shown)
    shown.encode()


@pytest.mark.parametrize('terminal', [True, False])
@pytest.mark.parametrize('width', [20, 80])
def test_control_characters_of_callers_are_escaped(terminal: bool, width: int) -> None:
    shown = printed_text([{'a\x1b': HOSTILE}], ['a\x1b'], width, terminal)
    assert r'a\x1b' in shown
    assert r'x\x1b[2Jy\x07\x9bz\u202e\xff' in ''.join(shown.split())
    assert not set(shown) & {'\x1b', '\x07', '\x9b', '\u202e'}


def test_numbers_are_aligned_to_the_right() -> None:
    rows: list[dict[str, Any]] = [{'status': 200, 'calls': 12}, {'status': 404, 'calls': 5}, {'status': 500, 'calls': None}]
    lines = [line.rstrip() for line in printed_text(rows, ['status', 'calls'], 80, terminal=True).splitlines()]
    assert lines == ['status   calls', '──────────────', '   200      12', '   404       5', '   500']


def test_a_table_too_wide_for_the_terminal_is_shown_row_by_row() -> None:
    rows = [{'id': number, 'text': LONG, 'note': LONG} for number in (7, 8)]
    shown = printed_text(rows, ['id', 'text', 'note'], 80, terminal=True)
    assert shown.count(LONG) == 4
    assert [line.split() for line in shown.splitlines() if line.startswith('id')] == [['id', '7'], ['id', '8']]
    assert max(map(len, shown.splitlines())) <= 80


def test_output_to_a_file_has_whole_lines() -> None:
    shown = printed_text([{'id': 7, 'text': LONG * 5}], ['id', 'text'], 80, terminal=False)
    assert LONG * 5 in shown.splitlines()[2]


def test_a_table_without_rows_has_only_its_header() -> None:
    assert printed_text([], ['id', 'text'], 80, terminal=True).split('\n')[0].split() == ['id', 'text']
    assert printed_text([], [], 80, terminal=False).strip() == ''
