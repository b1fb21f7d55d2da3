"""A block of calls is stored as it is: every type, any number of distinct texts, texts of any length, any cut of the frame."""

import math
import struct
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from calls import write_block
from databases import Databases
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.call import COLUMNS, KINDS, Action, Client, Device, categorical
from exporter.store.clickhouse import ClickHouse, connect
from exporter.store.native import _low_cardinality, encode_block

TABLES = ('blocks', 'lines')  # inserted in the Native format, and as JSON

TEXTS = [column.name for column in COLUMNS if column.type == pl.String() and column.name not in KINDS]
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, 23, 59, 59, 999_000, UTC)  # of DateTime64
# numbers as they lie in memory
PHYSICAL = """
* REPLACE (
    toUnixTimestamp64Milli(timestamp) AS timestamp, toUInt16(day) AS day, toUnixTimestamp(hour) AS hour,
    reinterpretAsUInt64(latitude) AS latitude, reinterpretAsUInt64(longitude) AS longitude
)
"""


@pytest.fixture(scope='module')
def tables(databases: Databases) -> Iterator[ClickHouse]:
    """A database with two tables that have the columns of a call and keep the order of their rows."""
    with databases.ready() as url, closing(connect(url)) as database:
        for table in TABLES:
            database.command(f'CREATE TABLE {table} AS calls ENGINE = Memory')
        yield database


def insert(database: ClickHouse, frame: pl.DataFrame, folder: Path) -> None:
    """Replaces the rows of the table `blocks`."""
    database.command('TRUNCATE TABLE blocks')
    write_block(folder / 'block', frame)
    database.insert_file('blocks', frame.columns, folder / 'block', token='')


def stored(database: ClickHouse, columns: str, table: str = 'blocks') -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in database.query(f'SELECT {columns} FROM {table}', max_threads=1)]


def bits(number: float) -> int:
    return int(struct.unpack('<Q', struct.pack('<d', number))[0])


def call(**other: Any) -> dict[str, Any]:
    """A call, in which each unnamed number is 0 and each unnamed text is ''."""
    return {
        'timestamp': datetime(1970, 1, 1, tzinfo=UTC), 'day': date(1970, 1, 1), 'device': 'unknown', 'client': 'unknown', 'action': 'other',
        **{column.name: 0 for column in COLUMNS if column.type.is_numeric()}, **dict.fromkeys(TEXTS, ''), **other,
    }  # fmt: skip


def frame(calls: list[dict[str, Any]], as_texts: frozenset[str] = frozenset()) -> pl.DataFrame:
    """A frame of calls, with the types of a batch; the columns `as_texts` are not categorical."""
    categories = {
        column.name: categorical(column.name) for column in COLUMNS if column.categorical and column.name not in as_texts
    }
    return pl.DataFrame(calls, {column.name: column.type for column in COLUMNS}).cast(categories)  # type: ignore[arg-type]


def test_each_number_keeps_its_extremes(tables: ClickHouse, tmp_path: Path) -> None:
    extremes: dict[str, list[Any]] = {
        'timestamp': [EARLIEST, datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC), LATEST],
        'day': [date(1970, 1, 1), date(2026, 11, 3), date(2149, 6, 6)],
        'hour': [0, 1, 2**32 - 1],
        'visitor': [0, 2**63, 2**64 - 1],
        'latitude': [-0.0, 5e-324, -math.inf],
        'longitude': [math.nan, -1.7976931348623157e308, 51.51],
        'status': [0, 2**15, 2**16 - 1],
        'bytes': [0, 2**32, 2**64 - 1],
        'duration_ms': [0, 2**31, 2**32 - 1],
    }
    calls = [call(**dict(zip(extremes, values, strict=True))) for values in zip(*extremes.values(), strict=True)]
    insert(tables, frame(calls), tmp_path)
    expected = extremes | {
        'timestamp': [int(moment.timestamp() * 1_000) for moment in extremes['timestamp']],
        'day': [0, (date(2026, 11, 3) - date(1970, 1, 1)).days, 2**16 - 1],
        **{name: list(map(bits, extremes[name])) for name in ('latitude', 'longitude')},
    }
    rows = tables.query(f'SELECT {PHYSICAL} FROM blocks', max_threads=1)
    assert {name: [row[name] for row in rows] for name in extremes} == expected


def test_each_device_and_client_is_stored(tables: ClickHouse, tmp_path: Path) -> None:
    expected = [(device.value, client.value) for device in reversed(Device) for client in reversed(Client)]
    insert(tables, frame([call(device=device, client=client) for device, client in expected]), tmp_path)
    assert stored(tables, 'device, client') == expected


@pytest.mark.parametrize('distinct', [1, 2, 255, 256, 257, pytest.param(65_536, marks=pytest.mark.slow), 65_537])
def test_any_number_of_distinct_texts_is_stored(tables: ClickHouse, tmp_path: Path, distinct: int) -> None:
    """The numbers of the texts take one, two or four bytes."""
    texts = pl.Series('path', [f'/{number}' for number in range(distinct)])
    paths = pl.concat([texts, texts.reverse()])
    calls = pl.DataFrame([paths, paths.alias('user_id').cast(categorical('user_id'))])
    insert(tables, calls, tmp_path)
    assert stored(tables, 'path, user_id') == calls.rows()


