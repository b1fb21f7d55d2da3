"""Reads an IP address: its number, and its one spelling."""

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

import polars as pl

PART = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
IPV4 = rf'^{PART}(?:\.{PART}){{3}}$'
MAPPED = b'\0' * 10 + b'\xff\xff'  # ::ffff:0:0/96, IPv4 as an IPv6 socket sees it (RFC 4291, section 2.5.5.2)


def address_bytes(address: str) -> bytes | None:
    """The 4 bytes of an IPv4 address, also of one written ::ffff:1.2.3.4; the 16 of an IPv6 one; None: no address."""
    try:
        return inet_pton(AF_INET, address)
    except (OSError, ValueError):  # ValueError: a zero byte, or half a character
        pass
    try:
        six = inet_pton(AF_INET6, address.partition('%')[0])  # without the zone of a link-local address
    except (OSError, ValueError):
        return None
    return six.removeprefix(MAPPED)


def is_ipv4(addresses: pl.Series) -> pl.Series:
    """Whether each text is an IPv4 address in its one spelling: nearly all are, and a pattern tells it without asking Python."""
    return addresses.str.contains(IPV4)


def canonical(addresses: pl.Series) -> pl.Series:
    """The shortest spelling of each address, IPv4 wherever it is IPv4; null where it is no IP address."""

    def spelled(address: str | None) -> str | None:
        number = address_bytes(address) if address else None
        return inet_ntop(AF_INET if len(number) == 4 else AF_INET6, number) if number else None

    is_spelled = is_ipv4(addresses)
    others = [spelled(address) for address in addresses.set(is_spelled, None).to_list()]
    return addresses.zip_with(is_spelled, pl.Series(others, dtype=pl.String)).alias('address')
