"""Prints rows and values as a table, CSV or JSON; text of callers cannot control the terminal."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from rich import box
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

CONTROL = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]')  # they control a terminal
SURROGATE = re.compile('[\ud800-\udfff]')  # Python's stand-ins for bytes that are not UTF-8 (PEP 383)
UNLIMITED = 100_000  # characters


def printable(text: str) -> str:
    r"""A text for a terminal: control characters, and bytes that are not UTF-8, are escaped as in \x1b."""
    return CONTROL.sub(lambda match: match[0].encode('unicode_escape').decode(), _escape_surrogates(text))


def _escape_surrogates(text: str) -> str:
    return SURROGATE.sub(lambda match: f'\\x{ord(match[0]) & 0xFF:02x}', text)


def as_json(value: Any) -> str:
    """A value as JSON: a struct is an object of its fields; NaN and infinity become null."""
    return json.dumps(_json_value(value), ensure_ascii=False, indent=2, allow_nan=False)


def _json_value(value: Any) -> Any:
    """A value as one of the types of JSON."""
    if isinstance(value, str):
        return _escape_surrogates(value)
    if isinstance(value, Mapping):
        return {str(name): _json_value(member) for name, member in value.items()}
    if isinstance(value, msgspec.Struct):
        members = (getattr(value, field) for field in value.__struct_fields__)
        return {name: _json_value(member) for name, member in zip(value.__struct_encode_fields__, members, strict=True)}
    if isinstance(value, list | tuple):
        return [_json_value(member) for member in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat(' ', 'milliseconds' if value.microsecond else 'seconds')
    if isinstance(value, bytes):
        return value.decode(errors='backslashreplace')
    return value if value is None or isinstance(value, bool | int) else str(value)


def _field(value: Any) -> str:
    """A value as one field of a table: None is empty, a list or a map is JSON."""
    converted = _json_value(value)
    if isinstance(converted, list | dict):
        return json.dumps(converted, ensure_ascii=False)
    return '' if converted is None else str(converted)


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as CSV, with a header line."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator='\n')
    lines.writerows([columns, *([_field(row[name]) for name in columns] for row in rows)])
    return text.getvalue()


def as_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    """Rows as a table; columns of numbers are aligned to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        numeric = bool(rows) and all(isinstance(row[name], int | float | None) for row in rows)
        table.add_column(printable(name), justify='right' if numeric else 'left')
    for row in rows:
        table.add_row(*(Text(printable(_field(row[name]))) for name in columns))
    return table


def show(console: Console, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Prints rows as a table. If the terminal is too narrow, prints each row as a list of names and values."""
    table = as_table(rows, columns)
    if not console.is_terminal or natural_width(console, table) <= console.width:
        show_whole(console, table)
        return
    for row in rows:
        record = Table.grid(padding=(0, 2))
        for name in columns:
            record.add_row(Text(printable(name), 'bold'), Text(printable(_field(row[name])), overflow='fold'))
        console.print(Rule(style='dim'), record)


def show_whole(console: Console, renderable: RenderableType) -> None:
    """Prints in the width of the terminal; elsewhere, as in a file, in the width it needs, so that nothing is cut."""
    if not console.is_terminal:
        console.width = max(natural_width(console, renderable), 1)
    console.print(renderable)


def natural_width(console: Console, renderable: RenderableType) -> int:
    """The width, in characters, of its longest line."""
    return Measurement.get(console, console.options.update(width=UNLIMITED), renderable).maximum
