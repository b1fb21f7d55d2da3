"""The files of archives in a folder: writes them, finds them, and reads them back."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import msgspec

from exporter.archive.figures import Line
from exporter.archive.manifest import COLUMNS, SUFFIXES, Manifest, stem
from exporter.archive.month import MONTH
from exporter.errors import InputError
from exporter.report.output import as_csv, as_json
from exporter.system.files import write

NAME = re.compile(rf'(?P<month>{MONTH})(?:-(?P<domain>[a-z0-9_.-]+))?')
INVALID = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what reading a JSON of something else raises
MODE = 0o644  # archives are for the public


class Archive(NamedTuple):
    """An archived month as its files have it: the rows of the CSV by portal and data set."""

    manifest: Manifest
    lines: dict[tuple[str, str], Line]


def in_the_way(directory: Path, month: date, domain: str | None) -> Path | None:
    """The file that the archive of a month would overwrite, or None. Raises OSError.

    The CSV is written last: a JSON without it is what an interrupted run left, unless it is of something else.
    """
    table = directory / f'{stem(month, domain)}.csv'
    details = table.with_suffix('.json')
    if table.exists():
        return table
    try:
        msgspec.json.decode(details.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except INVALID:
        return details
    return None


def content_of(lines: Iterable[Line]) -> bytes:
    """The CSV of some rows."""
    return as_csv(list(lines), COLUMNS).encode()


def save(directory: Path, manifest: Manifest, content: bytes) -> Path:
    """Writes the two files of an archive atomically, the CSV last; returns the CSV's path. Raises InputError."""
    table = directory / manifest.csv
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write(table.with_suffix('.json'), as_json(msgspec.to_builtins(manifest)).encode() + b'\n', MODE)
        write(table, content, MODE)
    except OSError as error:
        raise InputError(
            f'{directory}: cannot write the archive ({error.strerror})', 'choose a folder that you may write'
        ) from error
    return table


def stems(directory: Path) -> tuple[list[str], list[str]]:
    """The names, without suffixes, of the archives in a folder, and the names of other files. Raises InputError."""
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        raise InputError(f'{directory}: cannot read the folder ({error.strerror})', 'name the folder of the archives') from error
    ours = [name for name in names if name.endswith(SUFFIXES) and NAME.fullmatch(name.rpartition('.')[0])]
    found = list(dict.fromkeys(name.rpartition('.')[0] for name in ours))
    if not found:
        raise InputError(f'{directory}: holds no archives', 'name a folder that usage-exporter archive --month wrote')
    return found, [name for name in names if name not in ours]


def load(directory: Path, name: str) -> Archive:
    """Reads an archive. Raises InputError if a file is missing, is of something else, or was edited."""
    table, details = directory / f'{name}.csv', directory / f'{name}.json'
    month, _, domain = name[:7], name[7:8], name[8:]
    again = f'write it again with usage-exporter archive --month {month}{f" --domain {domain}" if domain else ""} --force'
    try:
        manifest = msgspec.json.decode(details.read_bytes(), type=Manifest)
        content = table.read_bytes()
    except FileNotFoundError as error:
        other = 'json' if str(error.filename).endswith('.csv') else 'csv'
        raise InputError(f'{error.filename}: missing beside {name}.{other}', f'restore it, or {again}') from error
    except OSError as error:
        raise InputError(f'{error.filename}: cannot read it ({error.strerror})', 'fix its permissions') from error
    except INVALID as error:
        raise InputError(f'{details}: not the JSON of an archive ({error})', f'restore it, or {again}') from error
    if (manifest.month, manifest.domain or '', manifest.csv) != (month, domain, table.name):
        raise InputError(f'{details}: belongs to {manifest.csv}', 'give both files their names back')
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise InputError(f'{table}: was changed since it was written (its SHA-256 differs)', f'restore it, or {again}')
    return Archive(manifest, {(line['domain'], line['dataset']): line for line in _lines(content)})


def _lines(content: bytes) -> Iterator[Line]:
    return csv.DictReader(io.StringIO(content.decode(), newline=''))
