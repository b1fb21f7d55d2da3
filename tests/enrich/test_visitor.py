"""The same key gives the same visitors; without it a visitor reveals nothing of the address."""

import ipaddress
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.enrich.visitor import PER_PORTAL, VisitorKey, has_key_per_portal, load_visitor_secret, valid, visitors
from exporter.errors import SettingsError

KEY = bytes(range(32))
SECRET = 'a secret of all our hosts'


def visitor(address: str, key: bytes = KEY) -> int:
    return int(visitors(pl.Series([address]), key).item())


@pytest.mark.parametrize(
    ('address', 'expected'),
    [
        ('192.0.2.1', 5826841534965798003),
        ('2001:db8::1', 2389759218102579554),
        ('client.example.org', 10306234737301126618),
        ('-', 6201731956601172426),
    ],
)
def test_hashes_never_change(address: str, expected: int) -> None:
    """The vectors are those of `openssl mac -macopt size:8 BLAKE2BMAC`."""
    assert visitor(address) == expected


@given(st.ip_addresses(v=6, network='2000::/3'), st.integers(0, 2**64 - 1))
def test_a_64_prefix_is_one_visitor(address: ipaddress.IPv6Address, host: int) -> None:
    neighbour = ipaddress.IPv6Address(int(address) >> 64 << 64 | host)
    elsewhere = ipaddress.IPv6Address(int(address) ^ 1 << 64)
    assert visitor(str(neighbour)) == visitor(str(address)) == visitor(address.exploded.upper())
    assert visitor(str(elsewhere)) != visitor(str(address))


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_an_ipv4_address_is_one_visitor(one: ipaddress.IPv4Address, other: ipaddress.IPv4Address) -> None:
    assert visitor(f'::ffff:{one}') == visitor(str(one))
    assert (visitor(str(one)) == visitor(str(other))) == (one == other)


def test_a_host_name_is_one_visitor_in_any_case() -> None:
    assert visitor('Client.Example.org') == visitor('client.example.org') == visitor('client.example.org.')
    assert visitor('client.example.org') != visitor('client.example.net')


def test_calls_without_an_address_are_one_visitor() -> None:
    assert visitor('') == visitor('-') == visitor('unix:') == visitor('unix:/run/nginx.sock')
    assert visitor('-') not in {visitor('0.0.0.0'), visitor('::'), visitor('n'), visitor('localhost')}


@given(st.ip_addresses().map(str) | st.text())
def test_another_key_gives_other_visitors(address: str) -> None:
    assert visitor(address) != visitor(address, KEY[::-1])


@given(st.lists(st.ip_addresses().map(str) | st.text()))
def test_each_row_is_hashed_and_checked_independently(addresses: list[str]) -> None:
    column = pl.Series(addresses, dtype=pl.String)
    assert visitors(column, KEY).to_list() == [visitor(address) for address in addresses]
    assert valid(column).to_list() == [valid(pl.Series([address])).item() for address in addresses]
    assert visitors(column, KEY).dtype == pl.UInt64
    assert valid(column).dtype == pl.Boolean


@pytest.mark.parametrize(
    'address',
    ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1', 'fe80::1%eth0', 'localhost', 'Client-1.example.org', 'a_b.example.org.',
     '4.3.2.1.in-addr.arpa', 'xn--bcher-kva.example', 'a' * 253, '', '-', 'unix:', 'unix:/run/a b.sock'],
)  # fmt: skip
def test_addresses_host_names_and_no_address_are_valid(address: str) -> None:
    assert valid(pl.Series([address])).item()


@pytest.mark.parametrize(
    'address',
    ['192.0.2', '999.1.1.1', '1.2.3.4.5', '12345', '2001:db8::1::', '192.0.2.1:80', '[::1]', 'a b', 'a..b', '.a', 'GET /',
     'user@example.org', 'bücher.example', '<script>', 'a' * 254, 'localhost\n', '\x16\x03\x01', '--'],
)  # fmt: skip
def test_anything_else_is_invalid(address: str) -> None:
    assert not valid(pl.Series([address])).item()


def test_a_key_is_created_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    data_dir = tmp_path / 'new' / 'data'
    key = load_visitor_secret(data_dir, None)
    assert len(key) == 32
    assert load_visitor_secret(data_dir, None) == load_visitor_secret(data_dir, '') == key
    assert stat.S_IMODE((data_dir / 'secret').stat().st_mode) == 0o600
    assert [file.name for file in data_dir.iterdir()] == ['secret']


