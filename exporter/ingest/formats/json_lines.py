"""Reads JSON access logs, an object in each line, into text fields; pure.

msgspec decodes each line into a structure that holds the wanted names only: what else an object holds costs no memory. polars'
own decoder is no faster, drops empty lines, and one malformed line stops it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import polars as pl

from exporter.errors import SettingsError
from exporter.ingest.formats import TEXT_FIELDS, Format, Time

Names = str | tuple[str, ...]  # a dotted name in the object, or several, of which the first that exists counts
Scalar = str | int | float
Value = Scalar | list[Scalar | None] | None
Tree = dict[str, 'Tree | None']  # the wanted names of an object; None: a value

INVALID = (msgspec.MsgspecError, RecursionError)
NULL = msgspec.Raw(b'null')
NO_TEXT = '\0\ufeff \t\r'  # may surround an object: the rest of a hole, a byte order mark
# A backslash with what it escapes, or a control character. It begins with one class of characters: so the search is fast.
IRREGULAR = re.compile(
    r'[\\\x00-\x1f](?:(?<=\\)(?:'
    r'(?P<bytes>x[0-9A-Fa-f]{2}(?:\\x[0-9A-Fa-f]{2})*)'  # nginx without escape=json, Apache
    r'|(?P<valid>["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9A-Fa-f]{4}|u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2})'
    r'|(?P<surrogate>u[dD][89a-fA-F][0-9A-Fa-f]{2})'  # half a character
    r'))?'
)
NUMBER = r'^\d+(?:\.\d+)?$'
DIGITS_OF_SECONDS, DIGITS_OF_MILLISECONDS, DIGITS_OF_MICROSECONDS = 11, 14, 17  # at most, until the year 5138
UNITS = {'s': 1.0, 'ms': 1e-3, 'us': 1e-6, 'µs': 1e-6, 'μs': 1e-6, 'ns': 1e-9}
LONGEST_REPAIR = 256 << 10  # characters of a line; a repair takes fifty times its size, and nginx allows 32 KiB of headers
LONGEST_SAMPLE = 1 << 20  # characters of a line; decoded whole, an object takes thirty times its size
SECRETS = ('authorization', 'cookie')  # headers that are read only where the setting `accounts` names one


class Path(NamedTuple):
    """Where a value is: the names of the objects around it, its own, and its position where it is in a list."""

    names: tuple[str, ...]
    position: int | None = None


def to_path(name: str) -> Path:
    r"""Returns the path of a dotted name: `request.headers.User-Agent.0`. `\.` is a dot within a name."""
    names = tuple(part.replace('\\.', '.') for part in re.split(r'(?<!\\)\.', name))
    if len(names) > 1 and names[-1].isascii() and names[-1].isdigit():
        return Path(names[:-1], int(names[-1][:9]))
    return Path(names)


def is_secret(name: str) -> bool:
    """Whether a dotted name is of a header that may hold a password or a token."""
    return any(part.lower().removeprefix('proxy-').removeprefix('set-') in SECRETS for part in to_path(name).names)


@dataclass(frozen=True)
class Node:
    """The structures of one object of the tree: `kind` with all below it decoded, `raw` with nothing decoded."""

    names: tuple[str, ...]
    children: tuple['Node | None', ...]
    kind: type[msgspec.Struct]
    raw: msgspec.json.Decoder[Any]

    @property
    def empty(self) -> msgspec.Struct:
        return self.kind()


def _node(tree: Tree) -> Node:
    children = tuple(None if child is None else _node(child) for child in tree.values())
    fields = [f'f{number}' for number in range(len(tree))]
    rename = dict(zip(fields, tree, strict=True))
    typed = [
        (field, Value, None) if child is None else (field, child.kind, child.empty)
        for field, child in zip(fields, children, strict=True)
    ]
    kind = msgspec.defstruct('Object', typed, rename=rename, frozen=True, gc=False)
    raw = msgspec.defstruct('Raw', [(field, msgspec.Raw, NULL) for field in fields], rename=rename, frozen=True, gc=False)
    return Node(tuple(tree), children, kind, msgspec.json.Decoder(raw))


class Reader:
    """Reads the values at the paths of a mapping from lines. Any thread may call it."""

    def __init__(self, mapping: Mapping[str, Names], time: Time = Time.ISO, seconds: float = 1.0) -> None:
        self.mapping = dict(mapping)
        self.paths = {
            field: tuple(map(to_path, [names] if isinstance(names, str) else names))
            for field in dict.fromkeys((*TEXT_FIELDS, *mapping))
            if (names := mapping.get(field))
        }
        tree: Tree = {}
        for names in dict.fromkeys(path.names for paths in self.paths.values() for path in paths):
            _insert(tree, names)
        self.root = _node(tree)
        self.decode = msgspec.json.Decoder(self.root.kind).decode
        self.value = msgspec.json.Decoder(Value)
        self.time, self.seconds = time, seconds

    def __call__(self, texts: pl.Series) -> pl.DataFrame:
        rows = self._decode_lines(texts.fill_null('').to_list())
        columns = [self._column(field, paths, rows) for field, paths in self.paths.items()]
        return pl.DataFrame(columns)

    def _decode_lines(self, lines: Iterable[str]) -> list[Any]:
        rows, decode = [], self.decode
        for line in lines:
            try:
                rows.append(decode(line))
            except INVALID:
                rows.append(self._decode_irregular(line))
        return rows

    def _decode_irregular(self, line: str) -> msgspec.Struct:
        """Decodes a line that is not valid JSON, or has a value of an unexpected type; an empty structure if that fails."""
        repaired = repair(line)
        for decode, text in ((self.decode, repaired), (self._decode_tolerantly, line), (self._decode_tolerantly, repaired)):
            try:
                return decode(text)
            except INVALID:
                continue
        return self.root.empty

    def _decode_tolerantly(self, text: str | msgspec.Raw, node: Node | None = None) -> msgspec.Struct:
        """Decodes an object in which any value may have an unexpected type. Raises one of INVALID if there is no object."""
        node = node or self.root
        raw = node.raw.decode(text)
        values: list[Any] = []
        for number, child in enumerate(node.children):
            value = getattr(raw, f'f{number}')
            try:
                values.append(self.value.decode(value) if child is None else self._decode_tolerantly(value, child))
            except INVALID:
                values.append(None if child is None else child.empty)
        return node.kind(*values)

    def _column(self, field: str, paths: tuple[Path, ...], rows: list[Any]) -> pl.Series:
        column = pl.Series(field, [], dtype=pl.String)
        for path in paths:
            getter = _getter(self.root, path.names)
            other = _texts(field, list(map(getter, rows)), path.position)
            column = other if column.is_empty() else column.zip_with(column.is_not_null(), other)
            if not column.null_count():
                break
        if field == 'time':
            return _to_one_notation(column, self.time)
        return _to_one_unit(column, self.seconds) if field == 'duration' else column


def _insert(tree: Tree, names: tuple[str, ...]) -> None:
    for name in names[:-1]:
        child = tree.setdefault(name, {})
        if child is None:
            raise _both(names, name)
        tree = child
    if tree.setdefault(names[-1], None) is not None:
        raise _both(names, names[-1])


def _both(names: tuple[str, ...], name: str) -> SettingsError:
    return SettingsError(
        f'log_fields: in {".".join(names)[:200]!r}, {name[:200]!r} is a value and an object', 'use one of the two'
    )


def _getter(node: Node, names: tuple[str, ...]) -> Callable[[Any], Any]:
    fields = []
    for name in names:
        number = node.names.index(name)
        fields.append(f'f{number}')
        node = node.children[number] or node
    return attrgetter('.'.join(fields))


def _texts(field: str, values: list[Value], position: int | None) -> pl.Series:
    if isinstance(next((value for value in values if value is not None), ''), str):
        try:
            return pl.Series(field, values, dtype=pl.String)
        except TypeError:  # not all of them are texts
            pass
    if list in set(map(type, values)):
        pick = _join if field == 'forwarded' and position is None else partial(_pick, position=position or 0)
        return _texts(field, [pick(value) if isinstance(value, list) else value for value in values], None)
    texts = {value: _text(value) for value in set(values)}
    return pl.Series(field, [texts[value] for value in values], dtype=pl.String)


def _pick(values: list[Scalar | None], position: int) -> Scalar | None:
    return values[position] if position < len(values) else None


def _join(values: list[Scalar | None]) -> str | None:
    return ', '.join(str(_text(value)) for value in values if value is not None) or None


def _text(value: Any) -> str | None:
    """Returns a number without an exponent, and a whole one without a decimal point."""
    if isinstance(value, float):
        text = str(int(value)) if value.is_integer() else repr(value)
        return format(Decimal(text), 'f') if 'e' in text else text
    return value if value is None else str(value)


def _to_one_notation(times: pl.Series, time: Time) -> pl.Series:
    """Returns the times in the notation of the format. Products write them as they are configured.

    What is neither a number nor in ISO 8601 stays as it is.
    """
    if time not in (Time.ISO, Time.UNIX):
        return times.str.strip_chars('[]')
    numeric = times.str.contains(NUMBER)
    if time == Time.UNIX:
        other = ~numeric & times.str.contains(r'^\d{4}-\d\d-\d\d')
        return _map(times, other, _iso_to_unix) if other.any() else times
    if numeric.any():
        times = times.to_frame('time').select(pl.when(numeric).then(_unix_to_iso()).otherwise('time').alias('time')).to_series()
    clf = times.str.contains(r'^\[?\d{1,2}/[A-Za-z]{3}/\d{4}:')
    return _map(times, clf, _clf_to_iso) if clf.any() else times


def _unix_to_iso() -> pl.Expr:
    number = pl.col('time').cast(pl.Float64, strict=False)
    digits = pl.col('time').str.extract(r'^(\d+)').str.len_bytes()
    milliseconds = (
        pl.when(digits <= DIGITS_OF_SECONDS).then(number * 1e3)
        .when(digits <= DIGITS_OF_MILLISECONDS).then(number)
        .when(digits <= DIGITS_OF_MICROSECONDS).then(number / 1e3)
        .otherwise(number / 1e6)
    )  # fmt: skip
    valid = pl.when(milliseconds < 2e14).then(milliseconds.round()).cast(pl.Int64, strict=False)
    return valid.cast(pl.Datetime('ms')).dt.strftime('%Y-%m-%dT%H:%M:%S%.3fZ')


def _iso_to_unix(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f'{moment.timestamp():.6f}' if moment.tzinfo else text


def _clf_to_iso(text: str) -> str:
    day, _, rest = text.strip('[]').partition(':')
    try:
        date = datetime.strptime(day, '%d/%b/%Y').date()
    except ValueError:
        return text
    return f'{date.isoformat()}T{rest.replace(" ", "")}'


def _to_one_unit(durations: pl.Series, seconds: float) -> pl.Series:
    """Returns durations such as 0.010s or 7.5ms as numbers in the unit of the format."""
    with_unit = durations.str.contains(r'^\d+(?:\.\d+)?(?:s|ms|[uµμ]s|ns)$')

    def convert(text: str) -> str:
        number = text.rstrip('smnuµμ')
        unit = UNITS[text[len(number) :]]
        return number if unit == seconds else str(_text(float(number) * unit / seconds))

    return _map(durations, with_unit, convert) if with_unit.any() else durations


def _map(texts: pl.Series, applies: pl.Series, function: Callable[[str], str]) -> pl.Series:
    """Applies a function to each different text for which `applies` is true."""
    distinct = texts.filter(applies).unique().to_list()
    return texts.replace(distinct, [function(text) for text in distinct])


def repair(line: str) -> str:
    r"""Returns a line that JSON's grammar allows, if only its strings are invalid.

    `\xHH` becomes the byte that it stands for, half a character U+FFFD, a raw control character its escape, and the backslash of
    an unknown escape itself. What surrounds the object is removed. Of a line that is longer than any request, only that.
    """
    line = line.strip(NO_TEXT)
    return IRREGULAR.sub(_repaired, line) if len(line) <= LONGEST_REPAIR else line


def _repaired(match: re.Match[str]) -> str:
    if match['valid']:
        return match[0]
    if escaped := match['bytes']:
        text = bytes.fromhex(escaped.replace('\\x', '')[1:]).decode(errors='replace')
        return msgspec.json.encode(text).decode()[1:-1]
    if match['surrogate']:
        return '\ufffd'
    return '\\\\' if match[0] == '\\' else f'\\u{ord(match[0]):04x}'


def decode_sample(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Returns the objects of those lines that hold one and are not too long."""
    objects = []
    for line in lines:
        if len(line) > LONGEST_SAMPLE:
            continue
        for text in (line, repair(line)):
            try:
                value = msgspec.json.decode(text)
            except INVALID:
                continue
            if isinstance(value, dict):
                objects.append(value)
            break
    return objects


def json_format(
    name: str,
    mapping: Mapping[str, Names],
    *,
    time: Time = Time.ISO,
    seconds: float = 1.0,
    only_forwarded: bool = False,
    notes: tuple[str, ...] = (),
) -> Format:
    """Returns the format that reads the fields of `mapping`, by their names in TEXT_FIELDS.

    `seconds` is the unit of a duration without one. A time that is a number, in Common Log Format or in ISO 8601 is read also
    where `time` is ISO.
    """
    return Format(name, Reader(mapping, time, seconds), time, seconds=seconds, only_forwarded=only_forwarded, notes=notes)


def read_also(log_format: Format, names: Mapping[str, str]) -> Format:
    """Returns a format of JSON logs that also has these columns, given with their dotted names; other formats unchanged.

    A column that the format already has stays, and a name that is an object in the format is left out.
    """
    for column, name in names.items():
        reader = log_format.read
        if isinstance(reader, Reader) and column not in reader.mapping and all(to_path(name).names):
            with suppress(SettingsError):
                read = Reader(reader.mapping | {column: name}, reader.time, reader.seconds)
                log_format = replace(log_format, read=read)
    return log_format
