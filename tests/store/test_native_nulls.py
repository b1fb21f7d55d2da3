"""A block with unknown values is stored unchanged: null stays apart from 0."""

from pathlib import Path

import polars as pl
import pytest
from calls import calls

from exporter.model.call import COLUMNS, categorical
from exporter.store.clickhouse import ClickHouse
from exporter.store.native import encode_block

DOMAIN = 'data.example.org'


def statuses(values: list[int | None]) -> pl.Series:
    return pl.Series('status', values, pl.UInt16)


def encoded(frame: pl.DataFrame) -> bytes:
    return b''.join(map(bytes, encode_block(frame)))  # copies each part before it asks for the next one


def test_the_bytes_of_a_nullable_column() -> None:
    block = encoded(pl.DataFrame([statuses([200, None, 0])]))
    name, kind = b'\x06status', b'\x10Nullable(UInt16)'
    assert block == b'\x01\x03' + name + kind + b'\x00\x01\x00' + b'\xc8\x00\x00\x00\x00\x00'


def test_a_column_without_nulls_is_not_nullable() -> None:
    assert encoded(pl.DataFrame([statuses([200])])) == b'\x01\x01\x06status\x06UInt16\xc8\x00'


@pytest.mark.parametrize('chunks', [1, 3])
@pytest.mark.parametrize(
    'durations',
    [[None] * 30, [0] * 30, [None, 0, 2**32 - 1] * 10, [7] * 10 + [None] * 20],
    ids=['null', 'zero', 'mixed', 'halves'],
)
def test_null_and_zero_are_stored_apart(database: ClickHouse, tmp_path: Path, durations: list[int | None], chunks: int) -> None:
    frame = calls(DOMAIN, 30).with_columns(
        duration_ms=pl.Series(durations, dtype=pl.UInt32),
        status=pl.Series([None, 404] * 15, dtype=pl.UInt16),
        batch_id=pl.lit('a').cast(categorical('batch_id')),
    )
    size = 30 // chunks
    frame = pl.concat([frame[start : start + size] for start in range(0, 30, size)], rechunk=False)
    (tmp_path / 'block').write_bytes(encoded(frame))
    database.insert_file('calls', frame.columns, tmp_path / 'block', 'one')
    stored = database.query('SELECT status, duration_ms FROM calls ORDER BY timestamp')
    assert [row['duration_ms'] for row in stored] == durations
    assert [row['status'] for row in stored] == [None, 404] * 15


def test_columns_are_nullable_as_in_the_table(database: ClickHouse) -> None:
    rows = database.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'calls' AND type LIKE 'Nullable%'"
    )
    assert {row['name'] for row in rows} == {column.name for column in COLUMNS if column.nullable}
