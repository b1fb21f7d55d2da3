"""Adds to blocks of the Native format what clients of a protocol version expect.

The embedded engine writes the format as of revision 0. Since revision 51903 a BlockInfo stands before each block, since 54454 a
byte after the type of each column, https://github.com/ClickHouse/ClickHouse/blob/master/src/Core/ProtocolDefines.h. So the values
of a column have to be skipped, by their type: https://clickhouse.com/docs/interfaces/formats/Native.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from exporter.errors import NotAllowed
from exporter.store.native import encode_number, encode_text

WITH_BLOCK_INFO, WITH_SERIALIZATION = 51_903, 54_454
BLOCK_INFO = b'\x01\x00\x02\xff\xff\xff\xff\x00'  # not overflows; bucket -1; the end
WIDTHS = {  # bytes of a value
    **dict.fromkeys(('UInt8', 'Int8', 'Bool', 'Enum8', 'Nothing'), 1),
    **dict.fromkeys(('UInt16', 'Int16', 'Enum16', 'Date', 'BFloat16'), 2),
    **dict.fromkeys(('UInt32', 'Int32', 'Float32', 'Date32', 'DateTime', 'Time', 'IPv4', 'Decimal32'), 4),
    **dict.fromkeys(('UInt64', 'Int64', 'Float64', 'DateTime64', 'Time64', 'Decimal64'), 8),
    **dict.fromkeys(('UInt128', 'Int128', 'UUID', 'IPv6', 'Decimal128'), 16),
    **dict.fromkeys(('UInt256', 'Int256', 'Decimal256'), 32),
}
NAMES_OF_TYPES = {  # types that are another name for a type
    'Point': 'Tuple(Float64, Float64)',
    'Ring': 'Array(Tuple(Float64, Float64))',
    'LineString': 'Array(Tuple(Float64, Float64))',
    'Polygon': 'Array(Array(Tuple(Float64, Float64)))',
    'MultiLineString': 'Array(Array(Tuple(Float64, Float64)))',
    'MultiPolygon': 'Array(Array(Array(Tuple(Float64, Float64))))',
}
TYPE = re.compile(r'(\w+)(?:\((.*)\))?', re.DOTALL)
PARTS = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]|[^'`(),]+", re.DOTALL)
NAMED = re.compile(r'(?:`(?:[^`\\]|\\.)*`|\w+) +(.+)', re.DOTALL)  # an element of a tuple that has a name


class ColumnType(NamedTuple):
    """A type of a column: its name and its arguments."""

    name: str
    arguments: tuple[str, ...]

    @property
    def width(self) -> int | None:
        """The bytes of a value, or None if they are not fixed."""
        if self.name == 'FixedString':
            return int(self.arguments[0])
        if self.name == 'Decimal':
            digits = int(self.arguments[0])
            return 4 if digits < 10 else 8 if digits < 19 else 16 if digits < 39 else 32
        return 8 if self.name.startswith('Interval') else WIDTHS.get(self.name)

    @property
    def inner(self) -> Sequence[str]:
        """The types of the values within a value."""
        match self.name:
            case 'Tuple':
                return [(named[1] if (named := NAMED.fullmatch(part)) else part) for part in self.arguments]
            case 'SimpleAggregateFunction':
                return self.arguments[1:]
        return self.arguments


@lru_cache(1_000)
def parse_type(name: str) -> ColumnType:
    """Parses the name of a type. Raises NotAllowed if it is none that can be sent."""
    match = TYPE.fullmatch(NAMES_OF_TYPES.get(name, name))
    if not match:
        raise _cannot_send(name)
    parts, depth = [''], 0
    for token in PARTS.findall(match[2] or ''):
        depth += (token == '(') - (token == ')')
        if token == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += token
    return ColumnType(match[1], tuple(part.strip() for part in parts if part.strip()))


def for_revision(blocks: bytes, revision: int) -> bytes:
    """The blocks as a client of this protocol version reads them. Raises NotAllowed for a type that cannot be sent."""
    if revision < WITH_BLOCK_INFO:
        return blocks
    return b''.join(_blocks(memoryview(blocks), revision >= WITH_SERIALIZATION))


def empty_block(columns: Sequence[tuple[str, str]]) -> bytes:
    """A block without rows, of columns with these names and types."""
    return encode_number(len(columns)) + b'\0' + b''.join(encode_text(name) + encode_text(kind) for name, kind in columns)


def _blocks(data: memoryview, with_serialization: bool) -> Iterator[bytes | memoryview]:
    place = 0
    while place < len(data):
        yield BLOCK_INFO
        start = place
        columns, place = _number(data, place)
        rows, place = _number(data, place)
        for _ in range(columns):
            length, place = _number(data, place)
            place += length
            length, place = _number(data, place)
            kind = bytes(data[place : place + length]).decode()
            place += length
            yield data[start:place]
            if with_serialization:
                yield b'\0'  # the default serialization
            start = place
            if rows:
                place = _values(kind, data, _prefix(kind, data, place), rows)
        yield data[start:place]


def _prefix(name: str, data: memoryview, place: int) -> int:
    """The place behind what comes before the values: the version of each dictionary."""
    kind = parse_type(name)
    if kind.name == 'LowCardinality':
        return place + 8
    if kind.name in ('Array', 'Nullable', 'Map', 'Tuple', 'SimpleAggregateFunction'):
        for inner in kind.inner:
            place = _prefix(inner, data, place)
    return place


def _values(name: str, data: memoryview, place: int, rows: int) -> int:
    """The place behind so many values of a type."""
    kind = parse_type(name)
    if kind.width is not None:
        return place + rows * kind.width
    match kind.name:
        case 'String':
            for _ in range(rows):
                length = data[place]
                place += 1
                if length > 127:
                    length, place = _number(data, place - 1)
                place += length
            return place
        case 'Nullable':
            return _values(kind.inner[0], data, place + rows, rows)
        case 'SimpleAggregateFunction':
            return _values(kind.inner[0], data, place, rows)
        case 'Tuple':
            if not kind.inner:
                return place + rows
            for inner in kind.inner:
                place = _values(inner, data, place, rows)
            return place
        case 'Array' | 'Map':
            place += 8 * rows
            values: int = struct.unpack_from('<Q', data, place - 8)[0] if rows else 0
            for inner in kind.inner:
                place = _values(inner, data, place, values)
            return place
        case 'LowCardinality':
            if not rows:
                return place
            flags, entries = struct.unpack_from('<QQ', data, place)
            width: int = 1 << (flags & 0xFF)
            entry = parse_type(kind.inner[0])
            place = _values(entry.inner[0] if entry.name == 'Nullable' else kind.inner[0], data, place + 16, entries)
            return place + 8 + rows * width
    raise _cannot_send(name)


def _number(data: memoryview, place: int) -> tuple[int, int]:
    """A number of variable length (LEB128), and the place behind it."""
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7


def _cannot_send(name: str) -> NotAllowed:
    return NotAllowed(
        f'the type {name[:100]} cannot be sent in the format Native', 'convert the column, for example with toString'
    )
