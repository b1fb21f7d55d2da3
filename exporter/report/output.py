"""Rows and values as text that is safe to print, whatever a caller of the portal wrote into them."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

CONTROL = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]')  # they steer a terminal
NO_TEXT = re.compile('[\ud800-\udfff]')  # what stands for bytes that are no UTF-8
WIDEST = 100_000  # characters


def printable(text: str) -> str:
    r"""A text for a terminal: what would steer it, and bytes that are no UTF-8, are written as \x1b."""
    return CONTROL.sub(lambda found: found[0].encode('unicode_escape').decode(), _whole(text))


def _whole(text: str) -> str:
    return NO_TEXT.sub(lambda found: f'\\x{ord(found[0]) & 0xFF:02x}', text)


def as_json(value: Any) -> str:
    """A value as JSON; numbers that JSON cannot hold (0 / 0, 1 / 0) are null."""
    return json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    """A value in the types of JSON."""
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat(' ', 'milliseconds' if value.microsecond else 'seconds')
    if isinstance(value, bytes):
        return value.decode(errors='backslashreplace')
    return value if value is None or isinstance(value, bool | int) else str(value)


def _field(value: Any) -> str:
    """A value as one field of a table: nothing is empty, a list or a map is JSON."""
    plain = _plain(value)
    if isinstance(plain, list | dict):
        return json.dumps(plain, ensure_ascii=False)
    return '' if plain is None else str(plain)


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as CSV, with a line of names first."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator='\n')
    lines.writerows([columns, *([_field(row[name]) for name in columns] for row in rows)])
    return text.getvalue()


def as_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    """Rows as a table, numbers to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        numbers = bool(rows) and all(isinstance(row[name], int | float | None) for row in rows)
        table.add_column(printable(name), justify='right' if numbers else 'left')
    for row in rows:
        table.add_row(*(Text(printable(_field(row[name]))) for name in columns))
    return table


def show(console: Console, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Prints rows as a table; on a terminal that is too narrow for it, one row below the other."""
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
    """Prints in the width of a terminal; elsewhere in the width it needs, so that nothing is cut."""
    if not console.is_terminal:
        console.width = max(natural_width(console, renderable), 1)
    console.print(renderable)


def natural_width(console: Console, renderable: RenderableType) -> int:
    """The characters that a line of it needs."""
    return Measurement.get(console, console.options.update(width=WIDEST), renderable).maximum
