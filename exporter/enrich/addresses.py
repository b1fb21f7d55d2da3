"""Parses IP addresses, and writes them in canonical form."""

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

import polars as pl

OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
IPV4 = rf'^{OCTET}(?:\.{OCTET}){{3}}$'
MAPPED = b'\0' * 10 + b'\xff\xff'  # ::ffff:0:0/96, IPv4 as an IPv6 socket sees it (RFC 4291, section 2.5.5.2)


def address_bytes(address: str) -> bytes | None:
    """The 4 bytes of an IPv4 address, also if written as ::ffff:1.2.3.4, the 16 bytes of an IPv6 address, or None."""
    try:
        return inet_pton(AF_INET, address)
    except (OSError, ValueError):  # ValueError: a NUL byte or a lone surrogate
        pass
    try:
        ipv6 = inet_pton(AF_INET6, address.partition('%')[0])  # without the zone of a link-local address
    except (OSError, ValueError):
        return None
    return ipv6.removeprefix(MAPPED)


def is_ipv4(addresses: pl.Series) -> pl.Series:
    """Whether each text is an IPv4 address in canonical form. Most are, and the pattern runs in Rust."""
    return addresses.str.contains(IPV4)


def canonical(addresses: pl.Series) -> pl.Series:
    """The canonical form of each address (RFC 5952), an IPv4 address for an IPv4-mapped one; null if it is not an IP address."""

    def canonical_text(address: str | None) -> str | None:
        parsed = address_bytes(address) if address else None
        return inet_ntop(AF_INET if len(parsed) == 4 else AF_INET6, parsed) if parsed else None

    is_canonical = is_ipv4(addresses)
    others = [canonical_text(address) for address in addresses.set(is_canonical, None).to_list()]
    return addresses.zip_with(is_canonical, pl.Series(others, dtype=pl.String)).alias('address')
