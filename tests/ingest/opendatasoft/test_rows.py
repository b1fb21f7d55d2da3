"""Rows are read from each format with values of each kind."""

import json
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from workspace import encode, rows_of_hour

from exporter.errors import InputError
from exporter.ingest.opendatasoft.rows import Reader, is_hidden, kind_of, open_export

HOUR = datetime(2026, 11, 1, 10, tzinfo=UTC)
START = int(HOUR.timestamp())
ROW: dict[str, Any] = {'timestamp': '2026-11-01T10:00:00Z', 'api_type': 'ods_v2.1', 'api': 'export_dataset', 'format': 'csv'}


def read(path: Path, kind: str) -> pl.DataFrame:
    reader, export = Reader(), open_export(path, kind, path.name)
    counted = reader.count(export)
    frames = list(reader.read(export, [START]))
    rows = pl.concat(frames) if frames else pl.DataFrame()
    assert counted.by_hour[START] == len(rows)
    return rows


def one(tmp_path: Path, **values: Any) -> dict[str, Any]:
    """The call of a row of JSON lines with these values."""
    path = tmp_path / 'rows.jsonl'
    path.write_text(json.dumps(ROW | values) + '\n')
    return read(path, 'jsonl').row(0, named=True)


def test_all_formats_have_the_same_rows(tmp_path: Path) -> None:
    rows = rows_of_hour(HOUR, 200)
    frames = []
    for kind in ('parquet', 'csv', 'jsonl'):
        path = tmp_path / f'rows.{kind}'
        path.write_bytes(encode(rows, kind))
        assert kind_of(path) == kind
        frames.append(read(path, kind))
    texts = [frame.with_columns(pl.col('action').cast(pl.String)) for frame in frames]
    assert len(texts[0]) == len(rows)
    assert texts[0].equals(texts[1])
    assert texts[0].equals(texts[2])


@pytest.mark.parametrize('flag', [True, 1, 'true', 'True', '1', ' TRUE '])
def test_flags_of_all_kinds(tmp_path: Path, flag: object) -> None:
    assert one(tmp_path, bot=flag)['bot']
    assert one(tmp_path, in_error=flag)['failed'] == 1
    assert one(tmp_path, in_error=False, request_aborted=flag)['failed'] == 1
    assert one(tmp_path, in_error=False, bot='no')['failed'] == 0


def test_without_the_flag_an_error_message_is_a_failure(tmp_path: Path) -> None:
    assert one(tmp_path, error='timeout')['failed'] == 1
    assert one(tmp_path, error='')['failed'] == 0
    assert one(tmp_path, in_error=False, error='old')['failed'] == 0


@pytest.mark.parametrize(
    'point',
    [
        {'lon': 2.35, 'lat': 48.85},
        '{"lon": 2.35, "lat": 48.85}',
        '48.85, 2.35',
        struct.pack('<BIdd', 1, 1, 2.35, 48.85).hex(),
    ],
)
def test_points_of_all_kinds(tmp_path: Path, point: object) -> None:
    call = one(tmp_path, geo_coordinates=point)
    assert (call['longitude_of_row'], call['latitude_of_row']) == (2.35, 48.85)


@pytest.mark.parametrize('point', [None, '', 'Paris', '{"lon": null, "lat": 1}', '[1, 2]'])
def test_no_point(tmp_path: Path, point: object) -> None:
    assert one(tmp_path, geo_coordinates=point)['longitude_of_row'] is None


@pytest.mark.parametrize(
    'time', ['2026-11-01T10:20:30.5Z', '2026-11-01T11:20:30.500+01:00', '2026-11-01 10:20:30.500', 1793528430.5, 1793528430500]
)
def test_times_of_all_kinds(tmp_path: Path, time: object) -> None:
    assert one(tmp_path, timestamp=str(time) if isinstance(time, str) else time)['timestamp'] == datetime(
        2026, 11, 1, 10, 20, 30, 500_000, UTC
    )


def test_rows_without_a_valid_time_are_counted(tmp_path: Path) -> None:
    path = tmp_path / 'rows.jsonl'
    path.write_text('\n'.join(json.dumps(ROW | {'timestamp': time}) for time in (None, '', 'yesterday', '1901-01-01T00:00:00Z')))
    assert Reader().count(open_export(path, 'jsonl', 'rows')) == ({}, 4, 0)


def test_the_unit_of_times_is_found_by_the_values(tmp_path: Path) -> None:
    assert one(tmp_path, exec_time=0.25)['duration_ms'] == 250
    assert one(tmp_path, exec_time=250)['duration_ms'] == 250
    assert one(tmp_path, exec_time=None)['duration_ms'] is None
    assert one(tmp_path, exec_time=-1)['duration_ms'] is None


@pytest.mark.parametrize(
    ('api', 'export_format', 'action'),
    [
        ('export_dataset', 'csv', 'download'), ('records_index', 'json', 'query'), ('records_index', 'XLSX', 'download'),
        ('datasets_index', '', 'search'), ('metadata_template_dcat', '', 'metadata'), ('new_name', '', 'other'),
    ],
)  # fmt: skip
def test_actions(tmp_path: Path, api: str, export_format: str, action: str) -> None:
    call = one(tmp_path, api=api, format=export_format)
    assert call['action'] == action
    assert call['known'] == (api != 'new_name')
    assert call['path'] == f'/ods_v2.1/{api}' + (f'.{export_format}' if export_format else '')


@pytest.mark.parametrize('address', ['', '192.0.2.xxx', '192.0.2.0', '2001:db8::', 'a1b2c3'])
def test_hidden_addresses(address: str) -> None:
    assert is_hidden(address)


@pytest.mark.parametrize('address', ['192.0.2.7', '2001:db8::1', '::ffff:192.0.2.7'])
def test_whole_addresses(address: str) -> None:
    assert not is_hidden(address)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    whole = encode(rows_of_hour(HOUR, 50), 'parquet')
    (tmp_path / 'cut.parquet').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r'cut: not a whole parquet file .*; export it again'):
        open_export(tmp_path / 'cut.parquet', 'parquet', 'cut')
    (tmp_path / 'a.csv').write_text('timestamp;other\n1;2\n')
    with pytest.raises(InputError, match=r'a: the rows have no field api; export ods-api-monitoring with use_labels=false'):
        open_export(tmp_path / 'a.csv', 'csv', 'a')
