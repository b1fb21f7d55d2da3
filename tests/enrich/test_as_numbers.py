"""AS numbers are found in the databases of all usual vendors."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from files import DATA
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from exporter.enrich import mmdb
from exporter.enrich.as_numbers import HOSTING, open_as_numbers, to_numbers
from exporter.errors import SettingsError

CITIES = DATA / 'GeoLite2-City-Test.mmdb'
ADDRESSES = pl.Series(['192.0.2.7', '::ffff:192.0.2.8', '2001:db8::1', '203.0.113.1', 'unix:', '', 'host.example.org'])
MAXMIND = {'autonomous_system_number': 64496, 'autonomous_system_organization': 'Example AG'}
LAYOUTS = [
    MAXMIND,
    {'asn': 'AS64496', 'name': 'Example AG', 'domain': 'example.org', 'type': 'isp'},  # IPinfo
    {'asn': 'AS64496', 'as_name': 'Example AG', 'country': 'Germany', 'country_code': 'DE'},  # IPinfo Lite
]


@pytest.fixture(params=['fast', 'python'])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lookup with and without the extra `fast`."""
    if request.param == 'python':
        monkeypatch.setattr('exporter.enrich.as_numbers.rust_reader', lambda *_: None)
    assert mmdb.LOOKUP_SIZE


def database(folder: Path, record: dict[str, Any]) -> Path:
    """Writes a database with one record for two networks."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type='Example-ASN')
    writer.insert_network(IPSet(['192.0.2.0/24', '2001:db8::/32']), record)
    path = folder / 'networks.mmdb'
    writer.to_db_file(str(path))
    return path


@pytest.mark.usefixtures('reader')
@pytest.mark.parametrize('record', LAYOUTS)
def test_a_network_is_found_in_each_layout(tmp_path: Path, record: dict[str, Any]) -> None:
    networks = open_as_numbers(database(tmp_path, record))
    known, unknown = (64496, 'Example AG'), (0, '')
    assert networks.locate(ADDRESSES).rows() == [known, known, known, unknown, unknown, unknown, unknown]
    assert networks.locate(ADDRESSES.clear()).rows() == []
    assert networks.name == 'Example-ASN'


@pytest.mark.usefixtures('reader')
def test_names_are_one_line_and_not_longer_than_200_characters(tmp_path: Path) -> None:
    names = open_as_numbers(database(tmp_path, {**MAXMIND, 'autonomous_system_organization': 'A\n\0 B' + 'x' * 300}))
    assert names.locate(ADDRESSES[:1]).rows() == [(64496, ('A B' + 'x' * 300)[:200])]


def test_what_is_not_an_as_number_is_unknown() -> None:
    values: list[object] = [
        None,
        True,
        -1,
        0,
        2**32,
        'AS',
        'AS0',
        'ASx',
        '1.5',
        1.5,
        {},
        [1],
        b'1',
        'AS99999999999',
        'AS64496',
        'as1',
        7,
        '8',
    ]
    assert to_numbers(values).to_list() == [0] * 14 + [64496, 1, 7, 8]
    assert to_numbers([64496, 1]).to_list() == [64496, 1]


def test_a_database_of_places_is_refused_in_one_line() -> None:
    with pytest.raises(SettingsError) as error:
        open_as_numbers(CITIES)
    assert str(error.value) == (
        f'{CITIES}: GeoLite2-City contains no AS numbers; '
        'set USAGE_GEO_ASN_DATABASE to a database of AS numbers such as GeoLite2-ASN.mmdb, or unset it'
    )


@pytest.mark.parametrize('content', [None, b'', b'no database' * 1000])
def test_a_missing_or_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / 'networks.mmdb'
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r'cannot be read|not an MMDB database'):
        open_as_numbers(file)


def test_the_hosting_networks_have_a_name_and_a_source() -> None:
    assert HOSTING.columns == ['as_number', 'name', 'source']
    assert HOSTING['as_number'].is_unique().all()
    assert HOSTING['as_number'].is_sorted()
    assert set(HOSTING['source']) <= {'ARIN', 'RIPE', 'APNIC', 'LACNIC', 'AFRINIC'}
    assert HOSTING.null_count().sum_horizontal().item() == 0
