"""The report of a real log equals an independent count in plain Python."""

import gzip
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from access_logs import Call, imported, read, run, summary
from files import DATA

from exporter.enrich.agent import classify
from exporter.enrich.geo import open_places

pytestmark = pytest.mark.slow
LOG = DATA / 'apache_access.log.gz'
ZONE = 'Europe/Paris'
DAYS = [f'2015-05-{day}' for day in range(17, 22)]
SECRETS = ('the key of one portal', 'the key of another portal', 'and that of a third one')
FIXED = 'a key that these tests keep for ever'


class RealLog(NamedTuple):
    """The lines of a real log, its calls, and what a line alone does not say about them."""

    lines: list[str]
    calls: list[Call]
    mobile: set[str]  # agents
    crawling: set[str]  # agents
    places: dict[str, tuple[str, str, float, float]]  # of addresses

    def of_users(self) -> list[Call]:
        """The calls of users: a crawler is none, an account always is."""
        return [call for call in self.calls if call.user_id or call.user_agent not in self.crawling]


@pytest.fixture(scope='module')
def real() -> RealLog:
    """The real log, in which a third of the lines is given an account."""
    lines = gzip.decompress(LOG.read_bytes()).decode().splitlines()
    lines = [
        text.replace(' - - [', f' - user{number * number % 23} [', 1) if number % 3 == 0 else text
        for number, text in enumerate(lines)
    ]
    calls = [call for call in map(read, lines) if call.method != 'OPTIONS']
    agents = pl.Series(sorted({call.user_agent for call in calls}))
    classified = list(zip(agents, classify(agents).select('device', 'client').rows(), strict=True))
    addresses = pl.Series(sorted({call.ip for call in calls}))
    return RealLog(
        lines,
        calls,
        {agent for agent, (device, _) in classified if device in ('phone', 'tablet')},
        {agent for agent, (_, client) in classified if client == 'crawler'},
        dict(zip(addresses, open_places(None).locate(addresses).rows(), strict=True)),
    )


def import_and_report(real: RealLog, settings: pytest.MonkeyPatch, domain: str, tmp_path: Path, *options: str) -> dict[str, Any]:
    """Imports the real log for a portal, and gives the report of its days."""
    settings.setenv('USAGE_TIMEZONE', ZONE)
    settings.setenv('USAGE_STATIC_FILES', 'count')  # more than half of the lines
    file = tmp_path / 'access.log'
    file.write_text('\n'.join([*real.lines, '']))
    assert imported(file, domain=domain) == summary(stored=len(real.calls), skipped={'method': len(real.lines) - len(real.calls)})
    result = run('report', '--domain', domain, '--from', DAYS[0], '--to', DAYS[-1], '--format', 'json', *options)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_every_exact_number_equals_the_independent_count(real: RealLog, settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report = import_and_report(real, settings, 'data.example.org', tmp_path)
    calls = real.of_users()
    assert 5_000 < len(calls) < 9_500  # of both kinds there are many
    assert report['calls'] == len(calls)
    assert report['crawler_calls'] == len(real.calls) - len(calls)
    days = Counter(call.timestamp.astimezone(ZoneInfo(ZONE)).date().isoformat() for call in calls)
    assert report['activity'] == [{'day': day, 'calls': days[day]} for day in DAYS]
    mobile = sum(call.user_agent in real.mobile for call in calls)
    assert report['mobile_users_percent'] == pytest.approx(100 * mobile / len(calls), rel=1e-12)
    accounts = Counter(call.user_id or 'anonymous' for call in calls)
    top = sorted(accounts.items(), key=lambda entry: (-entry[1], entry[0]))[:5]
    assert report['top_users'] == [{'user': user, 'calls': count} for user, count in top]
    places = Counter(real.places[call.ip] for call in calls)
    unlocated = sum(count for place, count in places.items() if not place[0])
    assert report['unlocated_calls'] == unlocated
    shown = {(row['country'], row['city'], row['latitude'], row['longitude']): row['calls'] for row in report['map']}
    assert shown == {place: count for place, count in places.items() if place[0]}
    assert len(shown) == len(report['map']) > 50
    assert report['calls_per_user'] == pytest.approx(len(calls) / report['total_users'], rel=1e-12)


def test_the_option_crawlers_counts_crawlers(real: RealLog, settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report = import_and_report(real, settings, 'data.example.org', tmp_path, '--crawlers')
    assert report['calls'] == len(real.calls)
    days = Counter((call.timestamp + timedelta(hours=2)).date().isoformat() for call in real.calls)
    assert [row['calls'] for row in report['activity']] == [days[day] for day in DAYS]


@pytest.mark.parametrize(('secret', 'within'), [*((secret, 0.07) for secret in SECRETS), (FIXED, 0.03)])
def test_users_are_estimated_well(
    real: RealLog, settings: pytest.MonkeyPatch, tmp_path: Path, secret: str, within: float
) -> None:
    settings.setenv('USAGE_SECRET', secret)
    report = import_and_report(real, settings, 'data.example.org', tmp_path)
    registered = {call.user_id for call in real.of_users() if call.user_id}
    anonymous = {call.ip for call in real.of_users() if not call.user_id}
    exact = len(registered) + len(anonymous)
    assert report['total_users'] == pytest.approx(exact, rel=within)
    assert report['anonymous_users_percent'] == pytest.approx(100 * len(anonymous) / exact, abs=1)
