"""The caller behind proxies: a header is believed from trusted proxies only, and read from right to left."""

import ipaddress
import random
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.config import PortalRules
from exporter.enrich.addresses import address_bytes
from exporter.enrich.callers import Callers, TrustedProxies, resolve, trusted_proxies
from exporter.enrich.enrichment import check_rules
from exporter.errors import SettingsError

TEN = trusted_proxies(['10.0.0.0/8'])
DEFAULT = trusted_proxies(PortalRules().trusted_proxies)


@pytest.mark.parametrize(
    ('peer', 'header', 'caller'),
    [
        ('10.0.0.1', '198.51.100.9, 203.0.113.5, 10.0.0.2', '203.0.113.5'),
        ('203.0.113.5', '198.51.100.9', '203.0.113.5'),
        ('10.0.0.1', '10.0.0.9, 10.0.0.2', '10.0.0.9'),
        ('10.0.0.1', '198.51.100.9, unknown, 10.0.0.2', '10.0.0.2'),
        ('', '198.51.100.9, 10.0.0.2', '198.51.100.9'),
    ],
)
def test_the_header_is_read_from_right_to_left(peer: str, header: str, caller: str) -> None:
    assert resolve(peer, header, TEN) == caller


@pytest.mark.parametrize('header', ['', '-'])
@pytest.mark.parametrize('peer', ['10.0.0.1', '203.0.113.5', 'host.example.org', '', '-', 'unix:', '<b>'])
def test_without_a_header_the_caller_is_the_peer(peer: str, header: str) -> None:
    assert resolve(peer, header, TEN) == peer


@pytest.mark.parametrize(
    ('header', 'caller'),
    [
        ('192.0.2.7:443', '192.0.2.7'),
        ('[2001:db8::1]:443', '2001:db8::1'),
        ('"[2001:db8::1]:443"', '2001:db8::1'),
        ('[2001:DB8:0::1]', '2001:db8::1'),
        ('2001:db8::1', '2001:db8::1'),
        ('"192.0.2.7"', '192.0.2.7'),
        (' \t192.0.2.7 ', '192.0.2.7'),
        ('198.51.100.9,192.0.2.7 ,10.0.0.3:80', '192.0.2.7'),
        ('::ffff:192.0.2.7', '192.0.2.7'),
        ('[::ffff:192.0.2.7]:80', '192.0.2.7'),
        ('192.0.2.7, ::ffff:10.0.0.2', '192.0.2.7'),  # a trusted one
        ('for=192.0.2.7', '192.0.2.7'),
        ('for=192.0.2.7;proto=https;by=203.0.113.43', '192.0.2.7'),
        ('proto=https; For = "192.0.2.7:8080" ; by=10.0.0.1', '192.0.2.7'),
        ('for="[2001:db8::1]:4711"', '2001:db8::1'),
        ('FOR="[2001:db8::1]";host=data.example.org, for=10.0.0.2', '2001:db8::1'),
        ('for=192.0.2.7:_port', '192.0.2.7'),
        ('for=198.51.100.9, for=192.0.2.7;by=10.0.0.7, for="10.0.0.2:80"', '192.0.2.7'),
    ],
)
def test_every_way_to_write_an_address(header: str, caller: str) -> None:
    assert resolve('10.0.0.1', header, TEN) == resolve('', header, TEN) == caller


@pytest.mark.parametrize(
    'entry',
    [
        'unknown', 'Unknown', 'for=unknown', '_hidden', 'for=_hidden', 'for="_gazonk"', 'client.example.org', '192.0.2', '192.0.2.999',
        '192.0.2.7:', '192.0.2.7:port', '192.0.2.7:123456', '[192.0.2.7]', '[2001:db8::1', '2001:db8::1]', '[2001:db8::1]443', '"192.0.2.7',
        'by=192.0.2.7', 'proto=https', 'for=', 'for=192.0.2.7;for=192.0.2.8', '192.0.2.7 192.0.2.8', '-', '', ' ', '\0', 'é', '٣.0.2.7',
        '2001:db8:0:0:0:0:0:1:443',
    ],
)  # fmt: skip
def test_a_malformed_entry_ends_the_search(entry: str) -> None:
    assert resolve('10.0.0.1', f'198.51.100.9, {entry}, 10.0.0.3, 10.0.0.2', TEN) == '10.0.0.3'
    assert resolve('10.0.0.1', f'198.51.100.9, {entry}', TEN) == '10.0.0.1'
    assert resolve('10.0.0.1', f'198.51.100.9, {entry}, 203.0.113.5', TEN) == '203.0.113.5'


