"""Blocks of the Native format get what a client's protocol version expects, for every type that the engine writes."""

import pytest

from exporter.errors import NotAllowed
from exporter.store.clickhouse import ClickHouse
from exporter.store.native_revision import BLOCK_INFO, ColumnType, empty_block, for_revision, parse_type

TYPES = [
    *('UInt8', 'Int256', 'Float32', 'Bool', 'String', 'FixedString(7)', 'Date', 'Date32', 'DateTime', 'UUID'),
    *("DateTime('Europe/Paris')", "DateTime64(9, 'UTC')", 'Decimal(9, 2)', 'Decimal(18, 2)', 'Decimal(38, 2)', 'Decimal(76, 2)'),
    *('IPv4', 'IPv6', 'Point', 'Ring', 'Polygon', 'MultiPolygon', 'LineString', 'MultiLineString', 'IntervalDay'),
    *('Nullable(String)', 'Nullable(UInt64)', 'LowCardinality(String)', 'LowCardinality(Nullable(String))', 'Nullable(Nothing)'),
    *('Array(String)', 'Array(Array(Nullable(Int16)))', 'Array(LowCardinality(String))', 'Array(Tuple(UInt8, String))'),
    *('Map(String, UInt8)', 'Map(LowCardinality(String), Array(String))', 'Map(String, Map(String, Nullable(UInt8)))'),
    *('Tuple(UInt8, String)', 'Tuple(a UInt8, `b, c` String)', 'Tuple(a Tuple(b LowCardinality(String), c Array(UInt8)))'),
    *("Enum8('a' = 1, 'b, (c' = 2)", "Enum16('it\\'s' = -300)", 'SimpleAggregateFunction(sum, UInt64)'),
]


@pytest.mark.parametrize('kind', TYPES)
def test_the_values_of_a_type_are_passed_over(database: ClickHouse, kind: str) -> None:
    structure = f'before String, value {kind}, after UInt16'.replace('\\', '\\\\').replace("'", "\\'")
    if kind.startswith(('Interval', 'SimpleAgg', 'Nullable(Nothing', 'Enum16')):
        value = {'I': 'INTERVAL number DAY', 'S': f'toUInt64(number)::{kind}', 'N': 'NULL', 'E': f"'it\\'s'::{kind}"}[kind[0]]
        statement = f"SELECT repeat('x', number) AS before, {value} AS value, toUInt16(7) AS after FROM numbers(300)"
    else:
        statement = f"SELECT * FROM generateRandom('{structure}', 1, 300, 3) LIMIT 500"
    for rows in (statement, f'{statement} SETTINGS max_block_size = 100'):
        blocks = database.raw(f'{rows}\nFORMAT Native')
        assert for_revision(blocks, 0) == blocks
        assert for_revision(blocks, 54_405).replace(BLOCK_INFO, b'') == blocks
        current = for_revision(blocks, 54_460)
        assert current.startswith(BLOCK_INFO + b'\x03')
        assert len(current) == len(blocks) + (len(BLOCK_INFO) + 3) * current.count(BLOCK_INFO + b'\x03')


def test_types_are_parsed_with_their_arguments() -> None:
    assert parse_type("Enum8('a, (b' = 1)") == ColumnType('Enum8', ("'a, (b' = 1",))
    assert parse_type('Map(String, Array(UInt8))').inner == ('String', 'Array(UInt8)')
    assert parse_type('Tuple(`a b` String, c Array(UInt8), UInt8)').inner == ['String', 'Array(UInt8)', 'UInt8']


def test_a_type_without_a_known_length_is_named(database: ClickHouse) -> None:
    for value in ('sumState(number)', "'{}'::JSON", '1::Dynamic', '1::Variant(UInt8, String)'):
        blocks = database.raw(f'SELECT {value} FROM numbers(1) GROUP BY number FORMAT Native')
        with pytest.raises(NotAllowed, match='cannot be sent in the format Native'):
            for_revision(blocks, 54_460)


def test_an_empty_block_names_its_columns() -> None:
    assert empty_block([('a', 'UInt8'), ('b', 'String')]) == b'\x02\x00\x01a\x05UInt8\x01b\x06String'
    assert for_revision(empty_block([('a', 'UInt8')]), 54_460) == BLOCK_INFO + b'\x01\x00\x01a\x05UInt8\x00'
    assert for_revision(empty_block([]), 54_460) == BLOCK_INFO + b'\x00\x00'
