"""Locates IP addresses: by an MMDB file, or, to the country only, by a built-in table."""

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from itertools import islice
from pathlib import Path

import iptocc
import maxminddb
import polars as pl
from geoip2.models import City

from exporter.enrich.addresses import canonical
from exporter.enrich.mmdb import Keys, damaged_files_refused, python_reader, rust_reader, value_at
from exporter.errors import SettingsError

Place = tuple[object, object, object, object]  # country, city, latitude, longitude; of any type, as damaged bytes produce any
Find = Callable[[list[str]], pl.DataFrame]  # takes IP addresses; returns a row of PLACE_SCHEMA for each, null if unknown

PLACE_SCHEMA = {'country': pl.String(), 'city': pl.String(), 'latitude': pl.Float64(), 'longitude': pl.Float64()}

COUNTRIES = pl.read_csv(files('exporter.enrich').joinpath('countries.csv').read_bytes(), comment_prefix='#')
COUNTRY_CODES = frozenset(COUNTRIES['country'])
SEARCHED = 1_000  # records, at least one of which must name a country
SAMPLE = 30  # records with a country, which show the layout of a file; reading one takes 0.3 ms
REMEDY = 'set USAGE_GEO_DATABASE to a database of cities or countries, or unset it'

ENGLISH, NAMES = ('city', 'names', 'en'), ('city', 'names')
COUNTRY_KEYS: tuple[Keys, ...] = (('country', 'iso_code'), ('country_code',), ('country',))
CITY_KEYS: tuple[Keys, ...] = (ENGLISH, NAMES, ('city',))
LATITUDE_KEYS: tuple[Keys, ...] = (('location', 'latitude'), ('latitude',), ('lat',))
LONGITUDE_KEYS: tuple[Keys, ...] = (('location', 'longitude'), ('longitude',), ('lng',), ('lon',))


@dataclass(frozen=True)
class Layout:
    """Where the records of an MMDB file keep a place. The first keys of each constant are those of GeoIP2, the others are flat.

    GeoIP2: MaxMind, DB-IP (db-ip.com/db/format/ip-to-location/mmdb.html), IP2Location. Flat: IPinfo, whose `country` is a code in
    older files and a name beside `country_code` in newer ones (ipinfo.io/developers/ipinfo-lite-database), and ip-location-db.
    """

    country: Keys
    city: Keys
    latitude: Keys
    longitude: Keys

    @property
    def keys(self) -> tuple[Keys, Keys, Keys, Keys]:
        return self.country, self.city, self.latitude, self.longitude


GEOIP2 = Layout(*(keys[0] for keys in (COUNTRY_KEYS, CITY_KEYS, LATITUDE_KEYS, LONGITUDE_KEYS)))


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
    with damaged_files_refused(database, REMEDY):
        with maxminddb.open_database(database, maxminddb.MODE_FILE) as file:
            metadata = file.metadata()
            layout = layout_of(file)
        name = ' '.join(metadata.database_type.split())
        date = dt.datetime.fromtimestamp(metadata.build_epoch, dt.UTC).date()
        find = layout and (open_rust_reader(database, layout, mapped) or open_python_reader(database, layout))
    if not find:
        raise SettingsError(f'{database}: {name or "a database without a type"} contains no countries', REMEDY)
    return Places(name, date, find)


def layout_of(file: maxminddb.Reader) -> Layout | None:
    """The layout that most of the first records of a file have; None if none of them names a country.

    Raises the exception of a damaged record if none before it names a country.
    """
    records: list[object] = []
    try:
        for _, record in islice(file, SEARCHED):
            if any(_is_code(value_at(record, keys)) for keys in COUNTRY_KEYS):
                records.append(record)
                if len(records) == SAMPLE:
                    break
    except Exception:
        if not records:
            raise
    if not records:
        return None

    def most(choices: Sequence[Keys], valid: Callable[[object], bool]) -> Keys:
        return max(choices, key=lambda keys: sum(valid(value_at(record, keys)) for record in records))  # of equals the first

    country = most(COUNTRY_KEYS, _is_code)
    order = 1 if country == GEOIP2.country else -1  # what no record of the sample has is searched in the same kind of layout
    return Layout(
        country,
        most(CITY_KEYS[::order], lambda value: _name(value) is not None),
        most(LATITUDE_KEYS[::order], lambda value: isinstance(value, str | int | float)),
        most(LONGITUDE_KEYS[::order], lambda value: isinstance(value, str | int | float)),
    )


def _is_code(value: object) -> bool:
    return isinstance(value, str) and value in COUNTRY_CODES


def _name(city: object) -> object:
    """The name of a city: a text, or of names by language the English one, otherwise the first."""
    if isinstance(city, dict):
        return city.get('en', next((name for name in city.values() if isinstance(name, str)), None))
    return city if isinstance(city, str) else None


def find_countries(addresses: list[str]) -> pl.DataFrame:
    """Looks up the country to which a regional internet registry allocated each address."""
    countries = iptocc.country_code(addresses)
    return pl.DataFrame({'country': countries, 'city': None, 'latitude': None, 'longitude': None}, schema=PLACE_SCHEMA)


def open_rust_reader(database: Path, layout: Layout, mapped: bool) -> Find | None:
    """Looks up with maxminddb-rust; None if it is not installed."""
    read = rust_reader(database, layout.keys, mapped)
    if read is None:
        return None

    def find(addresses: list[str]) -> pl.DataFrame:
        columns = read(addresses)
        if layout.city != ENGLISH:
            columns[1] = [_name(city) for city in columns[1]]
        return pl.DataFrame(columns, PLACE_SCHEMA, orient='col', strict=False)

    return find


def open_python_reader(database: Path, layout: Layout) -> Find:
    """Looks up in pure Python, with the models of geoip2 if the records are GeoIP2's."""
    record_of = python_reader(database)

    def find_one(address: str) -> Place:
        record = record_of(address)
        if layout == GEOIP2 and isinstance(record, dict):
            with suppress(Exception):  # a record of another layout
                place = City(['en'], **record)
                return place.country.iso_code, place.city.name, place.location.latitude, place.location.longitude
        country, city, latitude, longitude = (value_at(record, keys) for keys in layout.keys)
        return country, city if layout.city == ENGLISH else _name(city), latitude, longitude

    def find(addresses: list[str]) -> pl.DataFrame:
        columns = list(zip(*map(find_one, addresses), strict=True)) or [()] * len(PLACE_SCHEMA)
        return pl.DataFrame(columns, PLACE_SCHEMA, orient='col', strict=False)

    return find
