"""Finds the network of an address: the number of its autonomous system, and the organisation that runs it."""

import datetime as dt
import re
from collections.abc import Iterable
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
SCHEMA = {'as_number': pl.UInt32(), 'network': pl.String()}
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
        numbers, *names = self.read(valid['address'].to_list())
        found = pl.DataFrame(
            {
                'row': valid['row'],
                'as_number': pl.Series([to_number(number) for number in numbers], dtype=SCHEMA['as_number']),
                'network': pl.Series([_name(each) for each in zip(*names, strict=True)], dtype=SCHEMA['network']),
            }
        )
        located = rows.join(found, on='row', how='left', maintain_order='left')
        return located.select(pl.col('as_number').fill_null(0), pl.col('network').fill_null(''))


def open_as_numbers(database: Path, mapped: bool = False) -> AsNumbers:
    """Opens an MMDB file of AS numbers. `mapped` as for places.

    Raises SettingsError if the file is missing, unreadable or damaged, or contains no AS numbers.
    """
    with damaged_files_refused(database, REMEDY):
        with maxminddb.open_database(database, maxminddb.MODE_FILE) as file:
            metadata = file.metadata()
            number = _number_keys(file)
        name = ' '.join(metadata.database_type.split())
        date = dt.datetime.fromtimestamp(metadata.build_epoch, dt.UTC).date()
        read = number and (
            rust_reader(database, (number, *NAME_KEYS), mapped) or _read_with_python(database, (number, *NAME_KEYS))
        )
    if not read:
        raise SettingsError(f'{database}: {name or "a database without a type"} contains no AS numbers', REMEDY)
    return AsNumbers(name, date, read)


def to_number(value: object) -> int:
    """An AS number, given as a number or as a text such as AS64496; 0 if it is not one."""
    if isinstance(value, str) and (match := re.fullmatch(r'(?:AS)?(\d{1,10})', value, re.ASCII | re.IGNORECASE)):
        value = int(match[1])
    return value if isinstance(value, int) and 0 < value < 2**32 else 0


def _number_keys(file: maxminddb.Reader) -> Keys | None:
    """The keys of the number in the first record that has one; None if none of the first records has."""
    for _, record in islice(file, SEARCHED):
        for keys in NUMBER_KEYS:
            if to_number(value_at(record, keys)):
                return keys
    return None


def _read_with_python(database: Path, all_keys: tuple[Keys, ...]) -> Read:
    record_of = python_reader(database)

    def read(addresses: Iterable[str]) -> Columns:
        records = [record_of(address) for address in addresses]
        return [[value_at(record, keys) for record in records] for keys in all_keys]

    return read


def _name(candidates: Iterable[object]) -> str:
    """The first name, without control characters."""
    name = next((each for each in candidates if isinstance(each, str)), '')
    return ' '.join(re.sub(r'[\x00-\x1f\x7f-\x9f]', ' ', name).split())[:LONGEST_NAME]