def test_keys_of_two_installations_differ(tmp_path: Path) -> None:
    assert load_visitor_secret(tmp_path / 'one', None) != load_visitor_secret(tmp_path / 'other', None)


def test_concurrent_first_starts_use_one_key(tmp_path: Path) -> None:
    for turn in range(20):
        at_once = Barrier(4)

        def start(data_dir: Path, at_once: Barrier = at_once) -> bytes:
            at_once.wait()
            return load_visitor_secret(data_dir, None)

        with ThreadPoolExecutor(4) as starts:
            keys = set(starts.map(start, [tmp_path / str(turn)] * 4))
        assert len(keys) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_visitor_secret(tmp_path, None)
    (tmp_path / 'secret').chmod(0o640)
    with pytest.raises(SettingsError, match=r'secret: .*chmod 600'):
        load_visitor_secret(tmp_path, None)


@pytest.mark.parametrize('text', ['', '00', 'z' * 64, '0' * 63, '0' * 64 + '\n0', '\xff'])
def test_a_damaged_key_is_refused_and_not_changed(tmp_path: Path, text: str) -> None:
    file = tmp_path / 'secret'
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(SettingsError, match='secret: invalid key; restore it') as raised:
        load_visitor_secret(tmp_path, None)
    assert '\n' not in str(raised.value)
    assert file.read_text() == text


def test_a_data_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(SettingsError, match='set USAGE_SECRET') as raised:
        load_visitor_secret(tmp_path / 'file', None)
    assert '\n' not in str(raised.value)


def test_the_same_secret_gives_the_same_key_on_every_host(tmp_path: Path) -> None:
    assert (
        load_visitor_secret(tmp_path / 'one', SECRET)
        == load_visitor_secret(tmp_path / 'other', SECRET)
        != load_visitor_secret(tmp_path, SECRET + '!')
    )
    assert load_visitor_secret(tmp_path, SECRET).hex() == '70c52258fca1d49f4d4e0b690c70f8dd9d80c7191827413e0c0070fd103744c3'
    assert list(tmp_path.iterdir()) == []


def test_a_short_secret_is_refused_and_not_repeated(tmp_path: Path) -> None:
    assert load_visitor_secret(tmp_path, 'x' * 16)
    with pytest.raises(SettingsError, match='USAGE_SECRET') as raised:
        load_visitor_secret(tmp_path, 'x' * 15)
    assert 'x' * 15 not in str(raised.value)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.booleans(), st.booleans())
def test_a_key_id_identifies_a_key(one: bytes, other: bytes, is_shared: bool, other_is_shared: bool) -> None:
    keys = VisitorKey(one, is_shared), VisitorKey(other, other_is_shared)
    assert (keys[0].id == keys[1].id) == (keys[0] == keys[1])
    assert all(len(key.id) == 8 and int(key.id, 16) >= 0 for key in keys)


def test_keys_and_their_ids_never_change() -> None:
    shared, per_portal = VisitorKey(KEY, is_shared=True), VisitorKey(KEY, is_shared=False)
    assert (shared.id, per_portal.id) == ('41a0321e', '570e19fc')
    assert shared.of('data.example.org') == shared.of('open.example.net') == KEY
    assert per_portal.of('data.example.org').hex() == '525041fdaaed1934deef89a8ef2f118cd4aa3601bd545e1d24e3c6ab4cbbff3b'


@given(st.text(), st.text())
def test_each_portal_has_a_key_of_its_own(one: str, other: str) -> None:
    key = VisitorKey(KEY, is_shared=False)
    assert (key.of(one) == key.of(other)) == (one == other)
    assert key.of(one) != KEY


def test_a_new_file_says_that_each_portal_has_a_key(tmp_path: Path) -> None:
    assert has_key_per_portal(tmp_path)
    key, file = load_visitor_secret(tmp_path, None), tmp_path / 'secret'
    assert file.read_bytes() == key.hex().encode() + b'\n' + PER_PORTAL
    for earlier in (key.hex(), f'{key.hex()}\n'):
        file.write_text(earlier)
        assert not has_key_per_portal(tmp_path)
        assert load_visitor_secret(tmp_path, None) == key