@pytest.mark.parametrize(
    ('header', 'caller'),
    [
        ('192.0.2.7', '192.0.2.7'),
        ('198.51.100.9, 203.0.113.5', '203.0.113.5'),  # an untrusted peer
        ('10.0.0.9, 10.0.0.2', '10.0.0.9'),
        ('198.51.100.9, client.example.org', 'client.example.org'),
        ('198.51.100.9, <b>', '<b>'),  # to be rejected
        ('198.51.100.9, 192.0.2.7:port', '192.0.2.7:port'),
        ('198.51.100.9, unknown', ''),
        ('198.51.100.9, for=_hidden', ''),
        ('198.51.100.9, -', ''),
        ('198.51.100.9, ', ''),
    ],
)
@pytest.mark.parametrize('peer', ['', '-'])
def test_if_no_peer_is_logged_the_rightmost_entry_is_the_peer(peer: str, header: str, caller: str) -> None:
    assert resolve(peer, header, TEN) == caller


@pytest.mark.parametrize(
    'peer', ['client.example.org', 'localhost', '10.0.0.1:80', '10.0.0', '<b>', '203.0.113.5', '::2', ' 10.0.0.1']
)
def test_the_header_of_any_other_peer_is_ignored(peer: str) -> None:
    assert resolve(peer, '192.0.2.7', TEN) == peer


def test_a_unix_socket_is_trusted_as_loopback_is() -> None:
    for peer in ('unix:', 'unix:/run/nginx.sock', '127.0.0.1', '::1', '127.9.9.9'):
        assert resolve(peer, '192.0.2.7', DEFAULT) == '192.0.2.7'
        assert resolve(peer, '192.0.2.7', trusted_proxies(['private'])) == peer
        assert resolve(peer, 'unknown', DEFAULT) == peer


@pytest.mark.parametrize(
    ('address', 'trusted'),
    [
        ('9.255.255.255', False), ('10.0.0.0', True), ('10.255.255.255', True), ('11.0.0.0', False),
        ('172.15.255.255', False), ('172.16.0.0', True), ('172.31.255.255', True), ('172.32.0.0', False),
        ('192.167.255.255', False), ('192.168.0.0', True), ('192.168.255.255', True), ('192.169.0.0', False),
        ('100.63.255.255', False), ('100.64.0.0', True), ('100.127.255.255', True), ('100.128.0.0', False),
        ('169.254.1.1', True), ('126.255.255.255', False), ('127.0.0.1', True), ('128.0.0.0', False),
        ('::', False), ('::1', True), ('::2', False), ('fbff::', False), ('fc00::', True), ('fdff:ffff::1', True), ('fe00::', False),
        ('fe80::1', True), ('fe80::1%eth0', True), ('fec0::', False), ('::ffff:10.0.0.1', True), ('::ffff:11.0.0.1', False),
        ('2001:db8::1', False), ('192.0.2.1', False),
    ],
)  # fmt: skip
def test_private_and_loopback_addresses_are_trusted_by_default(address: str, trusted: bool) -> None:
    assert (address_bytes(address) in DEFAULT) == trusted
    assert resolve(address, '203.0.113.5', DEFAULT) == ('203.0.113.5' if trusted else address)


def test_no_proxy_may_be_trusted() -> None:
    nobody = trusted_proxies([])
    assert resolve('10.0.0.1', '192.0.2.7', nobody) == '10.0.0.1'
    assert resolve('127.0.0.1', '192.0.2.7', nobody) == '127.0.0.1'
    assert resolve('', '198.51.100.9, 192.0.2.7', nobody) == '192.0.2.7'


def test_ipv4_mapped_networks_are_ipv4() -> None:
    mapped = trusted_proxies(['::ffff:10.0.0.0/104', '::ffff:192.0.2.7'])
    assert [address_bytes(address) in mapped for address in ('10.9.9.9', '192.0.2.7', '192.0.2.8', '::a00:1')] == [
        True, True, False, False,
    ]  # fmt: skip


NETWORKS = st.ip_addresses().flatmap(
    lambda address: st.integers(0, address.max_prefixlen).map(lambda bits: ipaddress.ip_network((address, bits), strict=False))
)


@given(st.lists(NETWORKS, max_size=8), st.lists(st.ip_addresses(), max_size=8))
def test_membership_is_that_of_ipaddress(networks: list[ipaddress.IPv4Network], addresses: list[ipaddress.IPv4Address]) -> None:
    proxies = TrustedProxies(networks)
    edges = [edge for network in networks for edge in (network.network_address, network.broadcast_address)]
    for address in (*addresses, *edges):
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            continue
        assert (address.packed in proxies) == any(address in network for network in networks)


