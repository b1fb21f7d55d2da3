"""The audiences, networks and referring sites of a log equal an independent count."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

import pytest
from access_logs import CRAWLER, DOMAIN, FIREFOX, imported
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from exporter.store.clickhouse import ClickHouse

CALLS = 20_000
FIRST = datetime(2026, 11, 2, tzinfo=UTC)
CURL, SCRIPT = 'curl/8.11.1', 'Example-Sync/2.0'
NETWORKS = {  # documentation addresses: RFC 5737, RFC 3849; numbers: RFC 5398, and one of a known hosting provider
    '192.0.2.0/24': (64496, 'Example Access'),
    '198.51.100.0/25': (16509, 'Amazon.com, Inc.'),
    '198.51.100.128/25': (64499, 'Example Hosting'),
    '2001:db8::/32': (64497, 'Example University'),
}
SETTINGS = """
geo_asn_database = "{database}"
hosting_networks = ["AS64499"]
hosts = ["*.portal.example.org"]
{more}
[audiences.internal]
networks = ["192.0.2.16/28", "203.0.113.9"]
user_agents = ["example-sync/*"]

[audiences.government]
networks = ["192.0.2.0/25"]
accounts = ["gov-*", "minister"]

[audiences.research]
as_numbers = [64497]
"""
REFERRERS = {  # and the host that is kept
    '-': '',
    '': '',
    'https://www.example.net/page?user=alice': 'www.example.net',
    'http://WWW.Example.NET:8080/': 'www.example.net',
    'https://bob:secret@blog.example.com/a@b': 'blog.example.com',
    f'https://{DOMAIN}/explore/?q=trees': '(own)',
    'https://maps.portal.example.org': '(own)',
    'https://portal.example.org/': 'portal.example.org',  # the pattern has the names below it
    'android-app://com.example.reader/': 'com.example.reader',
    'https://xn--bcher-kva.example/': 'xn--bcher-kva.example',
    'javascript:alert(1)': '',
    'about:blank': '',
    'no host at all': '',
    'https://[2001:db8::1]:443/x': '[2001:db8::1]',
    f'https://{"a" * 256}.example/': '',
    'https://example.net./dot': 'example.net',
    'file:///C:/page.html': '',
}


class Request(NamedTuple):
    """A line of the log, and whose it is by the rules of the documentation."""

    moment: datetime
    ip: str
    account: str
    agent: str
    referrer: str
    dataset: str

    @property
    def caller(self) -> str:
        """The account, else the address, of IPv6 its /64."""
        network = ip_network(f'{self.ip}/64', strict=False) if ':' in self.ip else self.ip
        return self.account or str(network)

    @property
    def network(self) -> tuple[str, int]:
        """The organisation and the number of the network."""
        for text, (number, name) in NETWORKS.items():
            if ip_address(self.ip) in ip_network(text):
                return name, number
        return '', 0

    @property
    def audience(self) -> str:
        """The first audience that has the caller."""
        address = ip_address(self.ip)
        if address in IPv4Network('192.0.2.16/28') or self.ip == '203.0.113.9' or self.agent == SCRIPT:
            return 'internal'
        if address in IPv4Network('192.0.2.0/25') or self.account.startswith('gov-') or self.account == 'minister':
            return 'government'
        return 'research' if self.network[1] == 64497 else ''

    @property
    def is_crawler(self) -> bool:
        """Whether it is a crawler's, which never have an account."""
        return self.agent == CRAWLER and not self.account

    @property
    def is_suspect(self) -> bool:
        """Whether a browser without an account called from a hosting network."""
        return self.agent == FIREFOX and not self.account and self.network[1] in (16509, 64499)

    @property
    def host(self) -> str:
        """The host of the referrer."""
        return REFERRERS[self.referrer]

    def line(self) -> str:
        """The line of the log."""
        time = f'{self.moment:%d/%b/%Y:%H:%M:%S +0000}'
        request = f'GET /explore/dataset/{self.dataset}/ HTTP/1.1'
        return f'{self.ip} - {self.account or "-"} [{time}] "{request}" 200 5 "{self.referrer}" "{self.agent}"\n'


