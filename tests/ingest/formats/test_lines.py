"""Lines end at a line feed, a hole of NUL bytes or the CR of an old Mac, and keep their offsets."""

import pytest
from access_logs import line
from hypothesis import given
from hypothesis import strategies as st

from exporter.ingest.formats.lines import HOLE, last_end, normalize_line_ends

ONE, OTHER = line(1).encode(), line(2).encode()


def texts(block: bytes) -> list[bytes]:
    """Returns the lines without NUL bytes and line ends."""
    return [one.strip(b'\0') for one in normalize_line_ends(block).split(b'\n') if one.strip(b'\0')]


@pytest.mark.parametrize('size', [len(HOLE), 100, 4_096, 100_000])
def test_hole_ends_a_partial_line(size: int) -> None:
    assert texts(ONE[:50] + bytes(size) + OTHER + b'\n') == [ONE[:50], OTHER]


def test_a_few_nul_bytes_are_text() -> None:
    assert normalize_line_ends(b'a\0\0b\n') == b'a\0\0b\n'


@pytest.mark.parametrize('size', [1, len(HOLE), 5_000])
def test_nul_bytes_between_lines_are_no_line(size: int) -> None:
    hole = bytes(size)
    assert texts(hole + ONE + b'\n' + hole + OTHER + b'\n' + hole) == [ONE, OTHER]
    assert normalize_line_ends(hole) == b''


@pytest.mark.parametrize('end', [b'\r', b'\r\n', b'\n'])
def test_each_kind_of_line_end(end: bytes) -> None:
    assert [one.strip(b'\r') for one in texts(end.join((ONE, OTHER, ONE)) + end)] == [ONE, OTHER, ONE]


def test_a_carriage_return_within_a_line_is_text() -> None:
    assert normalize_line_ends(b'a\rb\n' + ONE + b'\n') == b'a\rb\n' + ONE + b'\n'


@given(st.lists(st.sampled_from([ONE, OTHER, b'\n', b'\r', b'\r\n', b'\0', HOLE, bytes(40), b'x', b'"'])).map(b''.join))
def test_offsets_are_preserved(block: bytes) -> None:
    result = normalize_line_ends(block)
    assert block.startswith(result[:0])
    assert len(block.rstrip(b'\0')) <= len(result) <= len(block)
    assert all(mine == other or (mine, other) in ((10, 0), (10, 13)) for mine, other in zip(result, block, strict=False))
    assert normalize_line_ends(result) == result


def test_last_end_in_a_range() -> None:
    block = bytearray(b'ab\ncd\nef')
    assert [last_end(block, 0, end) for end in (2, 3, 5, 8)] == [0, 3, 3, 6]
    block = bytearray(b'\r'.join((ONE, OTHER, OTHER[:20])))
    assert last_end(block, 0, len(block)) == len(ONE) + 1
