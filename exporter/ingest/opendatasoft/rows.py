"""Reads rows of ods-api-monitoring from a file, slice by slice, as calls before enrichment."""

import json
import re
import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl

from exporter.enrich.addresses import address_bytes
from exporter.enrich.memo import Memo
from exporter.errors import InputError
from exporter.ingest.opendatasoft.actions import action_of
from exporter.model.call import AHEAD, EARLIEST, SOURCE_COLUMNS, TIMESTAMP, Action, categorical

HOUR = 3_600  # seconds
SLICE = 50_000  # rows that are read at a time
HELD = 300_000  # rows that may wait for others of their hour; they take some 100 bytes each
FIELDS = (
    'timestamp', 'user_ip_addr', 'user_id', 'dataset_id', 'api_type', 'api', 'format', 'user_agent', 'size_res', 'exec_time',
    'in_error', 'error', 'request_aborted', 'bot', 'geo_coordinates', 'referer', 'embed_referer',
)  # fmt: skip # the fields that are used
REQUIRED = {'timestamp', 'api'}
TELLING = {'timestamp', 'api', 'api_type'}  # a file with these fields is taken for an export
TRUE = ('true', '1', '1.0', 't', 'yes')
PARQUET = b'PAR1'  # the first bytes of a file in this format
WKB_POINT = struct.Struct('<BIdd')  # byte order, type, longitude, latitude
PAIR = re.compile(r'\s*\(?\s*(-?\d+(?:\.\d+)?)\s*[,;]\s*(-?\d+(?:\.\d+)?)\s*\)?\s*')  # latitude, longitude
NO_POINT = None, None
LONGEST_NAME = 200  # characters


class Count(NamedTuple):
    """The rows of a file by the hour of their time, in Unix seconds, and how many have no valid time.

    `held` is the most rows that wait at a time for others of their hour, when the file is read once.
    """

    by_hour: Counter[int]
    invalid: int
    held: int

    def passes(self, hours: Sequence[int]) -> Iterator[Sequence[int]]:
        """Yields these hours in groups for which the file is read once each: several if it is not in the order of time."""
        if hours and self.held <= max(HELD, *self.by_hour.values()):
            yield hours
            return
        group, size = list[int](), 0
        for start in hours:
            if group and size + self.by_hour[start] > HELD:
                yield group
                group, size = [], 0
            group.append(start)
            size += self.by_hour[start]
        if group:
            yield group


class ExportFile(NamedTuple):
    """A file with rows: its format (parquet, csv or jsonl), and the name in it of each field that it has."""

    path: Path
    kind: str
    names: dict[str, str]
    separator: str = ';'

    @property
    def missing(self) -> list[str]:
        """The fields that the file lacks, which are then empty."""
        return [name for name in FIELDS if name not in self.names]


def open_export(path: Path, kind: str, shown: str) -> ExportFile:
    """Opens a file of this format and finds its fields, also under names with capitals and blanks.

    Raises InputError if it is damaged or lacks a field without which nothing can be counted. `shown` names it in errors.
    """
    try:
        names, separator = _names(path, kind)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise InputError(f'{shown}: not a whole {kind} file ({_first_line(error)})', 'export it again') from error
    by_field = {re.sub(r'\W+', '_', name.strip().lower()): name for name in reversed(names)}
    found = {field: by_field[field] for field in FIELDS if field in by_field}
    # a file of lines without a line has no names: it is empty
    if names and (missing := sorted(REQUIRED - found.keys())):
        raise InputError(
            f'{shown}: the rows have no field {" and ".join(missing)}', 'export ods-api-monitoring with use_labels=false'
        )
    return ExportFile(path, kind, found, separator)


def kind_of(path: Path) -> str:
    """The format of a file if it holds rows of ods-api-monitoring, else ''. Raises OSError."""
    with path.open('rb') as file:
        head = file.read(1 << 16)
    kind = 'parquet' if head.startswith(PARQUET) else 'jsonl' if head.lstrip(b'\xef\xbb\xbf \r\n').startswith(b'{') else 'csv'
    try:
        names, _ = _names(path, kind)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError):
        return ''
    return kind if {re.sub(r'\W+', '_', name.strip().lower()) for name in names} >= TELLING else ''


