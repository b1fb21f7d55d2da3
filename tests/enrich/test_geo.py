"""Both readers find the same places, and a damaged database does not stop the program."""

import datetime as dt
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import iptocc
import maxminddb
import polars as pl
import pytest
from files import DATA
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from exporter.enrich.geo import COUNTRIES, Places, open_places
from exporter.errors import SettingsError

CITIES = DATA / 'GeoLite2-City-Test.mmdb'
UNLOCATED = ['', '-', 'unix:', 'client.example.org', '10.1.2.3', '127.0.0.1', '169.254.1.1', '0.0.0.0', '192.0.2.1',
             '999.1.1.1', '1.2.3.4\0', '::', '::1', 'fe80::1%eth0', 'fd00::1']  # fmt: skip
NOWHERE = ('', '', 0.0, 0.0)

Opener = Callable[[Path], Places]


@pytest.fixture(params=['with maxminddb-rust', 'without'])
def places(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Opener:
    """`open_places` with and without the extra `fast`."""
    if request.param == 'without':
        monkeypatch.setitem(sys.modules, 'maxminddb_rust', None)
    else:
        pytest.importorskip('maxminddb_rust', reason='needs maxminddb-rust: install the extra `fast`')
    return open_places


def open_with_python(database: Path) -> Places:
    """`open_places` without the extra `fast`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, 'maxminddb_rust', None)
        return open_places(database)


def write_mmdb(file: Path, records: dict[str, dict[str, Any]], kind: str = 'GeoLite2-City', version: int = 6) -> Path:
    """Writes an MMDB file of networks and their records."""
    writer = MMDBWriter(version, kind, ipv4_compatible=version == 6)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(file))
    return file


def place(places: Places, address: str) -> tuple[object, ...]:
    return places.locate(pl.Series([address])).row(0)


@pytest.mark.parametrize(
    ('address', 'expected'),
    [
        ('81.2.69.160', ('GB', 'London', 51.51, -0.09)),
        ('::ffff:81.2.69.160', ('GB', 'London', 51.51, -0.09)),
        ('::FFFF:5102:45A0', ('GB', 'London', 51.51, -0.09)),
        ('89.160.20.112', ('SE', 'Linköping', 58.42, 15.62)),
        ('2001:218::1', ('JP', '', 35.69, 139.75)),
    ],
)
def test_an_address_has_the_place_in_its_record(places: Opener, address: str, expected: tuple[object, ...]) -> None:
    assert place(places(CITIES), address) == expected


def test_a_source_has_a_name_and_a_date() -> None:
    assert (open_places(CITIES).name, open_places(CITIES).date) == ('GeoLite2-City', dt.date(2026, 2, 4))
    assert re.fullmatch(r'iptocc [\d.]+', open_places(None).name)
    assert open_places(None).date is None


def test_an_unknown_place_is_empty_and_not_null(places: Opener) -> None:
    for source in (places(CITIES), open_places(None)):
        assert source.locate(pl.Series(UNLOCATED)).rows() == [NOWHERE] * len(UNLOCATED)


def test_rows_stay_in_their_order(places: Opener) -> None:
    addresses = ['89.160.20.112', '-', '81.2.69.160', '2001:218::1', 'x', '81.2.69.160', '::ffff:89.160.20.112']
    result = places(CITIES).locate(pl.Series(addresses))
    assert result['country'].to_list() == ['SE', '', 'GB', 'JP', '', 'GB', 'SE']
    assert result.schema == {'country': pl.String, 'city': pl.String, 'latitude': pl.Float64, 'longitude': pl.Float64}
    assert places(CITIES).locate(pl.Series([], dtype=pl.String)).schema == result.schema


def networks() -> list[str]:
    """The first address of every network of the test database."""
    with maxminddb.open_database(CITIES, maxminddb.MODE_FILE) as file:
        return [str(network.network_address) for network, _ in file]


def test_both_readers_agree_on_every_network() -> None:
    pytest.importorskip('maxminddb_rust', reason='needs maxminddb-rust: install the extra `fast`')
    addresses = pl.Series(networks())
    fast, exact = open_places(CITIES), open_with_python(CITIES)
    assert fast.locate(addresses).equals(exact.locate(addresses))
    assert fast.locate(addresses)['country'].n_unique() > 20


@given(st.lists(st.ip_addresses().map(str) | st.sampled_from(networks()) | st.text()))
@settings(deadline=None)
def test_both_readers_agree_on_any_addresses(addresses: list[str]) -> None:
    pytest.importorskip('maxminddb_rust', reason='needs maxminddb-rust: install the extra `fast`')
    column = pl.Series(addresses, dtype=pl.String)
    assert open_places(CITIES).locate(column).equals(open_with_python(CITIES).locate(column))


def test_a_mapped_file_has_the_same_places(places: Opener) -> None:
    addresses = pl.Series([*networks(), *UNLOCATED])
    mapped, read = open_places(CITIES, mapped=True), places(CITIES)
    assert mapped.locate(addresses).equals(read.locate(addresses))
    assert (mapped.name, mapped.date) == (read.name, read.date)


def test_a_damaged_file_is_refused_when_it_is_mapped(places: Opener, tmp_path: Path) -> None:
    (tmp_path / 'places.mmdb').write_bytes(CITIES.read_bytes()[:9_000])
    (tmp_path / 'empty.mmdb').touch()
    for name in ('places.mmdb', 'empty.mmdb'):
        with pytest.raises(SettingsError, match=f'{name}: not an MMDB database, or damaged'):
            open_places(tmp_path / name, mapped=True)


def test_a_country_without_coordinates_has_those_of_the_table(places: Opener, tmp_path: Path) -> None:
    france = COUNTRIES.row(by_predicate=pl.col('country') == 'FR')
    file = write_mmdb(tmp_path / 'x.mmdb', {'1.1.1.0/24': {'country': {'iso_code': 'FR'}}}, 'GeoLite2-Country')
    assert place(places(file), '1.1.1.1') == ('FR', '', *france[1:])
    file = write_mmdb(tmp_path / 'y.mmdb', {'1.1.1.0/24': {'country': {'iso_code': 'FR'}, 'city': {'names': {'en': 'Lyon'}}}})
    assert place(places(file), '1.1.1.1') == ('FR', 'Lyon', *france[1:])


def test_an_enterprise_database_has_places(places: Opener, tmp_path: Path) -> None:
    record = {'country': {'iso_code': 'FR'}, 'location': {'latitude': 45.748, 'longitude': 4.846}}
    assert place(places(write_mmdb(tmp_path / 'x.mmdb', {'1.1.1.0/24': record}, 'GeoIP2-Enterprise')), '1.1.1.1') == (
        'FR',
        '',
        45.75,
        4.85,
    )


LYON = ('FR', 'Lyon', 45.75, 4.85)
FRANCE = ('FR', '', *COUNTRIES.row(by_predicate=pl.col('country') == 'FR')[1:])
KINDS: dict[str, tuple[dict[str, Any], tuple[object, ...]]] = {
    'DBIP-City-Lite': (
        {
            'city': {'names': {'en': 'Lyon'}},
            'continent': {'code': 'EU'},
            'country': {'iso_code': 'FR', 'names': {'en': 'France'}},
            'location': {'latitude': 45.748, 'longitude': 4.846},
            'subdivisions': [{'names': {'en': 'Rhône'}}],
        },
        LYON,
    ),
    'DBIP-Location (compat=City)': (
        {'city': {'names': {'fr': 'Lyon'}}, 'country': {'iso_code': 'FR'}, 'location': {'latitude': 45.748, 'longitude': 4.846}},
        LYON,
    ),
    'ip-to-country': ({'country': {'iso_code': 'FR'}}, FRANCE),
    'ipinfo bundle_location_lite.mmdb': (
        {'country': 'France', 'country_code': 'FR', 'continent': 'Europe', 'continent_code': 'EU', 'asn': 'AS1'},
        FRANCE,
    ),
    'ipinfo bundle_location_core.mmdb': (
        {'city': 'Lyon', 'country': 'France', 'country_code': 'FR', 'latitude': 45.748, 'longitude': 4.846, 'is_mobile': False},
        LYON,
    ),
    'ipinfo extended_location_v2.mmdb': (
        {'city': 'Lyon', 'country': 'FR', 'latitude': '45.748', 'longitude': '4.846', 'radius': '500'},
        LYON,
    ),
    'ipinfo standard_location.mmdb': ({'city': 'Lyon', 'country': 'FR', 'lat': '45.748', 'lng': '4.846'}, LYON),
    'ipinfo generic_country_free_country_asn.mmdb': ({'country': 'FR', 'country_name': 'France', 'asn': 'AS1'}, FRANCE),
    'geo-whois-asn-country': ({'country_code': 'FR'}, FRANCE),
    'geolite2-city-ipv4': (
        {'city': 'Lyon', 'country_code': 'FR', 'latitude': 45.748, 'longitude': 4.846, 'state1': 'Rhône'},
        LYON,
    ),
}


@pytest.mark.parametrize('kind', KINDS)
def test_a_database_of_another_kind_has_places(places: Opener, tmp_path: Path, kind: str) -> None:
    record, expected = KINDS[kind]
    source = places(write_mmdb(tmp_path / 'x.mmdb', {'1.1.1.0/24': record}, kind))
    assert [place(source, address) for address in ('1.1.1.1', '9.9.9.9')] == [expected, NOWHERE]
    assert source.name == kind


def test_a_city_far_into_a_file_is_found(places: Opener, tmp_path: Path) -> None:
    """The first records, which decide how a file is read, have no cities."""
    records: dict[str, dict[str, Any]] = {f'1.{high}.{low}.0/24': {'country': 'FR'} for high in range(1, 6) for low in range(250)}
    records['9.9.9.0/24'] = {'country': 'FR', 'city': 'Lyon'}
    assert place(places(write_mmdb(tmp_path / 'x.mmdb', records)), '9.9.9.9')[:2] == LYON[:2]


@pytest.mark.parametrize(
    ('names', 'expected'),
    [({'en': 'Cologne', 'de': 'Köln'}, 'Cologne'), ({'de': 'Köln', 'fr': 'Cologne'}, 'Köln'), ({}, ''), ({'de': 7}, '')],
)
def test_a_city_without_an_english_name_has_its_first(places: Opener, tmp_path: Path, names: object, expected: str) -> None:
    records: dict[str, dict[str, Any]] = {
        '1.1.1.0/24': {'country': {'iso_code': 'DE'}, 'city': {'names': {'de': 'Bonn'}}},
        '1.1.2.0/24': {'country': {'iso_code': 'DE'}, 'city': {'names': names}},
    }
    source = places(write_mmdb(tmp_path / 'x.mmdb', records))
    assert [place(source, address)[1] for address in ('1.1.1.1', '1.1.2.1')] == ['Bonn', expected]


VALUES = st.sampled_from(
    ['FR', 'DE', 'France', '', '45.7', 'nan', ' 4', '1_0', 48.5, 91.0, 7, 2**64, True, b'FR', [], ['FR'], {}, {'en': 'Lyon'}]
)
RECORDS = st.dictionaries(
    st.sampled_from(['country', 'country_code', 'city', 'location', 'latitude', 'longitude', 'lat', 'lng', 'lon']),
    VALUES | st.dictionaries(st.sampled_from(['iso_code', 'names', 'latitude', 'longitude']), VALUES),
)


@given(st.lists(RECORDS, min_size=1, max_size=6))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_readers_agree_on_any_records(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    pytest.importorskip('maxminddb_rust', reason='needs maxminddb-rust: install the extra `fast`')
    first: dict[str, Any] = {'country': {'iso_code': 'FR'}}
    file = write_mmdb(tmp_path / 'x.mmdb', {f'1.1.{number}.0/24': record for number, record in enumerate([first, *records])})
    addresses = pl.Series([f'1.1.{number}.1' for number in range(len(records) + 1)])
    assert open_places(file).locate(addresses).rows() == open_with_python(file).locate(addresses).rows()


def test_an_address_without_a_country_is_unlocated(places: Opener, tmp_path: Path) -> None:
    location = {'latitude': 50.0, 'longitude': 8.0}
    records: dict[str, dict[str, Any]] = {
        '1.1.1.0/24': {'country': {'iso_code': 'EU'}, 'location': location},
        '1.1.2.0/24': {'location': location},
        '1.1.3.0/24': {'country': {'iso_code': 'DE'}, 'location': location},
    }
    source = places(write_mmdb(tmp_path / 'x.mmdb', records))
    assert [place(source, address) for address in ('1.1.1.1', '1.1.2.1', '9.9.9.9')] == [NOWHERE] * 3
    assert place(source, '1.1.3.1') == ('DE', '', 50.0, 8.0)


def test_zero_has_one_sign(places: Opener, tmp_path: Path) -> None:
    """0.0 and -0.0 would be two places on the map."""
    record = {'country': {'iso_code': 'GB'}, 'location': {'latitude': 51.5, 'longitude': -0.001}}
    assert str(place(places(write_mmdb(tmp_path / 'x.mmdb', {'1.1.1.0/24': record})), '1.1.1.1')[3]) == '0.0'


def test_ipv6_is_unlocated_in_an_ipv4_database(places: Opener, tmp_path: Path) -> None:
    file = write_mmdb(tmp_path / 'x.mmdb', {'1.1.1.0/24': {'country': {'iso_code': 'FR'}}}, version=4)
    result = places(file).locate(pl.Series(['2001:218::1', '1.1.1.1', '::ffff:1.1.1.1']))
    assert result['country'].to_list() == ['', 'FR', 'FR']


def error_of(database: Path) -> str:
    """The message of the error for a database, which is one line."""
    with pytest.raises(SettingsError) as raised:
        open_places(database)
    line = str(raised.value)
    assert '\n' not in line
    assert line.startswith(f'{database}: ')
    return line


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert re.search('No such file.*USAGE_GEO_DATABASE', error_of(tmp_path / 'missing.mmdb'))
    assert re.search('Is a directory.*USAGE_GEO_DATABASE', error_of(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason='needs a user other than root, who reads every file')
def test_a_file_without_permission_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / 'x.mmdb'
    file.touch(mode=0)
    assert 'Permission denied' in error_of(file)


@pytest.mark.parametrize('content', [b'', b'404 Not Found', CITIES.read_bytes()[:-1000], CITIES.read_bytes()[1000:]])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / 'x.mmdb'
    file.write_bytes(content)
    assert 'fetch it again' in error_of(file)


@pytest.mark.parametrize(
    ('kind', 'record'),
    [
        ('GeoLite2-ASN', {'autonomous_system_number': 1}),
        ('GeoIP2-ISP', {'isp': 'An ISP', 'autonomous_system_number': 1}),
        ('GeoIP2-Connection-Type', {'connection_type': 'Cable/DSL'}),
        ('GeoIP2-Domain', {'domain': 'example.org'}),
        ('ipinfo generic_asn_free.mmdb', {'asn': 'AS1', 'name': 'An ISP', 'domain': 'example.org'}),
        ('GeoLite2-City', {'city': {'names': {'en': 'Paris'}}}),
        ('countries', {'country': 'France'}),
        ('sing-geoip', 'fr'),
    ],
)
def test_a_database_without_countries_is_one_line(tmp_path: Path, kind: str, record: Any) -> None:
    assert kind in error_of(write_mmdb(tmp_path / 'x.mmdb', {'1.1.1.0/24': record}, kind))


@pytest.mark.parametrize('wrong', [b'FR', 7, 2**127, ['FR'], {'FR': 'FR'}, True])
def test_a_record_with_wrong_types_is_unlocated_and_affects_no_other(places: Opener, tmp_path: Path, wrong: object) -> None:
    good = {'country': {'iso_code': 'FR'}, 'city': {'names': {'en': 'Paris'}}, 'location': {'latitude': 48.5, 'longitude': 2.5}}
    odd = {'country': {'iso_code': wrong}, 'city': {'names': {'en': wrong}}, 'location': {'latitude': wrong, 'longitude': wrong}}
    file = write_mmdb(tmp_path / 'x.mmdb', {'1.1.1.0/24': good, '2.2.2.0/24': odd})
    result = places(file).locate(pl.Series(['2.2.2.2', '1.1.1.1']))
    assert result.rows() == [NOWHERE, ('FR', 'Paris', 48.5, 2.5)]


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, CITIES.stat().st_size - 1), st.integers(0, 255)), min_size=1, max_size=300))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_records_are_unlocated(places: Opener, tmp_path: Path, damage: list[tuple[int, int]]) -> None:
    content = bytearray(CITIES.read_bytes())
    for offset, byte in damage:
        content[offset] = byte
    file = tmp_path / 'x.mmdb'
    file.write_bytes(content)
    try:
        source = places(file)
    except SettingsError:
        return
    addresses = pl.Series(networks()[::5])
    result = source.locate(addresses)
    assert len(result) == len(addresses)
    assert result.null_count().sum_horizontal().item() == 0
    assert result.select(pl.col('latitude').is_between(-90, 90).all(), pl.col('longitude').is_between(-180, 180).all()).row(
        0
    ) == (
        True,
        True,
    )


def test_a_file_may_be_overwritten_while_it_is_in_use(places: Opener, tmp_path: Path) -> None:
    file = tmp_path / 'x.mmdb'
    file.write_bytes(CITIES.read_bytes())
    source = places(file)
    file.write_bytes(b'')
    assert place(source, '81.2.69.160') == ('GB', 'London', 51.51, -0.09)


def test_without_a_file_countries_are_located() -> None:
    source = open_places(None)
    amsterdam = ['193.0.6.139', '2001:67c:2e8:22::c100:68b']  # the registry of Europe
    netherlands = COUNTRIES.row(by_predicate=pl.col('country') == 'NL')
    assert [place(source, address) for address in amsterdam] == [('NL', '', *netherlands[1:])] * 2


def test_every_country_has_coordinates() -> None:
    assert len(COUNTRIES) == 250
    assert COUNTRIES['country'].is_unique().all()
    assert COUNTRIES['country'].str.contains('^[A-Z]{2}$').all()
    codes = set(iptocc.country_code([f'{first}.{second}.0.1' for first in range(1, 224) for second in range(256)]))
    assert len(codes) > 180
    assert codes - {None, 'EU'} <= set(COUNTRIES['country'])  # EU: addresses without a single country


@pytest.mark.parametrize(
    ('country', 'south', 'west', 'north', 'east'),
    [
        ('FJ', -19, 177, -16, 180),
        ('FR', 43, -2, 51, 8),
        ('GB', 50, -8, 59, 2),
        ('GF', 2, -55, 6, -51),
        ('NA', -29, 11, -17, 25),
        ('NP', 26, 80, 31, 89),
        ('NZ', -47, 166, -34, 179),
        ('RU', 50, 60, 70, 120),
        ('US', 25, -125, 49, -67),
        ('XK', 42, 20, 43, 22),
    ],
)
def test_the_coordinates_of_a_country_are_within_it(country: str, south: int, west: int, north: int, east: int) -> None:
    _, latitude, longitude = COUNTRIES.row(by_predicate=pl.col('country') == country)
    assert south < latitude < north
    assert west < longitude < east
