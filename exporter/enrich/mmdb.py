"""Reads values of many addresses from an MMDB file, with maxminddb-rust or in pure Python."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import maxminddb

from exporter.errors import SettingsError

Keys = tuple[str, ...]  # the keys that lead to a value in a record
Columns = list[list[object]]  # for each keys, the values of all addresses, None where there is none; damaged bytes give any type
Read = Callable[[Sequence[str]], Columns]

LOOKUP_SIZE = 2_000  # addresses for each call into Rust, which lets no other thread run meanwhile


@contextmanager
def damaged_files_refused(database: Path, remedy: str) -> Iterator[None]:
    """Raises SettingsError if opening the file within the block fails: it is missing, unreadable or damaged."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise SettingsError(f'{database}: cannot be read ({error.strerror})', remedy) from error
    except Exception as error:  # damaged bytes raise any exception
        raise SettingsError(f'{database}: not an MMDB database, or damaged', 'fetch it again and unpack it') from error


def value_at(record: object, keys: Keys) -> object:
    """The value to which the keys lead; None if there is none."""
    for key in keys:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def rust_reader(database: Path, all_keys: Sequence[Keys], mapped: bool) -> Read | None:
    """Looks up with maxminddb-rust, one field of many addresses at a time; None if it is not installed.

    `mapped`: map the file instead of reading it into memory. The process ends if the file is then cut short.
    """
    try:
        from maxminddb_rust import MODE_MEMORY, MODE_MMAP, open_database
    except ImportError:
        return None
    reader = open_database(database, MODE_MMAP if mapped else MODE_MEMORY)

    def value_of(address: str, keys: Keys) -> object:
        try:
            return reader.get_path(address, keys)
        except Exception:  # a damaged record, another layout, or an IPv6 address in a database of IPv4
            return None

    def read_some(addresses: Sequence[str]) -> Columns:
        try:
            return [reader.get_many_path(addresses, keys) for keys in all_keys]
        except Exception:  # one such address fails the whole call: look up each alone
            return [[value_of(address, keys) for address in addresses] for keys in all_keys]

    def read(addresses: Sequence[str]) -> Columns:
        columns: Columns = [[] for _ in all_keys]
        for start in range(0, len(addresses), LOOKUP_SIZE):
            for column, values in zip(columns, read_some(addresses[start : start + LOOKUP_SIZE]), strict=True):
                column += values
        return columns

    return read


def python_reader(database: Path) -> Callable[[str], object]:
    """Looks up the record of an address in pure Python, in memory; None if there is none.

    The C reader is faster, but damaged data makes it end the process.
    """
    reader = maxminddb.open_database(database, maxminddb.MODE_MEMORY)

    def record_of(address: str) -> object:
        try:
            return reader.get(address)
        except Exception:  # a damaged record, or an IPv6 address in a database of IPv4
            return None

    return record_of
