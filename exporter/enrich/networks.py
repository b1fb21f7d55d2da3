"""Sets of networks, and the settings that list them: `trusted_proxies` and `ignore.networks`."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from itertools import chain
from pathlib import Path

from exporter.enrich.addresses import MAPPED
from exporter.errors import SettingsError

Network = IPv4Network | IPv6Network
NETWORKS = {
    # RFC 1918, RFC 6598 (shared by providers and clouds), RFC 3927 and RFC 4291 (link-local), RFC 4193
    'private': (
        '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', 'fe80::/10', 'fc00::/7',
    ),
    'loopback': ('127.0.0.0/8', '::1'),
}  # fmt: skip


class Networks:
    """A set of networks."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self.ranges: dict[int, tuple[list[bytes], list[bytes]]] = {4: ([], []), 16: ([], [])}  # first and last addresses
        networks = list(networks)
        v4 = collapse_addresses(one for one in networks if isinstance(one, IPv4Network))
        v6 = collapse_addresses(one for one in networks if isinstance(one, IPv6Network))
        for merged in chain[Network](v4, v6):
            first_addresses, last_addresses = self.ranges[merged.max_prefixlen // 8]
            first_addresses.append(merged.network_address.packed)
            last_addresses.append(merged.broadcast_address.packed)

    def __contains__(self, address: bytes | None) -> bool:
        """Whether the bytes of an address are in one of the networks."""
        if address is None:
            return False
        first_addresses, last_addresses = self.ranges[len(address)]
        index = bisect_right(first_addresses, address)
        return index > 0 and address <= last_addresses[index - 1]


def network(text: str) -> Network:
    """A network or a single address; an IPv4-mapped one as IPv4. Raises ValueError if it is neither."""
    parsed = ip_network(text)
    if parsed.version == 6 and parsed.prefixlen >= 8 * len(MAPPED) and parsed.network_address.packed.startswith(MAPPED):
        return IPv4Network((parsed.network_address.packed[len(MAPPED) :], parsed.prefixlen - 8 * len(MAPPED)))
    return parsed


def read_networks(words: Iterable[str], setting: str) -> Iterator[Network]:
    """Yields the networks that a setting lists. Raises SettingsError for an invalid network and for an unreadable file."""
    for word in words:
        if word.startswith('@'):
            yield from _networks_of_file(Path(word[1:]), setting)
        else:
            for text in NETWORKS.get(word, (word,)):
                yield _network(text, setting)


def _networks_of_file(file: Path, setting: str) -> Iterator[Network]:
    try:
        lines = file.read_text(encoding='utf-8-sig').splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else 'not text'
        raise SettingsError(
            f'{setting}: {file}: cannot read the networks ({reason})', 'name a file with one network per line after the @'
        ) from error
    for number, line in enumerate(lines, 1):
        if text := line.partition('#')[0].strip():
            yield _network(text, f'{setting}: {file}, line {number}')


def _network(text: str, place: str) -> Network:
    try:
        return network(text)
    except ValueError:
        shown = re.sub(r'[^ -~]', '?', text[:100])
        raise SettingsError(f'{place}: invalid network {shown!r}', f'write it as {_corrected(text)}') from None


def _corrected(text: str) -> str:
    """The network without the bits after its prefix, or an example of a network."""
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return '192.0.2.7 or 2001:db8::/32'
