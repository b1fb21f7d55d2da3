"""Reads the setting `trusted_proxies`."""

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from pathlib import Path

from exporter.enrich.callers import Network, TrustedProxies, network
from exporter.errors import SettingsError

NETWORKS = {
    # RFC 1918, RFC 6598 (shared by providers and clouds), RFC 3927 and RFC 4291 (link-local), RFC 4193
    'private': (
        '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', 'fe80::/10', 'fc00::/7',
    ),
    'loopback': ('127.0.0.0/8', '::1'),
}  # fmt: skip


def trusted_proxies(words: Iterable[str]) -> TrustedProxies:
    """The proxies that the setting names. Raises SettingsError for an invalid network and for an unreadable file."""
    return TrustedProxies(one for word in words for one in _networks(word))


def _networks(word: str) -> Iterator[Network]:
    if word.startswith('@'):
        yield from _networks_of_file(Path(word[1:]))
        return
    for text in NETWORKS.get(word, (word,)):
        yield _network(text, 'trusted_proxies')


def _networks_of_file(file: Path) -> Iterator[Network]:
    try:
        lines = file.read_text(encoding='utf-8-sig').splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else 'not text'
        raise SettingsError(
            f'trusted_proxies: {file}: cannot read the networks ({reason})', 'name a file with one network per line after the @'
        ) from error
    for number, line in enumerate(lines, 1):
        if text := line.partition('#')[0].strip():
            yield _network(text, f'trusted_proxies: {file}, line {number}')


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
