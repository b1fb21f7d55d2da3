"""Finds the network of an address: the number of its autonomous system, and the organisation that runs it."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from pathlib import Path

import maxminddb
import polars as pl

from exporter.enrich.addresses import canonical
from exporter.enrich.mmdb import Columns, Keys, Read, damaged_files_refused, python_reader, rust_reader, value_at
from exporter.errors import SettingsError

SEARCHED = 1_000  # records, at least one of which must have a number
LONGEST_NAME = 200  # characters
REMEDY = 'set USAGE_GEO_ASN_DATABASE to a database of AS numbers such as GeoLite2-ASN.mmdb, or unset it'
# The first is that of MaxMind, DB-IP and ip-location-db, the others are IPinfo's (`asn` is a text: AS64496).
# https://dev.maxmind.com/geoip/docs/databases/asn, https://ipinfo.io/developers/ipinfo-lite-database
NUMBER_KEYS: tuple[Keys, ...] = (('autonomous_system_number',), ('asn',), ('as_number',))
NAME_KEYS: tuple[Keys, ...] = (('autonomous_system_organization',), ('as_name',), ('name',), ('organization',))
HOSTING = pl.read_csv(files('exporter.enrich').joinpath('hosting_networks.csv').read_bytes(), comment_prefix='#')
HOSTING_NUMBERS = frozenset(HOSTING['as_number'])


@dataclass(frozen=True)
class AsNumbers:
    """A source of AS numbers: its name, the day of its data, and its lookup. Any thread may call `locate`."""

    name: str
    date: dt.date
    read: Read

    def locate(self, addresses: pl.Series) -> pl.DataFrame:
        """A row for each address: `as_number` (0: unknown) and `network`, the name of its organisation ('': unknown)."""
        rows = canonical(addresses).to_frame().with_row_index('row')
        valid = rows.drop_nulls().sort('address')  # neighbours lie together in the file
        numbers, names = self.read(valid['address'].to_list())
        found = pl.DataFrame([valid['row'], to_numbers(numbers), _clean(names)])
        located = rows.join(found, on='row', how='left', maintain_order='left')
        return located.select(pl.col('as_number').fill_null(0), pl.col('network').fill_null(''))


def open_as_numbers(database: Path, mapped: bool = False) -> AsNumbers:
    """Opens an MMDB file of AS numbers. `mapped` as for places.

    Raises SettingsError if the file is missing, unreadable or damaged, or contains no AS numbers.
    """
    with damaged_files_refused(database, REMEDY):
        with maxminddb.open_database(database, maxminddb.MODE_FILE) as file:
            metadata = file.metadata()
            layout = layout_of(file)
        name = ' '.join(metadata.database_type.split())
        date = dt.datetime.fromtimestamp(metadata.build_epoch, dt.UTC).date()
        read = layout and (rust_reader(database, layout, mapped) or _read_with_python(database, layout))
    if not read:
        raise SettingsError(f'{database}: {name or "a database without a type"} contains no AS numbers', REMEDY)
    return AsNumbers(name, date, read)


def to_numbers(values: Sequence[object]) -> pl.Series:
    """AS numbers, given as numbers or as texts such as AS64496; 0 for what is not one."""
    texts = pl.Series('as_number', values, pl.String, strict=False)
    numbers = texts.str.extract(r'^(?:[Aa][Ss])?([0-9]{1,10})$').cast(pl.UInt32, strict=False)
    return numbers.fill_null(0)


def layout_of(file: maxminddb.Reader) -> tuple[Keys, Keys] | None:
    """The keys of number and name in the first record that has a number; None if none of the first records has one."""
    for _, record in islice(file, SEARCHED):
        for keys in NUMBER_KEYS:
            if to_numbers([value_at(record, keys)]).item():
                named = (each for each in NAME_KEYS if isinstance(value_at(record, each), str))
                return keys, next(named, NAME_KEYS[0])
    return None


def _read_with_python(database: Path, all_keys: tuple[Keys, Keys]) -> Read:
    record_of = python_reader(database)

    def read(addresses: Iterable[str]) -> Columns:
        records = [record_of(address) for address in addresses]
        return [[value_at(record, keys) for record in records] for keys in all_keys]

    return read


def _clean(names: Sequence[object]) -> pl.Series:
    """Names of networks without control characters."""
    texts = pl.Series('network', names, pl.String, strict=False).fill_null('')
    return texts.str.replace_all(r'[\x00-\x1f\x7f-\x9f\s]+', ' ').str.strip_chars().str.slice(0, LONGEST_NAME)