# an independent resolver, written from the rules alone

PORT = re.compile(r'(.*):(\d{1,5}|_[\w.-]+)', re.ASCII)


def parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, 'ipv4_mapped', None) or address


def oracle(peer: str, header: str, networks: list[str]) -> str:
    """Goes through the chain as a list of hops, nearest first."""
    nets = [ipaddress.ip_network(network) for network in networks]

    def is_trusted(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return any(address in net for net in nets)

    def hop(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        text = text.strip()
        if re.search(r'=', text):
            parameters = re.findall(r'(?:^|;)\s*for\s*=\s*([^;]*)', text, re.IGNORECASE)
            if len(parameters) != 1:
                return None
            text = parameters[0].strip()
        if re.fullmatch('".*"', text):
            text = text[1:-1]
        if address := parsed(text):
            return address
        if bracketed := re.fullmatch(r'\[([^]]*)\](?::.*)?', text):
            if text.endswith(']') or PORT.fullmatch(text):
                address = parsed(bracketed[1])
                return address if ':' in bracketed[1] else None
            return None
        with_port = PORT.fullmatch(text)
        return parsed(with_port[1]) if with_port and ':' not in with_port[1] else None

    if header in ('', '-'):
        return peer
    hops = [hop(entry) for entry in header.split(',')][::-1]
    if peer in ('', '-'):
        if hops[0] is None:
            return 'peer of the header'
    else:
        first = parsed(peer)
        if peer.startswith('unix:'):
            first = ipaddress.ip_address('127.0.0.1')
        if first is None or not is_trusted(first):
            return peer
    looked_at: str = peer
    for address in hops:
        if address is None:
            return looked_at
        looked_at = str(address)
        if not is_trusted(address):
            return looked_at
    return looked_at


TRUSTED = ['10.0.0.0/8', '127.0.0.0/8', 'fd00::/8', '203.0.113.0/24']
PROXIES = ['10.0.0.1', '10.255.0.9', '127.0.0.1', 'fd00::5', '203.0.113.200', '::ffff:10.1.1.1']
OTHERS = ['192.0.2.7', '198.51.100.9', '2001:db8::1', '203.0.114.1', '::ffff:192.0.2.9', '8.8.8.8', '2001:db8:1:2:3:4:5:6']
BROKEN = [
    'unknown',
    '_x',
    '',
    '-',
    'a.example.org',
    '1.2.3',
    '[10.0.0.1]',
    '10.0.0.1:x',
    '[fd00::5',
    'by=10.0.0.1',
    '"10.0.0.1',
    '::1::',
]


def written(rng: random.Random, address: str) -> str:
    """An address in one of the ways in which proxies write it."""
    forms = [address, f' {address}\t', f'"{address}"']
    if ':' in address:
        node = f'[{address.upper()}]'
        forms += [node, f'{node}:443', f'"{node}:{rng.randrange(65536)}"', f'for="{node}"', f'proto=https;For="{node}:_p"']
    else:
        forms += [
            f'{address}:{rng.randrange(65536)}',
            f'for={address}',
            f'for="{address}:80";by=10.0.0.1',
            f'by=_b; for={address} ;proto=http',
        ]
    return rng.choice(forms)


def chains(rng: random.Random, number: int) -> list[tuple[str, str]]:
    """Peers and headers: mostly trusted proxies on the right, sometimes broken entries."""
    result = []
    for _ in range(number):
        peer = rng.choice([*PROXIES, *PROXIES, *OTHERS, 'unix:', '', '-', 'host.example.org', '1.2.3'])
        entries = [
            written(rng, rng.choice(PROXIES if rng.random() < 0.6 else OTHERS)) if rng.random() < 0.9 else rng.choice(BROKEN)
            for _ in range(rng.randrange(7))
        ]
        result.append((peer, rng.choice([',', ', ']).join(entries) if rng.random() < 0.95 else '-'))
    return result


def same(caller: str, expected: str) -> bool:
    return caller == expected or (parsed(caller) is not None and parsed(caller) == parsed(expected))


def test_ten_thousand_chains_agree_with_an_independent_resolver() -> None:
    generated = chains(random.Random(1), 10_000)
    proxies = trusted_proxies(TRUSTED)
    expected = [oracle(peer, header, TRUSTED) for peer, header in generated]
    callers = [resolve(peer, header, proxies) for peer, header in generated]
    wrong = [
        (chain, caller, right)
        for chain, caller, right in zip(generated, callers, expected, strict=True)
        if right != 'peer of the header' and not same(caller, right)
    ]
    assert wrong == []
    assert expected.count('peer of the header') < 500
    assert len(set(expected)) > 20
    peers, headers = map(list, zip(*generated, strict=True))
    assert Callers(proxies)(pl.Series(peers), pl.Series(headers)).to_list() == callers


TEXT = st.text() | st.sampled_from([*PROXIES, *OTHERS, *BROKEN, 'unix:'])
HEADER = st.lists(TEXT, max_size=6).map(','.join) | st.text()


@given(TEXT, HEADER)
@example('', ',')
@example('10.0.0.1', '::ffff:0.0.0.0')
def test_the_caller_is_the_peer_or_an_address_of_the_header(peer: str, header: str) -> None:
    caller = resolve(peer, header, TEN)
    if peer in ('', '-'):
        assert caller == peer or caller == '' or address_bytes(caller) or caller in header
    else:
        assert caller == peer or (address_bytes(peer) in TEN and address_bytes(caller))


@given(st.sampled_from(OTHERS), HEADER, st.lists(st.sampled_from(PROXIES), max_size=3))
def test_nothing_that_a_caller_sends_changes_who_called(caller: str, sent: str, proxies: list[str]) -> None:
    """The proxies append what they see, so the caller writes only to the left of its own address."""
    trusted = trusted_proxies(TRUSTED)
    honest = resolve('10.0.0.1', ', '.join([caller, *proxies]), trusted)
    assert resolve('10.0.0.1', ', '.join([sent, caller, *proxies]), trusted) == honest
    assert address_bytes(honest) == address_bytes(caller)


@given(st.lists(st.tuples(TEXT, HEADER), max_size=12))
def test_many_calls_are_resolved_as_each_of_them(calls: list[tuple[str, str]]) -> None:
    frame = pl.DataFrame(calls, {'ip': pl.String, 'forwarded': pl.String}, orient='row')
    callers = Callers(TEN)
    for _ in range(2):  # the second time from memory
        resolved = callers(frame['ip'], frame['forwarded'])
        assert (resolved.name, resolved.to_list()) == ('ip', [resolve(*call, TEN) for call in calls])


# the setting


def test_a_file_has_one_network_per_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path('cdn.txt').write_bytes(b'\xef\xbb\xbf# published ranges\r\n198.51.100.0/24\r\n\r\n  2001:db8::/32  # IPv6\r\n192.0.2.7')
    proxies = trusted_proxies(['@cdn.txt', 'loopback'])
    addresses = ('198.51.100.200', '2001:db8:ffff::1', '192.0.2.7', '127.0.0.1', '192.0.2.8', '10.0.0.1')
    assert [address_bytes(address) in proxies for address in addresses] == [True, True, True, True, False, False]
    assert address_bytes('192.0.2.7') in trusted_proxies([f'@{tmp_path / "cdn.txt"}'])


@pytest.mark.parametrize(
    ('word', 'message'),
    [
        ('10.0.0', "trusted_proxies: invalid network '10.0.0'; write it as 192.0.2.7 or 2001:db8::/32"),
        ('10.0.0.1/8', "trusted_proxies: invalid network '10.0.0.1/8'; write it as 10.0.0.0/8"),
        ('Private', "trusted_proxies: invalid network 'Private'; write it as 192.0.2.7 or 2001:db8::/32"),
        ('a\x1b[31m\nb', "trusted_proxies: invalid network 'a?[31m?b'; write it as 192.0.2.7 or 2001:db8::/32"),
        ('@gone.txt', 'trusted_proxies: gone.txt: cannot read the networks (No such file or directory); name a file with one network per line after the @'),
        ('@', 'trusted_proxies: .: cannot read the networks (Is a directory); name a file with one network per line after the @'),
        ('@latin', 'trusted_proxies: latin: cannot read the networks (not text); name a file with one network per line after the @'),
        ('@bad', "trusted_proxies: bad, line 2: invalid network 'private'; write it as 192.0.2.7 or 2001:db8::/32"),
    ],
)  # fmt: skip
def test_an_invalid_network_or_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path('latin').write_bytes(b'\xe9')
    Path('bad').write_text('10.0.0.0/8\nprivate\n')
    with pytest.raises(SettingsError) as error:
        check_rules(PortalRules(trusted_proxies=('loopback', word)))
    assert str(error.value) == message
