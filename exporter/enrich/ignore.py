"""Tells which callers the setting `ignore` leaves out: by address, and by user agent."""

from collections.abc import Callable

import polars as pl

from exporter.config import Ignore
from exporter.enrich.addresses import address_bytes
from exporter.enrich.memo import Memo
from exporter.enrich.networks import Networks, read_networks
from exporter.enrich.patterns import any_of, compiles
from exporter.errors import SettingsError

# Probes that ask whether a server still answers: of Kubernetes, AWS, Google Cloud, Azure, Envoy, Consul, Cloudflare and Fastly.
HEALTH_CHECKS = (
    'kube-probe/*', 'ELB-HealthChecker/*', 'Amazon-Route53-Health-Check-Service*', 'GoogleHC/*', 'GoogleStackdriverMonitoring*',
    'Load Balancer Agent', 'Edge Health Probe', 'AlwaysOn', 'HealthCheck/1.0', 'ReadyForRequest/1.0*', 'Envoy/HC',
    'Consul Health Check', '*Cloudflare-Healthchecks/*', '*Cloudflare-Traffic-Manager/*', 'Varnish/fastly (healthcheck)',
)  # fmt: skip


class Ignored:
    """Whether a caller is ignored. One thread at a time may call it. Raises SettingsError for an invalid network or pattern."""

    def __init__(self, ignore: Ignore) -> None:
        networks = Networks(read_networks(ignore.networks, 'ignore.networks'))
        agents = any_of((*ignore.user_agents, *(HEALTH_CHECKS if ignore.health_checks else ())))
        if not compiles(agents):
            raise SettingsError('ignore.user_agents: the pattern is too long', 'use fewer or shorter patterns')
        self.of_addresses: _Column | None = None
        self.of_agents: _Column | None = None
        if ignore.networks:
            self.of_addresses = _memo(
                lambda addresses: pl.Series([address_bytes(text) in networks for text in addresses.to_list()], dtype=pl.Boolean)
            )
        if agents:
            self.of_agents = _memo(lambda texts: texts.str.contains(f'(?i){agents}'))

    def __call__(self, calls: pl.DataFrame) -> pl.Series | None:
        """Whether each call (`ip`, `user_agent`) is ignored; None if none is."""
        ignored: pl.Series | None = None
        for column, is_ignored in (('ip', self.of_addresses), ('user_agent', self.of_agents)):
            if is_ignored and (found := is_ignored(calls[column])).any():
                ignored = found if ignored is None else ignored | found
        return ignored


_Column = Callable[[pl.Series], pl.Series]


def _memo(function: _Column) -> _Column:
    memo = Memo(lambda texts: function(texts).alias('ignored').to_frame())
    return lambda texts: memo(texts)['ignored']
