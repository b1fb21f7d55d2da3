"""Finds the place of an address: in an MMDB file or, to the country only, in a table that needs no file."""

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

Record = tuple[str | None, str | None, float | None, float | None]  # country, city, latitude, longitude
Find = Callable[[list[str]], pl.DataFrame]  # IP addresses -> a row of FOUND for each, null where unknown

FOUND = {'country': pl.String(), 'city': pl.String(), 'latitude': pl.Float64(), 'longitude': pl.Float64()}
PATHS = (('country', 'iso_code'), ('city', 'names', 'en'), ('location', 'latitude'), ('location', 'longitude'))
NOWHERE: Record = (None, None, None, None)

COUNTRIES = pl.read_csv(files('exporter.enrich').joinpath('countries.csv').read_bytes(), comment_prefix='#')
AT_ONCE = 2_000  # addresses that Rust is asked about: it lets no other thread run meanwhile
SAMPLE = 1_000  # records among which one must name a country
REMEDY = 'set USAGE_GEO_DATABASE to a GeoIP2 City or Country database, or unset it'


@dataclass(frozen=True)
class Places:
    """A source of places: what it is called, of which day its data is (None: it does not say), and how it is asked."""

    name: str
    date: dt.date | None
    find: Find

    def locate(self, addresses: pl.Series) -> pl.DataFrame:
        """country (ISO 3166-1 alpha-2), city (English name), latitude and longitude (degrees, to 0.01) of each address.

        '', '', 0 and 0 where it has no place: it is private, unknown, no IP address, or of no country. Where only the
        country is known, the coordinates are where `countries.csv` draws it.
        """
        rows = canonical(addresses).to_frame().with_row_index('row')
        asked = rows.drop_nulls().sort('address')  # neighbours lie together in the file: almost twice as fast
        found = pl.concat([asked, self.find(asked['address'].to_list())], how='horizontal')
        exact = pl.col('latitude').is_between(-90, 90) & pl.col('longitude').is_between(-180, 180)
        located = found.join(COUNTRIES, on='country', suffix='_of_country').select(
            'row',
            'country',
            'city',
            latitude=pl.when(exact).then('latitude').otherwise('latitude_of_country').round(2),
            longitude=pl.when(exact).then('longitude').otherwise('longitude_of_country').round(2),
        )
        spread = rows.join(located, on='row', how='left', maintain_order='left')
        return spread.select(
            pl.col('country', 'city').fill_null(''), pl.col('latitude', 'longitude').fill_null(0.0).replace(-0.0, 0.0)
        )


def open_places(database: Path | None) -> Places:
    """The places of an MMDB file, or without one those of the table of countries.

    Raises SettingsError, one line, where the file is missing, cannot be read, is damaged or tells no country.
    """
    if database is None:
        return Places(f'iptocc {version("iptocc")}', None, allocated)
    try:
        with maxminddb.open_database(database, maxminddb.MODE_FILE) as file:
            about = file.metadata()
            name = ' '.join(about.database_type.split())
            located = any(record.get('country', {}).get('iso_code') for _, record in islice(file, SAMPLE))
        date = dt.datetime.fromtimestamp(about.build_epoch, dt.UTC).date()
        find = vectorised(database) or one_by_one(database)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise SettingsError(f'{database}: cannot be read ({error.strerror})', REMEDY) from error
    except Exception as error:  # damaged bytes raise whatever they happen to mean
        raise SettingsError(f'{database}: not a GeoIP2 database, or damaged', 'fetch it again and unpack it') from error
    if not located or not any(kind in name for kind in ('City', 'Country', 'Enterprise')):
        raise SettingsError(f'{database}: {name} contains no countries', REMEDY)
    return Places(name, date, find)


def allocated(addresses: list[str]) -> pl.DataFrame:
    """Asks the table of countries: to which one a regional internet registry allocated each address."""
    countries = iptocc.country_code(addresses)
    return pl.DataFrame({'country': countries, 'city': None, 'latitude': None, 'longitude': None}, schema=FOUND)


def _record(country: object, city: object, latitude: object, longitude: object) -> Record:
    """What a file says of an address, without what is of another type: its bytes are damaged."""
    names = [name if isinstance(name, str) else None for name in (country, city)]
    degrees = [float(number) if isinstance(number, int | float) else None for number in (latitude, longitude)]
    return names[0], names[1], degrees[0], degrees[1]


def vectorised(database: Path) -> Find | None:
    """Asks maxminddb-rust, where it is installed, for one field of all addresses at a time."""
    try:
        from maxminddb_rust import MODE_MEMORY, open_database
    except ImportError:
        return None
    reader = open_database(database, MODE_MEMORY)

    def place(address: str) -> Record:
        try:
            country, city, latitude, longitude = (reader.get_path(address, path) for path in PATHS)
        except Exception:  # a damaged record, or IPv6 asked of a database of IPv4
            return NOWHERE
        return _record(country, city, latitude, longitude)

    def some(addresses: Sequence[str]) -> pl.DataFrame:
        try:
            countries, cities = (reader.get_many_path(addresses, path) for path in PATHS[:2])
            located = [found or {} for found in reader.get_many_path(addresses, ('location',))]  # cheaper than to look up twice
            latitudes, longitudes = ([found.get(name) for found in located] for name in ('latitude', 'longitude'))
        except Exception:  # one such address spoils them all: ask for each alone
            return pl.DataFrame([place(address) for address in addresses], FOUND, orient='row', strict=False)
        return pl.DataFrame([countries, cities, latitudes, longitudes], FOUND, orient='col', strict=False)

    def find(addresses: list[str]) -> pl.DataFrame:
        parts = range(0, len(addresses), AT_ONCE)
        return pl.concat([some(addresses[start : start + AT_ONCE]) for start in parts] or [pl.DataFrame(schema=FOUND)])

    return find


def one_by_one(database: Path) -> Find:
    """Asks geoip2, in pure Python and in memory: its C reader is faster, but damaged data makes it end the process."""
    reader = Reader(database, mode=maxminddb.MODE_MEMORY)
    kind = reader.metadata().database_type
    ask = reader.city if 'City' in kind else reader.enterprise if 'Enterprise' in kind else reader.country

    def place(address: str) -> Record:
        try:
            answer = ask(address)
        except Exception:  # not in the database, a damaged record, or IPv6 asked of a database of IPv4
            return NOWHERE
        if not isinstance(answer, City):
            return _record(answer.country.iso_code, None, None, None)
        return _record(answer.country.iso_code, answer.city.name, answer.location.latitude, answer.location.longitude)

    return lambda addresses: pl.DataFrame([place(a) for a in addresses], FOUND, orient='row', strict=False)
