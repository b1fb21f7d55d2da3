"""Health checks, monitoring and one's own scripts are not counted."""

import polars as pl
import pytest

from exporter.config import Ignore
from exporter.enrich.ignore import Ignored
from exporter.errors import SettingsError

FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'


def ignored(calls: list[tuple[str, str]], **settings: object) -> list[bool]:
    """Whether each call, an address and a user agent, is ignored."""
    frame = pl.DataFrame(calls, ['ip', 'user_agent'], orient='row')
    result = Ignored(Ignore.model_validate(settings))(frame)
    return [False] * len(calls) if result is None else result.to_list()


@pytest.mark.parametrize(
    'agent',
    [
        'kube-probe/1.32',
        'ELB-HealthChecker/2.0',
        'Amazon-Route53-Health-Check-Service (ref 7a0c; report http://amzn.to/1vsZADi)',
        'GoogleHC/1.0',
        'GoogleStackdriverMonitoring-UptimeChecks(https://cloud.google.com/monitoring)',
        'Load Balancer Agent',
        'Edge Health Probe',
        'AlwaysOn',
        'HealthCheck/1.0',
        'ReadyForRequest/1.0 (HealthCheck)',
        'Envoy/HC',
        'Consul Health Check',
        'Mozilla/5.0 (compatible;Cloudflare-Healthchecks/1.0;+https://www.cloudflare.com/; healthcheck-id: 1)',
        'Mozilla/5.0 (compatible;Cloudflare-Traffic-Manager/1.0;+https://www.cloudflare.com/traffic-manager/;pool-id: 1)',
        'Varnish/fastly (healthcheck)',
    ],
)
def test_health_checks_are_ignored_unless_they_shall_count(agent: str) -> None:
    assert ignored([('192.0.2.7', agent)]) == [True]
    assert ignored([('192.0.2.7', agent)], health_checks=False) == [False]
    assert ignored([('192.0.2.7', agent)], user_agents=('mine/*',)) == [True]


@pytest.mark.parametrize('agent', ['', '-', FIREFOX, 'curl/8.5.0', 'my kube-probe/1', 'AlwaysOnline/2', 'HealthCheck/1.01'])
def test_other_callers_are_not_ignored(agent: str) -> None:
    assert ignored([('192.0.2.7', agent)]) == [False]


def test_own_scripts_are_ignored_by_user_agent() -> None:
    calls = [('192.0.2.7', agent) for agent in ('Our-Script/2.1', 'x our-script/', 'UptimeRobot/2.0', 'a+b', 'aab', FIREFOX)]
    assert ignored(calls, user_agents=('our-script/*', '*uptimerobot*', 'a+b')) == [True, False, True, True, False, False]


def test_own_networks_are_ignored() -> None:
    calls = [
        (ip, FIREFOX) for ip in ('192.0.2.7', '192.0.3.7', '::ffff:192.0.2.8', '2001:db8::7', '10.0.0.1', 'host.example', '-')
    ]
    networks = ('192.0.2.0/24', '2001:db8::/32', 'private')
    assert ignored(calls, networks=networks) == [True, False, True, True, True, False, False]


def test_invalid_entries_are_one_line() -> None:
    with pytest.raises(SettingsError, match=r"^ignore\.networks: invalid network '192\.0\.2'; write it as"):
        ignored([], networks=('192.0.2',))
    with pytest.raises(SettingsError, match=r'^ignore\.networks: gone\.txt: cannot read the networks'):
        ignored([], networks=('@gone.txt',))
    with pytest.raises(SettingsError, match=r'^ignore\.user_agents: the pattern is too long; use fewer or shorter'):
        ignored([], user_agents=('é' * 3_000_000,))
