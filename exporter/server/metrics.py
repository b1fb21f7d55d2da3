"""Metrics for Prometheus: the single-number indicators of each portal, and the state of the program."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.catalogue import storage
from exporter.catalogue.storage import Update
from exporter.report import indicators
from exporter.spool.drain import Drain
from exporter.spool.spool import Spool
from exporter.store.clickhouse import ClickHouse

WINDOWS = {'24h': 86_400, '14d': 14 * 86_400}  # seconds
FRESH = 300.0  # seconds for which indicators are exported after a read: older values would look current

# name: its help, and its value from a row of the view `summary`
INDICATORS: dict[str, tuple[str, Callable[[Mapping[str, float | None]], float | None]]] = {
    'usage_calls': ('API calls, excluding crawlers.', lambda row: row['calls']),
    'usage_calls_per_user': ('API calls divided by users; absent if there are no users.', lambda row: row['calls_per_user']),
    'usage_anonymous_users_ratio': (
        'Anonymous users divided by users, 0 to 1; absent if there are no users.',
        lambda row: _ratio(row['anonymous_users_percent']),
    ),
    'usage_mobile_calls_ratio': (
        'Calls from phones and tablets divided by calls, 0 to 1; absent if there are no calls.',
        lambda row: _ratio(row['mobile_users_percent']),
    ),
}


def _ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


@dataclass(eq=False)
class Indicators(Collector):
    """The indicators of each portal as last read. A job reads them, so that a scrape needs no query.

    One job calls `refresh`; any thread may call `collect`.
    """

    read_at: float = 0.0
    rows: dict[tuple[str, str], Mapping[str, float | None]] = field(default_factory=dict)  # by portal and window

    def refresh(self, database: ClickHouse) -> None:
        """Reads the indicators of all portals and windows. Raises EngineError."""
        now = int(time.time()) + 1
        self.rows = {
            (portal.domain, window): indicators.numbers(database, portal.domain, now - seconds, now)
            for portal in indicators.portals(database)
            for window, seconds in WINDOWS.items()
        }
        self.read_at = time.time()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One gauge for each indicator; without series once the values are older than FRESH."""
        rows = self.rows if time.time() - self.read_at < FRESH else {}
        for name, (documentation, value_of) in INDICATORS.items():
            gauge = GaugeMetricFamily(name, documentation, labels=('domain', 'window'))
            for labels, row in rows.items():
                if (value := value_of(row)) is not None:
                    gauge.add_metric(labels, value)
            yield gauge
        users = GaugeMetricFamily('usage_users', 'Unique users, estimated.', labels=('domain', 'window', 'kind'))
        for labels, row in rows.items():
            for kind in ('registered', 'anonymous'):
                users.add_metric((*labels, kind), row[f'{kind}_users'] or 0)
        yield users


