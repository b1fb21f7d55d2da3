"""An address is parsed to the same bytes in every notation."""

import ipaddress

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.enrich.addresses import address_bytes, canonical

ADDRESSES = st.ip_addresses(v=4) | st.ip_addresses(v=6)


@given(ADDRESSES)
def test_addresses_are_parsed_as_by_the_standard_library(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    mapped = getattr(address, 'ipv4_mapped', None)
    assert address_bytes(str(address)) == (mapped or address).packed
    assert address_bytes(address.exploded) == address_bytes(str(address).upper()) == address_bytes(str(address))


@given(st.ip_addresses(v=4))
def test_an_ipv4_mapped_address_is_ipv4(address: ipaddress.IPv4Address) -> None:
    high, low = address.packed[:2].hex(), address.packed[2:].hex()
    assert address_bytes(f'::ffff:{address}') == address_bytes(f'::FFFF:{high}:{low}') == address.packed
    assert canonical(pl.Series([f'::ffff:{address}', f'::ffff:{high}:{low}'])).to_list() == [str(address)] * 2


@pytest.mark.parametrize(
    'text', ['', '-', 'localhost', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', ' 1.2.3.4', '1::2::3', '[::1]', '1.2.3.4\0']
)
def test_an_invalid_address_is_none(text: str) -> None:
    assert address_bytes(text) is None
    assert canonical(pl.Series([text])).to_list() == [None]


def test_the_zone_of_a_link_local_address_is_left_out() -> None:
    assert address_bytes('fe80::1%eth0') == address_bytes('fe80::1')


@given(st.lists(st.text() | ADDRESSES.map(str) | ADDRESSES.map(lambda address: address.exploded)))
def test_an_address_has_one_canonical_form(texts: list[str]) -> None:
    canonical_texts = canonical(pl.Series(texts, dtype=pl.String)).to_list()
    assert [text and address_bytes(text) for text in canonical_texts] == [address_bytes(text) for text in texts]
    assert canonical(pl.Series(canonical_texts, dtype=pl.String).drop_nulls()).to_list() == [
        text for text in canonical_texts if text
    ]