@pytest.mark.parametrize('length', [0, 1, 127, 128, 16_383, 16_384, 2_097_152])
@pytest.mark.parametrize('letter', ['a', '\0', 'é', '漢', '😀'])
def test_a_text_of_any_length_is_stored(tables: ClickHouse, tmp_path: Path, letter: str, length: int) -> None:
    """The length of a text takes one byte, two, three or four."""
    text = letter * (length // len(letter.encode()))
    calls = frame([call(path='before', user_id='before'), call(path=text, user_id=text), call(path='after', user_id='after')])
    insert(tables, calls, tmp_path)
    assert stored(tables, 'path, user_id') == [('before', 'before'), (text, text), ('after', 'after')]


def test_a_block_without_rows_is_stored(tables: ClickHouse, tmp_path: Path) -> None:
    calls = frame([call()])
    for empty in (calls.clear(), calls.clear().select('status'), calls.clear().cast({'user_id': pl.String})):
        insert(tables, empty, tmp_path)
        assert stored(tables, 'count()') == [(0,)]


def test_texts_of_other_batches_do_not_change_a_batch(tables: ClickHouse, tmp_path: Path) -> None:
    """All columns of one name have the same dictionary while one of them exists."""
    others = [frame([call(user_id=f'{of} {number}') for number in range(200)]) for of in ('first', 'second')]
    insert(tables, frame([call(user_id='second 7'), call(user_id='new'), call(user_id='first 199')]), tmp_path)
    assert stored(tables, 'user_id') == [('second 7',), ('new',), ('first 199',)]
    insert(tables, others[1], tmp_path)
    assert stored(tables, 'user_id') == others[1].select(pl.col('user_id').cast(pl.String)).rows()


def test_a_text_that_another_thread_is_adding_is_no_error() -> None:
    """polars shows a text as null between counting it and adding it."""

    def encode(texts: list[str | None]) -> bytes:
        return b''.join(map(bytes, _low_cardinality(pl.Series(texts), pl.Series([1, 1], dtype=pl.UInt32))))

    assert encode([None, 'phone', None]) == encode(['phone', 'phone', 'phone'])


def test_the_parts_of_a_block_are_not_copied() -> None:
    """The values of a column are sent as they lie in memory; a column of several chunks is sent chunk by chunk."""
    numbers = pl.Series('bytes', [1, 2, 3], dtype=pl.UInt64)
    column = pl.concat([numbers, numbers[1:]], rechunk=False)
    values = [bytes(part) for part in encode_block(column.to_frame()) if isinstance(part, memoryview)]
    assert values == [struct.pack('<3Q', 1, 2, 3), struct.pack('<2Q', 2, 3)]


TEXT = st.sampled_from(['', 'a', 'b', '\0', "'", '\\N', '\n\t', 'é', '😀', 'x' * 127, 'é' * 64]) | st.text(max_size=4)
CALLS = st.fixed_dictionaries(
    {
        'timestamp': st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None)).map(
            lambda moment: moment.replace(microsecond=moment.microsecond // 1_000 * 1_000, tzinfo=UTC)
        ),
        'day': st.dates(date(1970, 1, 1), date(2149, 6, 6)),
        'device': st.sampled_from(list(Device)).map(str),
        'client': st.sampled_from(list(Client)).map(str),
        'action': st.sampled_from(list(Action)).map(str),
        # multiples of 1/4: the engine reads other numbers from JSON with an error
        **dict.fromkeys(('latitude', 'longitude'), st.integers(-720, 720).map(lambda quarters: quarters / 4)),
        'hour': st.integers(0, 2**32 - 1), 'visitor': st.integers(0, 2**64 - 1), 'status': st.integers(0, 2**16 - 1),
        'bytes': st.integers(0, 2**64 - 1), 'duration_ms': st.integers(0, 2**32 - 1),
        **dict.fromkeys(TEXTS, TEXT),
    }
)  # fmt: skip


@pytest.mark.slow
@given(
    calls=st.lists(CALLS, min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=3),
    as_texts=st.frozensets(st.sampled_from(TEXTS)),
)
def test_a_block_is_stored_as_the_same_rows_in_json(
    tables: ClickHouse,
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[dict[str, Any]],
    cuts: list[int],
    as_texts: frozenset[str],
) -> None:
    whole = frame(calls, as_texts)
    edges = sorted({0, len(calls), *(cut for cut in cuts if cut < len(calls))})
    insert(tables, pl.concat([whole[start:end] for start, end in pairwise(edges)], rechunk=False), tmp_path_factory.getbasetemp())
    tables.command('TRUNCATE TABLE lines')
    rows = [row | {'timestamp': f'{row["timestamp"]:%Y-%m-%d %H:%M:%S.%f}'[:-3]} for row in calls]
    tables.insert_rows('lines', rows, token='')
    assert stored(tables, PHYSICAL) == stored(tables, PHYSICAL, 'lines')
