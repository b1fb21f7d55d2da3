"""The example rules for Prometheus: promtool accepts them, they use existing metrics, and fire when they should."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_docs import DOCS, anchors, blocks, page, rows, section

FILE = DOCS / 'prometheus-rules.yaml'
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(FILE.read_text())['groups'] for rule in group['rules']]
ALERTS = {rule['alert']: rule for rule in RULES if 'alert' in rule}
RECORDS = {rule['record'] for rule in RULES if 'record' in rule}
RUNBOOKS = 'https://runbooks.example.org/alerts.md'  # the documentation says how to replace it
PROMTOOL = shutil.which('promtool')
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason='needs promtool: install the Debian package prometheus')


def promtool(*arguments: str | Path, folder: Path = DOCS) -> None:
    process = subprocess.run([str(PROMTOOL), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr


def names(text: str) -> set[str]:
    """The names in the tables of a section."""
    return {row[0].strip('`') for row in rows(text) if row[0].startswith('`')}


METRICS = names(section(page('prometheus'), 'Indicators')) | names(section(page('prometheus'), 'The program'))


def test_rules_and_queries_use_documented_metrics_only() -> None:
    queries = blocks(page('prometheus'), 'promql')
    assert queries
    for text in [*(rule['expr'] for rule in RULES), *queries]:
        used = set(re.findall(r'(?:\w+:)?usage_\w+(?::\w+)?', text))
        assert used <= METRICS | RECORDS
        assert used or text.startswith('up')


def test_every_rule_is_documented_and_has_a_runbook() -> None:
    assert names(section(page('prometheus'), 'Rules')) == ALERTS.keys() | RECORDS
    for alert in ALERTS.values():
        url, _, anchor = alert['annotations']['runbook_url'].partition('#')
        assert url == RUNBOOKS
        assert anchor in anchors(DOCS / 'alerts.md')
        assert alert['annotations']['summary']


def test_the_documented_command_puts_another_address_into_every_link(tmp_path: Path) -> None:
    shutil.copy(FILE, tmp_path)
    [replacement] = re.findall(r'^sed .+$', section(page('prometheus'), 'Rules'), re.MULTILINE)
    subprocess.run(['sh', '-c', replacement], cwd=tmp_path, check=True)
    text = (tmp_path / 'usage-exporter-rules.yaml').read_text()
    assert text.count('runbook_url: https://wiki.example.org/alerts#') == len(ALERTS)


@needs_promtool
def test_promtool_accepts_rules_and_configuration(tmp_path: Path) -> None:
    promtool('check', 'rules', FILE)
    [example] = blocks(page('prometheus'), 'yaml')
    (tmp_path / 'prometheus.yml').write_text(example)
    (tmp_path / 'usage-exporter-token').write_text('a token')
    shutil.copy(FILE, tmp_path / yaml.safe_load(example)['rule_files'][0])
    promtool('check', 'config', 'prometheus.yml', folder=tmp_path)


HERE = 'job="usage-exporter",instance="a"'
PORTAL = f'usage_calls{{domain="data.example.org",window="24h",{HERE}}}'
FOUR_WEEKS = 4 * 7 * 24 * 12  # of 5 minutes
FIRES: dict[
    str, tuple[dict[str, str], dict[str, str], str]
] = {  # samples every 5 minutes with which it fires, with which not; when
    'UsageExporterDown': ({f'up{{{HERE}}}': '1 0+0x9'}, {f'up{{{HERE}}}': '1 0 1+0x8'}, '30m'),
    'UsageCallsWait': (
        {f'usage_waiting_calls{{{HERE}}}': '9+0x30', f'usage_stored_calls_total{{{HERE}}}': '5+0x30'},
        {f'usage_waiting_calls{{{HERE}}}': '9+0x30', f'usage_stored_calls_total{{{HERE}}}': '5+5x30'},
        '2h',
    ),
    'UsageWriterFails': (
        {f'usage_writer_failures_total{{{HERE}}}': '0+1x30'},
        {f'usage_writer_failures_total{{{HERE}}}': '0+0x20 1+0x10'},
        '110m',
    ),
    'UsageCallsQuarantined': (
        {f'usage_quarantined_calls{{{HERE}}}': '7+0x9'},
        {f'usage_quarantined_calls{{{HERE}}}': '0+0x9'},
        '30m',
    ),
    'UsageRejectsRise': (
        {f'usage_rejected_total{{reason="format",{HERE}}}': '0+20x30', f'usage_accepted_calls_total{{{HERE}}}': '0+100x30'},
        {f'usage_rejected_total{{reason="format",{HERE}}}': '0+20x30', f'usage_accepted_calls_total{{{HERE}}}': '0+900x30'},
        '2h',
    ),
    'UsageFollowFallsBehind': (
        {f'usage_follow_lag_bytes{{path="access.log",{HERE}}}': '100000000+0x30'},
        {f'usage_follow_lag_bytes{{path="access.log",{HERE}}}': '100000000+0x3 0+0x30'},
        '2h',
    ),
    'UsageFollowUnreadable': (
        {f'usage_follow_readable{{path="/logs/*.log",{HERE}}}': '1 0+0x9'},
        {f'usage_follow_readable{{path="/logs/*.log",{HERE}}}': '1 0 1+0x8'},
        '30m',
    ),
    'UsagePullFails': (
        {f'usage_pull_succeeded{{domain="data.example.org",{HERE}}}': '1 0+0x60'},
        {f'usage_pull_succeeded{{domain="data.example.org",{HERE}}}': '1 0+0x20 1+0x40'},
        '5h',
    ),
    'UsageCatalogueFails': (
        {f'usage_catalogue_readable{{domain="data.example.org",{HERE}}}': '1 0+0x300'},
        {f'usage_catalogue_readable{{domain="data.example.org",{HERE}}}': '1 0+0x100 1+0x200'},
        '20h',
    ),
    'UsageNothingStored': (
        {f'usage_last_stored_timestamp_seconds{{{HERE}}}': '60+0x400'},
        {f'usage_last_stored_timestamp_seconds{{{HERE}}}': '60+300x400'},
        '25h',
    ),
    'UsageActivityDrops': (
        {PORTAL: f'1000+0x{FOUR_WEEKS} 400+0x40'},
        {PORTAL: f'1000+0x{FOUR_WEEKS} 600+0x40'},
        f'{FOUR_WEEKS * 5 + 120}m',
    ),
}


@pytest.mark.slow
@needs_promtool
@pytest.mark.parametrize('alert', ALERTS)
def test_an_alert_fires_only_when_it_should(alert: str, tmp_path: Path) -> None:
    *cases, moment = FIRES[alert]
    step = '1h' if alert == 'UsageActivityDrops' else '1m'  # each minute of five weeks would take long
    (tmp_path / 'rules.yaml').write_text(re.sub(r'interval: \w+', f'interval: {step}', FILE.read_text()))
    for fires, series in zip((True, False), cases, strict=True):
        assert isinstance(series, dict)
        expression = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
        test = {
            'interval': '5m',
            'input_series': [{'series': name, 'values': values} for name, values in series.items()],
            'promql_expr_test': [
                {'expr': expression, 'eval_time': moment, 'exp_samples': [{'labels': '{}', 'value': 1}] if fires else []}
            ],
        }
        order = [group['name'] for group in yaml.safe_load(FILE.read_text())['groups']]  # promtool's own order is random
        test_file = {'rule_files': ['rules.yaml'], 'evaluation_interval': step, 'group_eval_order': order, 'tests': [test]}
        (tmp_path / 'test.yaml').write_text(yaml.safe_dump(test_file))
        promtool('test', 'rules', 'test.yaml', folder=tmp_path)