def requests() -> Iterator[Request]:
    chance = random.Random(3)
    for number in range(CALLS):
        ip = chance.choice(
            [
                f'192.0.2.{chance.randrange(256)}',
                f'198.51.100.{chance.randrange(256)}',
                f'203.0.113.{chance.randrange(8, 12)}',
                f'2001:db8:{chance.randrange(9)}::{chance.randrange(9)}',
                f'2001:db9::{chance.randrange(9)}',
            ]
        )
        account = chance.choice([''] * 9 + ['alice', 'gov-bob', 'minister', 'ministers'])
        agent = chance.choice([FIREFOX] * 4 + [CURL, CRAWLER, SCRIPT, '-'])
        moment = FIRST + timedelta(seconds=number * 10)
        yield Request(moment, ip, account, agent, chance.choice(list(REFERRERS)), f'set-{chance.randrange(12)}')


def write_database(path: Path) -> None:
    """Writes NETWORKS as MaxMind does."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type='Example-ASN')
    for network, (number, name) in NETWORKS.items():
        record = {'autonomous_system_number': number, 'autonomous_system_organization': name}
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))


@pytest.fixture
def stored(tmp_path: Path, settings: pytest.MonkeyPatch) -> Callable[[str], list[Request]]:
    """Imports the log with SETTINGS and more of them; returns its requests."""

    def import_with(more: str = '') -> list[Request]:
        write_database(tmp_path / 'networks.mmdb')
        file, log = tmp_path / 'usage-exporter.toml', tmp_path / 'access.log'
        file.write_text(SETTINGS.format(database=tmp_path / 'networks.mmdb', more=more))
        settings.setenv('USAGE_CONFIG', str(file))
        made = list(requests())
        log.write_text(''.join(request.line() for request in made))
        assert imported(log)['stored'] == CALLS
        return made

    return import_with


def counted(requests: list[Request], key: Callable[[Request], object]) -> dict[object, tuple[int, int]]:
    """Calls and users by key."""
    groups = defaultdict[object, list[str]](list)
    for request in requests:
        groups[key(request)].append(request.caller)
    return {name: (len(callers), len(set(callers))) for name, callers in groups.items()}


@pytest.mark.parametrize('suspect', ['count', 'leave_out'])
def test_every_number_of_whose_traffic_it_is(database: ClickHouse, stored: Callable[[str], list[Request]], suspect: str) -> None:
    made = stored(f'suspect = "{suspect}"')

    def is_left_out(request: Request) -> bool:
        return request.audience == 'internal' or (suspect == 'leave_out' and request.is_suspect)

    for crawlers in (0, 1):
        calls = [each for each in made if crawlers or not (each.is_crawler or is_left_out(each))]
        period = f"(domains=['{DOMAIN}'], from='2026-11-01 00:00:00', to='2026-12-01 00:00:00', crawlers={crawlers})"

        def rows(view: str, key: str, period: str = period) -> dict[object, tuple[int, int]]:
            return {
                row['key']: (row['calls'], row['users'])
                for row in database.query(f'SELECT {key} AS key, calls, users FROM {view}{period}')
            }

        assert rows('audiences', 'toString(audience)') == counted(calls, lambda call: call.audience)
        assert rows('networks', '(toString(network), as_number)') == counted(calls, lambda call: call.network)
        assert rows('referrers', 'toString(host)') == counted(calls, lambda call: call.host)
        datasets = {row['host']: row['datasets'] for row in database.query(f'SELECT host, datasets FROM referrers{period}')}
        asked = {host: {call.dataset for call in calls if call.host == host} for host in set(REFERRERS.values())}
        assert datasets == {host: len(names) for host, names in asked.items()}
        of_dataset = f"dataset_summary{period[:-1]}, dataset='set-3')"
        for view, names in ((f'summary{period}', {call.dataset for call in made}), (of_dataset, {'set-3'})):
            [row] = database.query(f'SELECT calls, crawler_calls, left_out_calls, suspect_calls FROM {view}')
            part = [call for call in made if call.dataset in names]
            assert row == {
                'calls': sum(call.dataset in names for call in calls),
                'crawler_calls': sum(call.is_crawler for call in part),
                'left_out_calls': sum(is_left_out(call) and not call.is_crawler for call in part),
                'suspect_calls': sum(call.is_suspect for call in part),
            }
