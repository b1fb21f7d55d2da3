"""Locates IP addresses: by an MMDB file, or, to the country only, by a built-in table."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from itertools import islice
from pathlib import Path

import iptocc
import maxminddb
import polars as pl
from geoip2.database import Reader
from geoip2.models import City

from exporter.enrich.addresses import canonical
from exporter.errors import SettingsError

Place = tuple[str | None, str | None, float | None, float | None]  # country, city, latitude, longitude
Find = Callable[[list[str]], pl.DataFrame]  # takes IP addresses; returns a row of PLACE_SCHEMA for each, null if unknown

PLACE_SCHEMA = {'country': pl.String(), 'city': pl.String(), 'latitude': pl.Float64(), 'longitude': pl.Float64()}
PATHS = (('country', 'iso_code'), ('city', 'names', 'en'), ('location', 'latitude'), ('location', 'longitude'))
UNKNOWN: Place = (None, None, None, None)

COUNTRIES = pl.read_csv(files('exporter.enrich').joinpath('countries.csv').read_bytes(), comment_prefix='#')
LOOKUP_SIZE = 2_000  # addresses for each call into Rust, which lets no other thread run meanwhile
SAMPLE = 1_000  # records, at least one of which must name a country
REMEDY = 'set USAGE_GEO_DATABASE to a GeoIP2 City or Country database, or unset it'


@dataclass(frozen=True)
class Places:
    """A source of places: its name, the day of its data (None: unknown), and its lookup. Any thread may call `locate`."""

    name: str
    date: dt.date | None
    find: Find

    def locate(self, addresses: pl.Series) -> pl.DataFrame:
        """A row for each address: country (ISO 3166-1 alpha-2), city (English name), latitude and longitude (degrees, to 0.01).

        '', '', 0 and 0 if the address is private, unknown, of no country, or not an IP address. If only the country is known, the
        coordinates come from `countries.csv`.
        """
        rows = canonical(addresses).to_frame().with_row_index('row')
        valid = rows.drop_nulls().sort('address')  # neighbours lie together in the file: almost twice as fast
        places = pl.concat([valid, self.find(valid['address'].to_list())], how='horizontal')
        has_coordinates = pl.col('latitude').is_between(-90, 90) & pl.col('longitude').is_between(-180, 180)
        located = places.join(COUNTRIES, on='country', suffix='_of_country').select(
            'row',
            'country',
            'city',
            latitude=pl.when(has_coordinates).then('latitude').otherwise('latitude_of_country').round(2),
            longitude=pl.when(has_coordinates).then('longitude').otherwise('longitude_of_country').round(2),
        )
        all_rows = rows.join(located, on='row', how='left', maintain_order='left')
        return all_rows.select(
            pl.col('country', 'city').fill_null(''), pl.col('latitude', 'longitude').fill_null(0.0).replace(-0.0, 0.0)
        )


def open_places(database: Path | None, mapped: bool = False) -> Places:
    """Opens an MMDB file, or without one the built-in table of countries.

    `mapped`: map the file instead of reading it into memory. The process ends if the file is then cut short.

    Raises SettingsError if the file is missing, unreadable or damaged, or contains no countries.
    """
    if database is None:
        return Places(f'iptocc {version("iptocc")}', None, find_countries)
    try:
        with maxminddb.open_database(database, maxminddb.MODE_FILE) as file:
            metadata = file.metadata()
            name = ' '.join(metadata.database_type.split())
            has_countries = any(record.get('country', {}).get('iso_code') for _, record in islice(file, SAMPLE))
        date = dt.datetime.fromtimestamp(metadata.build_epoch, dt.UTC).date()
        find = open_rust_reader(database, mapped) or open_python_reader(database)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise SettingsError(f'{database}: cannot be read ({error.strerror})', REMEDY) from error
    except Exception as error:  # damaged bytes raise any exception
        raise SettingsError(f'{database}: not a GeoIP2 database, or damaged', 'fetch it again and unpack it') from error
    if not has_countries or not any(kind in name for kind in ('City', 'Country', 'Enterprise')):
        raise SettingsError(f'{database}: {name} contains no countries', REMEDY)
    return Places(name, date, find)


def find_countries(addresses: list[str]) -> pl.DataFrame:
    """Looks up the country to which a regional internet registry allocated each address."""
    countries = iptocc.country_code(addresses)
    return pl.DataFrame({'country': countries, 'city': None, 'latitude': None, 'longitude': None}, schema=PLACE_SCHEMA)


def _place(country: object, city: object, latitude: object, longitude: object) -> Place:
    """A place without the values of a wrong type, which damaged bytes produce."""
    names = [name if isinstance(name, str) else None for name in (country, city)]
    degrees = [float(number) if isinstance(number, int | float) else None for number in (latitude, longitude)]
    return names[0], names[1], degrees[0], degrees[1]


def open_rust_reader(database: Path, mapped: bool) -> Find | None:
    """Looks up with maxminddb-rust, one field of many addresses at a time; None if it is not installed."""
    try:
        from maxminddb_rust import MODE_MEMORY, MODE_MMAP, open_database
    except ImportError:
        return None
    reader = open_database(database, MODE_MMAP if mapped else MODE_MEMORY)

    def find_one(address: str) -> Place:
        try:
            country, city, latitude, longitude = (reader.get_path(address, path) for path in PATHS)
        except Exception:  # a damaged record, or an IPv6 address in a database of IPv4
            return UNKNOWN
        return _place(country, city, latitude, longitude)

    def find_some(addresses: Sequence[str]) -> pl.DataFrame:
        try:
            countries, cities = (reader.get_many_path(addresses, path) for path in PATHS[:2])
            # cheaper than a lookup for each coordinate
            locations = [location or {} for location in reader.get_many_path(addresses, ('location',))]
            latitudes, longitudes = ([location.get(name) for location in locations] for name in ('latitude', 'longitude'))
        except Exception:  # one such address fails the whole call: look up each alone
            return pl.DataFrame([find_one(address) for address in addresses], PLACE_SCHEMA, orient='row', strict=False)
        return pl.DataFrame([countries, cities, latitudes, longitudes], PLACE_SCHEMA, orient='col', strict=False)

    def find(addresses: list[str]) -> pl.DataFrame:
        starts = range(0, len(addresses), LOOKUP_SIZE)
        return pl.concat(
            [find_some(addresses[start : start + LOOKUP_SIZE]) for start in starts] or [pl.DataFrame(schema=PLACE_SCHEMA)]
        )

    return find


def open_python_reader(database: Path) -> Find:
    """Looks up with geoip2 in pure Python, in memory: its C reader is faster, but damaged data makes it end the process."""
    reader = Reader(database, mode=maxminddb.MODE_MEMORY)
    kind = reader.metadata().database_type
    lookup = reader.city if 'City' in kind else reader.enterprise if 'Enterprise' in kind else reader.country

    def find_one(address: str) -> Place:
        try:
            result = lookup(address)
        except Exception:  # not in the database, a damaged record, or an IPv6 address in a database of IPv4
            return UNKNOWN
        if not isinstance(result, City):
            return _place(result.country.iso_code, None, None, None)
        return _place(result.country.iso_code, result.city.name, result.location.latitude, result.location.longitude)

    return lambda addresses: pl.DataFrame([find_one(address) for address in addresses], PLACE_SCHEMA, orient='row', strict=False)
