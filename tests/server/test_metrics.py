"""Metrics: the numbers of the report, and numbers of calls that add up."""

import re
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from calls import calls
from files import ROOT
from prometheus_client.parser import text_string_to_metric_families

from exporter.catalogue import storage
from exporter.catalogue.storage import Update
from exporter.model.tally import Tally
from exporter.report import indicators
from exporter.server.metrics import FRESH, WINDOWS, Catalogues, Indicators, Metrics, State
from exporter.spool.drain import Drain
from exporter.spool.idempotency import IdempotencyKeys
from exporter.spool.spool import Spool
from exporter.store.clickhouse import ClickHouse
from exporter.store.rejects import RejectStore

PORTAL, OTHER = 'data.example.org', 'open.example.net'


@pytest.fixture
def drain(database: ClickHouse, tmp_path: Path) -> Drain:
    spool = Spool(tmp_path / 'spool', 10 << 20, 'key', None)
    return Drain(spool, IdempotencyKeys(tmp_path / 'keys.sqlite', []), RejectStore(tmp_path), lambda: database, tmp_path)


def series(drain: Drain, indicators: Indicators) -> dict[tuple[str, ...], float]:
    """The value of each series by its name and label values, in the order of the label names."""
    text = (
        Metrics(
            State(
                drain.spool, drain, lambda: {'/var/log/a.log': 7}, lambda: {'/var/log/*.log': False}, {PORTAL: True, OTHER: False}
            ),
            indicators,
            Catalogues(()),
        )
        .text()
        .decode()
    )
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def recent(domain: str, number: int) -> pl.DataFrame:
    """Calls of the last minutes."""
    now = datetime.now(UTC).replace(microsecond=0)
    frame = calls(domain, number)
    latest = frame['timestamp'].max()
    assert isinstance(latest, datetime)
    return frame.with_columns(
        pl.col('timestamp') + (now - latest), day=pl.lit(now.date()), hour=pl.lit(int(now.timestamp()) // 3600 * 3600, pl.UInt32)
    )


def test_the_indicators_are_those_of_the_report(database: ClickHouse, drain: Drain) -> None:
    drain.spool.append(pl.concat([recent(PORTAL, 40), recent(OTHER, 3)]), {PORTAL: Tally(40), OTHER: Tally(3)})
    drain.empty()
    metrics = Indicators()
    metrics.refresh(database)
    values = series(drain, metrics)
    now = int(time.time()) + 1
    for domain in (PORTAL, OTHER):
        for window, seconds in WINDOWS.items():
            row = indicators.numbers(database, domain, now - seconds, now)
            assert row['calls'] == {PORTAL: 40, OTHER: 3}[domain]
            assert values['usage_calls', domain, window] == row['calls']
            assert values['usage_calls_per_user', domain, window] == row['calls_per_user']
            assert values['usage_anonymous_users_ratio', domain, window] == row['anonymous_users_percent'] / 100
            assert values['usage_mobile_calls_ratio', domain, window] == row['mobile_users_percent'] / 100
            assert values['usage_users', domain, 'registered', window] == row['registered_users']
            assert values['usage_users', domain, 'anonymous', window] == row['anonymous_users']


def test_an_undefined_indicator_has_no_series(database: ClickHouse, drain: Drain) -> None:
    drain.spool.append(
        calls(PORTAL, 3).with_columns(pl.lit('crawler').cast(calls(PORTAL, 1)['client'].dtype).alias('client')),
        {PORTAL: Tally(3)},
    )
    drain.empty()
    indicators = Indicators()
    indicators.refresh(database)
    values = series(drain, indicators)
    assert values['usage_calls', PORTAL, '24h'] == 0
    assert [name for name in values if name[0] in ('usage_calls_per_user', 'usage_anonymous_users_ratio')] == []


def test_old_indicators_are_not_exported(database: ClickHouse, drain: Drain, monkeypatch: pytest.MonkeyPatch) -> None:
    drain.spool.append(recent(PORTAL, 3), {PORTAL: Tally(3)})
    drain.empty()
    indicators = Indicators()
    indicators.refresh(database)
    assert ('usage_calls', PORTAL, '24h') in series(drain, indicators)
    later = time.time() + FRESH + 1
    monkeypatch.setattr('exporter.server.metrics.time.time', lambda: later)
    assert ('usage_calls', PORTAL, '24h') not in series(drain, indicators)


def test_accepted_calls_are_stored_waiting_or_quarantined(database: ClickHouse, drain: Drain) -> None:
    def adds_up(accepted: int) -> dict[tuple[str, ...], float]:
        values = series(drain, Indicators())
        assert values['usage_accepted_calls_total',] == accepted
        assert values['usage_accepted_calls_total',] == (
            values['usage_stored_calls_total',] + values['usage_waiting_calls',] + values['usage_quarantined_calls',]
        )
        return values

    adds_up(0)
    drain.spool.append(calls(PORTAL, 5), {PORTAL: Tally(5, {'path': 2}, {'status': 3})})
    values = adds_up(5)
    assert (values['usage_waiting_calls',], values['usage_rejected_total', 'status'], values['usage_skipped_total', 'path']) == (
        5,
        3,
        2,
    )
    assert values['usage_spool_bytes',] > 0
    assert values['usage_follow_lag_bytes', '/var/log/a.log'] == 7
    assert values['usage_follow_readable', '/var/log/*.log'] == 0
    assert (values['usage_pull_succeeded', PORTAL], values['usage_pull_succeeded', OTHER]) == (1, 0)
    drain.empty()
    values = adds_up(5)
    assert (values['usage_stored_calls_total',], values['usage_spool_bytes',]) == (5, 0)
    assert values['usage_last_stored_timestamp_seconds',] == pytest.approx(time.time(), abs=600)
    database.command("ALTER TABLE calls ADD CONSTRAINT none CHECK path = ''")
    drain.spool.append(calls(PORTAL, 4, first=5), {PORTAL: Tally(4)})
    drain.empty()
    values = adds_up(9)
    assert (values['usage_quarantined_calls',], values['usage_writer_failures_total',]) == (4, 1)


def test_the_documented_metrics_are_the_exported_ones(database: ClickHouse, drain: Drain) -> None:
    drain.spool.append(recent(PORTAL, 3), {PORTAL: Tally(3, {'path': 2}, {'status': 1})})
    drain.empty()
    indicators = Indicators()
    indicators.refresh(database)
    metrics = Metrics(State(drain.spool, drain, dict, dict), indicators, Catalogues(()))
    exported = re.findall(r'^# TYPE (\S+) ', metrics.text().decode(), re.MULTILINE)
    page = (ROOT / 'docs' / 'prometheus.md').read_text()
    assert sorted(re.findall(r'^\| `(usage_\w+)` \|', page, re.MULTILINE)) == sorted(exported)


@pytest.mark.skipif(not shutil.which('promtool'), reason='needs promtool: install the Debian package prometheus')
def test_promtool_finds_no_fault(database: ClickHouse, drain: Drain) -> None:
    drain.spool.append(recent(PORTAL, 3), {PORTAL: Tally(3, {}, {'status': 1})})
    drain.empty()
    indicators = Indicators()
    indicators.refresh(database)
    metrics = Metrics(
        State(drain.spool, drain, lambda: {'/var/log/a.log': 7}, lambda: {'/var/log/*.log': False}), indicators, Catalogues(())
    )
    metrics.requests.labels('/v1/calls', 202).inc()
    process = subprocess.run(['promtool', 'check', 'metrics'], input=metrics.text(), capture_output=True, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (0, b'', b'')


def test_every_metric_is_documented_with_its_labels(database: ClickHouse, drain: Drain) -> None:
    drain.spool.append(recent(PORTAL, 3), {PORTAL: Tally(3, {'path': 2}, {'status': 1})})
    drain.empty()
    indicators = Indicators()
    indicators.refresh(database)
    catalogues = Catalogues([PORTAL])
    storage.record(database, Update(PORTAL, datetime.now(UTC), 1, 'a.csv', 2, 5))
    catalogues.refresh(database)
    metrics = Metrics(
        State(drain.spool, drain, lambda: {'/var/log/a.log': 7}, lambda: {'/var/log/*.log': False}, {PORTAL: True}),
        indicators,
        catalogues,
    )
    metrics.requests.labels('/v1/calls', 202).inc()
    families = text_string_to_metric_families(metrics.text().decode())
    exported = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    text = (ROOT / 'docs' / 'prometheus.md').read_text()
    rows = re.findall(r'^\| `(usage_\w+)` \|(.*?)\|', text, re.MULTILINE)
    documented = {name: set(re.findall(r'`(\w+)`', labels)) for name, labels in rows}
    assert exported == documented


def test_the_catalogue_of_each_portal(database: ClickHouse, drain: Drain) -> None:
    catalogues = Catalogues([PORTAL, OTHER])
    now = datetime.now(UTC).replace(microsecond=0)
    for update in (Update(PORTAL, now, 1, 'a.csv', 2, 5), Update(PORTAL, now + timedelta(1), 0, 'a.csv', error='broken')):
        storage.record(database, update)
    catalogues.refresh(database)
    metrics = Metrics(State(drain.spool, drain, dict, dict), Indicators(), catalogues)
    values = dict(re.findall(rf'^(usage_catalogue_\w+)\{{domain="{PORTAL}"\}} (.+)$', metrics.text().decode(), re.MULTILINE))
    assert {name: float(value) for name, value in values.items()} == {
        'usage_catalogue_readable': 0,
        'usage_catalogue_datasets': 2,
        'usage_catalogue_names': 5,
        'usage_catalogue_updated_timestamp_seconds': now.timestamp(),
    }
