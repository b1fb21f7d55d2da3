"""The columns of a call match the table, and a frame of calls is stored unchanged."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from calls import write_block

from exporter.model.call import COLUMNS, KINDS, SOURCE_COLUMNS, Action, Client, Device, categorical, is_category
from exporter.store.clickhouse import ClickHouse

TYPES = {
    pl.Datetime('ms', 'UTC'): "DateTime64(3, 'UTC')",
    pl.Date(): 'Date',
    pl.String(): 'String',
    pl.UInt64(): 'UInt64',
    pl.UInt16(): 'UInt16',
    pl.UInt8(): 'UInt8',
    pl.UInt32(): 'UInt32',
    pl.Float64(): 'Float64',
}
OTHER_TYPES = {'hour': "DateTime('UTC')"}  # sent as Unix seconds


def table(database: ClickHouse) -> dict[str, str]:
    rows = database.query(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'calls' ORDER BY position"
    )
    return {row['name']: row['type'] for row in rows}


def test_the_columns_match_the_table_in_order(database: ClickHouse) -> None:
    assert [column.name for column in COLUMNS] == list(table(database))


def test_the_types_match_the_table(database: ClickHouse) -> None:
    stored = table(database)
    for column in COLUMNS:
        expected = OTHER_TYPES.get(column.name, TYPES[column.type])
        if column.nullable:
            expected = f'Nullable({expected})'
        if column.categorical:
            assert stored[column.name] == f'LowCardinality({expected})' or stored[column.name].startswith('Enum8('), column.name
        else:
            assert stored[column.name] == expected, column.name


def test_devices_clients_and_actions_match_the_enums_of_the_table(database: ClickHouse) -> None:
    stored = table(database)
    for name, kind in KINDS.items():
        assert re.findall(r"'(\w+)' = (\d+)", stored[name]) == [(word, str(number)) for number, word in enumerate(kind)]


def test_a_frame_is_stored_unchanged(database: ClickHouse, tmp_path: Path) -> None:
    moment = datetime(2026, 11, 2, 23, 59, 59, 999_000, UTC)
    largest = {'timestamp': moment, 'day': date(2026, 11, 3), 'hour': 1793660400, 'latitude': -89.99, 'longitude': 179.99}
    largest |= {'file': 2**32 - 1, 'left_out': 1, 'as_number': 2**32 - 1, 'suspect': 1}
    largest |= {'visitor': 2**64 - 1, 'status': 2**16 - 1, 'failed': 1, 'bytes': 2**64 - 1, 'duration_ms': 2**32 - 1}
    rows = [
        {column.name: largest.get(column.name, f'{column.name} é {device}') for column in COLUMNS}
        | {'device': device.value, 'client': client.value, 'action': action.value}
        for device in Device
        for client in Client
        for action in Action
    ]
    frame = pl.DataFrame(rows, schema={column.name: column.type for column in COLUMNS})
    frame = frame.cast({column.name: categorical(column.name) for column in COLUMNS if column.categorical})
    file = tmp_path / 'batch.native'
    write_block(file, frame)
    database.insert_file('calls', frame.columns, file, 'one')
    stored = database.query('SELECT * REPLACE (toUnixTimestamp(hour) AS hour) FROM calls ORDER BY device, client, action')
    assert [{**row, 'timestamp': row['timestamp'].replace(tzinfo=UTC)} for row in stored] == rows


def test_every_column_is_explained_and_raw_columns_have_the_same_types() -> None:
    assert all(column.about for column in COLUMNS)
    types = {column.name: column.type for column in COLUMNS}
    assert {name: types[name] for name in SOURCE_COLUMNS.keys() & types.keys()} == {
        name: SOURCE_COLUMNS[name] for name in SOURCE_COLUMNS.keys() & types.keys()
    }
    assert SOURCE_COLUMNS.keys() - types.keys() == {
        'ip',
        'forwarded',
        'host',
        'user_agent',
        'referrer',
    }  # used for enrichment and not stored


def test_is_category_finds_a_text_and_accepts_a_missing_one() -> None:
    column = pl.Series('client', ['browser', 'crawler', 'browser'], categorical('client'))
    assert is_category(column, 'browser').to_list() == [True, False, True]
    assert is_category(column, 'never seen').to_list() == [False, False, False]