@dataclass(frozen=True, eq=False)
class State(Collector):
    """Where the accepted calls are: accepted = stored + waiting + quarantined. Any thread may call `collect`.

    `lag`: unread bytes of each followed log; `readable`: whether the logs of each followed path are readable; `pulled`: whether
    the last pull of each portal succeeded.
    """

    spool: Spool
    drain: Drain
    lag: Callable[[], Mapping[str, int]]
    readable: Callable[[], Mapping[str, bool]]
    pulled: Mapping[str, bool] = field(default_factory=dict)

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """Reads the balance once, so that its metrics add up."""
        balance, tally = self.spool.balance, self.spool.taken
        yield CounterMetricFamily('usage_accepted_calls', 'Calls accepted and durable on disk since the start.', balance.accepted)
        yield CounterMetricFamily('usage_stored_calls', 'Accepted calls that are stored in the database.', balance.stored)
        yield GaugeMetricFamily('usage_waiting_calls', 'Accepted calls that wait to be stored.', balance.waiting)
        yield GaugeMetricFamily(
            'usage_quarantined_calls', 'Accepted calls that the database refused: see rejected list.', balance.quarantined
        )
        skipped = CounterMetricFamily('usage_skipped', 'Valid lines and calls that are not counted.', labels=('reason',))
        for reason, count in sorted(tally.skipped.items()):
            skipped.add_metric((reason,), count)
        yield skipped
        rejected = CounterMetricFamily('usage_rejected', 'Lines and calls that were rejected.', labels=('reason',))
        for reason, count in sorted(tally.rejected.items()):
            rejected.add_metric((reason,), count)
        yield rejected
        yield GaugeMetricFamily('usage_spool_bytes', 'Size of the spool on disk.', balance.bytes)
        yield GaugeMetricFamily('usage_spool_limit_bytes', 'Size at which the spool is full.', self.spool.most_bytes)
        yield CounterMetricFamily('usage_writer_failures', 'Failed attempts to store a batch.', self.drain.failures)
        if self.drain.last_stored:
            yield GaugeMetricFamily(
                'usage_last_stored_timestamp_seconds', 'Unix time at which a batch was last stored.', self.drain.last_stored
            )
        lag = GaugeMetricFamily('usage_follow_lag_bytes', 'Unread bytes of a followed log.', labels=('path',))
        for path, unread in sorted(self.lag().items()):
            lag.add_metric((path,), unread)
        yield lag
        readable = GaugeMetricFamily('usage_follow_readable', 'Whether a followed path is readable: 1 or 0.', labels=('path',))
        for path, is_readable in sorted(self.readable().items()):
            readable.add_metric((path,), is_readable)
        yield readable
        pulled = GaugeMetricFamily(
            'usage_pull_succeeded', 'Whether the last pull of a portal succeeded: 1 or 0.', labels=('domain',)
        )
        for domain, succeeded in sorted(dict(self.pulled).items()):
            pulled.add_metric((domain,), succeeded)
        yield pulled


@dataclass(eq=False)
class Catalogues(Collector):
    """The catalogues of these portals as last read. One job calls `refresh`; any thread may call `collect`."""

    domains: Collection[str]
    last: dict[str, Update] = field(default_factory=dict)
    successes: dict[str, Update] = field(default_factory=dict)

    def refresh(self, database: ClickHouse) -> None:
        """Reads how the updates ended. Raises EngineError."""
        if self.domains:
            self.last, self.successes = storage.last_updates(database), storage.last_successes(database)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Series for each portal whose catalogue was updated."""
        readable = GaugeMetricFamily(
            'usage_catalogue_readable', "Whether the last update of a portal's catalogue succeeded: 1 or 0.", labels=('domain',)
        )
        datasets = GaugeMetricFamily('usage_catalogue_datasets', 'Data sets in the catalogue.', labels=('domain',))
        names = GaugeMetricFamily('usage_catalogue_names', 'Names of these data sets.', labels=('domain',))
        updated = GaugeMetricFamily(
            'usage_catalogue_updated_timestamp_seconds', 'Unix time of the last update that succeeded.', labels=('domain',)
        )
        for domain in self.domains:
            if last := self.last.get(domain):
                readable.add_metric((domain,), last.revision > 0)
            if success := self.successes.get(domain):
                datasets.add_metric((domain,), success.datasets)
                names.add_metric((domain,), success.names)
                updated.add_metric((domain,), success.at.timestamp())
        yield from (readable, datasets, names, updated)


disable_created_metrics()  # type: ignore[no-untyped-call]  # saves one series for each counter


class Metrics:
    """All metrics in one registry. `requests` counts the answered HTTP requests. Any thread may call `text`."""

    def __init__(self, state: State, indicators: Indicators, catalogues: Catalogues) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(state)
        self.registry.register(indicators)
        self.registry.register(catalogues)
        self.requests = Counter('usage_http_requests', 'Answered HTTP requests.', ('endpoint', 'status'), registry=self.registry)

    def text(self) -> bytes:
        """The metrics in the text format of Prometheus."""
        return generate_latest(self.registry)