def _names(path: Path, kind: str) -> tuple[list[str], str]:
    """The names of the fields in a file, and what separates them in CSV."""
    if kind == 'parquet':
        return list(pl.read_parquet_schema(path)), ''
    with path.open(encoding='utf-8-sig', errors='strict') as file:
        line = file.readline(1 << 20)
    if kind == 'jsonl':
        return list(_fields(line)), ''
    separator = max(';,\t', key=line.count)
    return [name.strip('"\r\n ') for name in line.split(separator)] if line.strip() else [], separator


def _fields(line: str) -> dict[str, Any]:
    """The fields of a row in JSON, of API v2.1 or v2.0; {} if it is not one."""
    try:
        row = msgspec.json.decode(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return {}
    while isinstance(row, dict) and isinstance(inner := row.get('record', row.get('fields')), dict):
        row = inner
    return row if isinstance(row, dict) else {}


class Reader:
    """Reads files of one workspace. One thread at a time may call it.

    `in_seconds` tells the unit of `exec_time`, which is not documented: seconds if a value had a fraction so far, else
    milliseconds; None before the first value.
    """

    def __init__(self) -> None:
        self.in_seconds: bool | None = None
        self._kinds = Memo(_read_kinds)
        self._hidden = Memo(lambda texts: pl.DataFrame({'hidden': [is_hidden(text) for text in texts.to_list()]}))
        self._points = Memo(_read_points)

    def count(self, file: ExportFile) -> Count:
        """Counts the rows. Raises InputError if the file cannot be read to its end."""
        by_hour, invalid, slices = Counter[int](), 0, list[Counter[int]]()
        for frame in _frames(file, ('timestamp',)):
            times = _valid_times(frame['timestamp'])
            slices.append(Counter(dict(hours_of(times.drop_nulls()).value_counts().iter_rows())))
            by_hour += slices[-1]
            invalid += times.null_count()
        waiting, held = Counter[int](), 0
        for rows in slices:
            waiting += rows
            held = max(held, waiting.total())
            waiting = Counter({start: number for start, number in waiting.items() if number < by_hour[start]})
        return Count(by_hour, invalid, held)

    def read(self, file: ExportFile, wanted: Collection[int]) -> Iterator[pl.DataFrame]:
        """Yields the rows of these hours, slice by slice: `line`, SOURCE_COLUMNS and `dataset_id`, `action`, `known` (whether
        the name of the call is), `failed`, `bot`, `hidden` (whether the address is missing, or hidden in part),
        `longitude_of_row` and `latitude_of_row` (null if unknown).

        Raises InputError if the file cannot be read to its end.
        """
        for frame in _frames(file, FIELDS):
            times = _valid_times(frame['timestamp'])
            is_wanted = hours_of(times).is_in(list(wanted)).fill_null(False)
            if is_wanted.any():
                yield self._convert(frame.filter(is_wanted), times.filter(is_wanted))

    def _convert(self, rows: pl.DataFrame, times: pl.Series) -> pl.DataFrame:
        agents, addresses = _text(rows['user_agent']), _text(rows['user_ip_addr']).str.strip_chars()
        embedding = _text(rows['embed_referer'])
        of_kind = pl.DataFrame([_text(rows[name]) for name in ('api_type', 'api', 'format')])
        kinds = self._kinds(of_kind.select(pl.concat_str(pl.all(), separator='\0')).to_series())
        failed = _flags(rows['in_error']) | _flags(rows['request_aborted'])
        if rows['in_error'].null_count() == len(rows):
            failed |= _text(rows['error']).str.strip_chars() != ''
        empty = pl.Series('', [''], pl.String).new_from_index(0, len(rows))
        calls = pl.DataFrame(
            {
                'timestamp': times,
                'ip': addresses,
                'forwarded': empty,
                'host': empty,
                'user_id': _text(rows['user_id']),
                'user_agent': agents,
                'referrer': embedding.zip_with(embedding != '', _text(rows['referer'])),
                'method': empty,
                'path': kinds['path'],
                'status': pl.Series([None], dtype=SOURCE_COLUMNS['status']).new_from_index(0, len(rows)),
                'bytes': _numbers(rows['size_res']).fill_null(0).round().cast(pl.UInt64),
                'duration_ms': self._durations(_numbers(rows['exec_time'])),
                'dataset_id': _text(rows['dataset_id']).str.slice(0, LONGEST_NAME),
                'action': kinds['action'],
                'known': kinds['known'],
                'failed': failed.cast(pl.UInt8),
                'bot': _flags(rows['bot']),
                'hidden': self._hidden(addresses)['hidden'],
            }
        )
        return calls.hstack(self._locate(rows['geo_coordinates'])).with_row_index('line')

    def _durations(self, values: pl.Series) -> pl.Series:
        """Processing times in milliseconds."""
        if values.null_count() < len(values):
            self.in_seconds = bool(self.in_seconds) or bool(((values % 1) != 0).any())
        milliseconds = (values * (1_000 if self.in_seconds else 1)).round()
        return milliseconds.clip(0, 2**32 - 1).cast(pl.UInt32)

    def _locate(self, points: pl.Series) -> pl.DataFrame:
        """Longitude and latitude of each row, null where there are none."""
        if isinstance(points.dtype, pl.Struct):
            names = [field.name for field in points.dtype.fields]
            if {'lon', 'lat'} <= set(names):
                return points.struct.unnest().select(
                    longitude_of_row=pl.col('lon').cast(pl.Float64, strict=False),
                    latitude_of_row=pl.col('lat').cast(pl.Float64, strict=False),
                )
        if isinstance(points.dtype, pl.Binary):
            points = points.bin.encode('hex')
        return self._points(_text(points))


def is_hidden(address: str) -> bool:
    """Whether the text is no whole address: empty, masked as 192.0.2.xxx, or with zeros in the place of its last part."""
    parsed = address_bytes(address)
    return parsed is None or (parsed[-1] == 0 if len(parsed) == 4 else not any(parsed[8:]))


def hours_of(times: pl.Series) -> pl.Series:
    """The Unix seconds at which the UTC hour of each time begins."""
    return (times.dt.epoch('s') // HOUR * HOUR).alias('hour')


def _frames(file: ExportFile, fields: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yields fields of a file as they are in it, slice by slice; those that it lacks are null. Raises InputError."""
    if not file.names:
        return
    try:
        if file.kind == 'jsonl':
            yield from _frames_of_lines(file, fields)
            return
        scan = (
            pl.scan_parquet(file.path)
            if file.kind == 'parquet'
            else pl.scan_csv(file.path, separator=file.separator, infer_schema=False, truncate_ragged_lines=True)
        )
        columns = [
            pl.col(file.names[name]).alias(name) if name in file.names else pl.lit(None, pl.String).alias(name) for name in fields
        ]
        for frame in scan.select(columns).collect_batches(chunk_size=SLICE, maintain_order=True):
            for start in range(0, len(frame), SLICE):
                yield frame.slice(start, SLICE)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f'{file.path.name}: cannot be read to its end ({_first_line(error)})', 'export it again') from error


def _frames_of_lines(file: ExportFile, fields: Sequence[str]) -> Iterator[pl.DataFrame]:
    names: dict[str, str] = {}
    with file.path.open(encoding='utf-8-sig', errors='replace') as lines:
        while part := list(islice(lines, SLICE)):
            rows = [_fields(line) for line in part if line.strip()]
            for row in rows:
                for name in row.keys() - names.keys():
                    names[name] = re.sub(r'\W+', '_', name.strip().lower())
            of_field = {field: [name for name, own in names.items() if own == field] for field in fields}
            yield pl.DataFrame(
                {field: pl.Series([_as_text(row, of_field[field]) for row in rows], dtype=pl.String) for field in fields}
            )


def _as_text(row: dict[str, Any], names: list[str]) -> str | None:
    """A value as text: of a number its digits, of an object its JSON."""
    for name in names:
        if (value := row.get(name)) is not None:
            return value if isinstance(value, str) else json.dumps(value)
    return None


def _text(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        return column.fill_null('')
    if isinstance(column.dtype, pl.Struct | pl.List):
        return column.to_frame('text').select(pl.lit('')).to_series().new_from_index(0, len(column))
    return column.cast(pl.String, strict=False).fill_null('')


def _numbers(column: pl.Series) -> pl.Series:
    """Numbers that are not negative; null for all else."""
    numbers = column.cast(pl.Float64, strict=False)
    return numbers.set(~(numbers.is_finite() & (numbers >= 0)).fill_null(True), None)


def _flags(column: pl.Series) -> pl.Series:
    """Whether each value is true: as a Boolean, as a number, or as a text."""
    if column.dtype == pl.Boolean:
        return column.fill_null(False)
    if column.dtype.is_numeric():
        return (column != 0).fill_null(False)
    return _text(column).str.strip_chars().str.to_lowercase().is_in(TRUE)


def _valid_times(column: pl.Series) -> pl.Series:
    """The times; null for those that are invalid, before 1990, or more than a day in the future."""
    times = _times(column)
    return times.set(~times.is_between(EARLIEST, datetime.now(UTC) + AHEAD).fill_null(False), None)


def _times(column: pl.Series) -> pl.Series:
    """Times in UTC: of times with a zone, of texts as ISO 8601 (without an offset: UTC), of numbers since 1970."""
    if isinstance(column.dtype, pl.Datetime):
        zoned = column.dt.replace_time_zone('UTC') if column.dtype.time_zone is None else column.dt.convert_time_zone('UTC')
        return zoned.cast(TIMESTAMP)
    if column.dtype.is_numeric():
        return _since_1970(column.cast(pl.Float64))
    text = _text(column).str.strip_chars().str.replace(' ', 'T').str.replace(r'[Zz]$', '+00:00')
    has_offset = text.str.contains(r'[+-]\d\d:?\d\d$')
    text = text.zip_with(has_offset, text + '+00:00')
    times = text.str.to_datetime('%Y-%m-%dT%H:%M:%S%.f%:z', time_unit='ms', strict=False).cast(TIMESTAMP)
    return times.zip_with(times.is_not_null(), _since_1970(column.cast(pl.Float64, strict=False))) if times.has_nulls() else times


def _since_1970(numbers: pl.Series) -> pl.Series:
    """Times as seconds, or above 100,000,000,000 as milliseconds."""
    seconds = numbers.set(~(numbers.is_finite() & (numbers.abs() < 1e14)).fill_null(True), None)
    return seconds.zip_with((seconds > 1e11).fill_null(False), seconds * 1_000).cast(pl.Int64).cast(TIMESTAMP)


def _read_kinds(texts: pl.Series) -> pl.DataFrame:
    """The path under which a kind of call is stored, its action, and whether its name is known."""
    paths, actions, known = list[str](), list[str](), list[bool]()
    for text in texts.to_list():
        api_type, name, form = (part.strip()[:LONGEST_NAME] for part in text.split('\0', 2))
        paths.append(f'/{api_type}/{name}{"." if form else ""}{form}')
        action = action_of(name, form)
        known.append(action is not None)
        actions.append((action or Action.OTHER).value)
    return pl.DataFrame({'path': paths, 'action': pl.Series(actions, dtype=categorical('action')), 'known': known})


def _read_points(texts: pl.Series) -> pl.DataFrame:
    points = [_point(text) for text in texts.to_list()]
    return pl.DataFrame(points, {'longitude_of_row': pl.Float64(), 'latitude_of_row': pl.Float64()}, orient='row')


def _point(text: str) -> tuple[float | None, float | None]:
    """Longitude and latitude of a point: an object in JSON, `latitude, longitude`, or hexadecimal WKB."""
    if not text:
        return NO_POINT
    if match := PAIR.fullmatch(text):
        return float(match[2]), float(match[1])
    parsers: tuple[Callable[[str], tuple[object, object]], ...] = (_json_point, _wkb_point)
    for parse in parsers:
        try:
            longitude, latitude = parse(text)
            return float(longitude), float(latitude)  # type: ignore[arg-type]
        except (ValueError, KeyError, TypeError, struct.error):
            continue
    return NO_POINT


def _json_point(text: str) -> tuple[object, object]:
    point = json.loads(text)
    return point['lon'], point['lat']


def _wkb_point(text: str) -> tuple[object, object]:
    _, _, longitude, latitude = WKB_POINT.unpack(bytes.fromhex(text)[: WKB_POINT.size])
    return longitude, latitude


def _first_line(error: BaseException) -> str:
    return str(error).strip().split('\n')[0][:200] or type(error).__name__
