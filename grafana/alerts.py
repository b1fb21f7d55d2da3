"""Writes the alerts as Grafana provisions them: `python grafana/alerts.py [FILE]`, by default provisioning/alerting/usage.yaml.

Every rule is paused, and there is no contact point and no policy: a Grafana keeps its own.
"""

import re
import sys
from pathlib import Path
from typing import Any

import yaml
from alert_rules import RULES, Rule
from panels import target

DATASOURCE = 'usage-clickhouse'  # as provisioned
RUNBOOKS = 'docs/alerts.md'
FOLDER = 'Usage alerts'  # a folder of dashboards needs another title
VALUE = re.compile(r'\{(\w+):(\.\df)\}')
INTERVAL = '5m'  # Grafana takes multiples of 10 seconds
HEAD = """\
# Alerts on who uses the portals, made by grafana/alerts.py. A rule watches once its isPaused is false: docs/alerts.md.
"""


class Lines(str):
    """A text that is written line by line."""

    __slots__ = ()


class Dumper(yaml.SafeDumper):
    """Writes SQL as one reads it."""


Dumper.add_representer(Lines, lambda dumper, text: dumper.represent_scalar('tag:yaml.org,2002:str', text, style='|'))


def alerts() -> str:
    """The file, always the same bytes."""
    group = {'orgId': 1, 'name': 'usage', 'folder': FOLDER, 'interval': INTERVAL, 'rules': [_rule(rule) for rule in RULES]}
    return HEAD + yaml.dump({'apiVersion': 1, 'groups': [group]}, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)


def _rule(rule: Rule) -> dict[str, Any]:
    """One rule: a query for each value, and the value by itself; the first is compared with the limit."""
    decides = next(iter(rule.values))
    comparison, limit = rule.beyond
    page, panel = rule.panel
    return {
        'uid': f'usage-{rule.name}',
        'isPaused': True,
        'title': rule.title,
        'condition': 'beyond',
        'for': rule.lasting,
        'noDataState': rule.without_rows,
        'execErrState': 'Error',
        'labels': {'product': 'usage-exporter'},
        'annotations': {
            'summary': '{{ $labels.domain }}: ' + VALUE.sub(r'{{ printf "%\2" $values.\1.Value }}', rule.summary),
            'runbook': f'{RUNBOOKS}#{rule.title.lower().replace(" ", "-")}',
            '__dashboardUid__': f'usage-{page}-en',
            '__panelId__': str(panel),
        },
        'data': [
            *(_query(name, f'SELECT domain, {sql} AS {name}\n{rule.rows}', rule.window) for name, sql in rule.values.items()),
            *(_expression(name, 'reduce', f'{name}_rows', {'reducer': 'last'}) for name in rule.values),
            _expression('beyond', 'threshold', decides, {'conditions': [{'evaluator': {'type': comparison, 'params': [limit]}}]}),
        ],
    }


def _query(name: str, sql: str, window: int) -> dict[str, Any]:
    model = target(sql) | {'refId': f'{name}_rows', 'rawSql': Lines(sql)}
    model['datasource'] = model['datasource'] | {'uid': DATASOURCE}
    return {
        'refId': f'{name}_rows',
        'relativeTimeRange': {'from': window, 'to': 0},
        'datasourceUid': DATASOURCE,
        'model': model,
    }


def _expression(name: str, kind: str, of: str, more: dict[str, Any]) -> dict[str, Any]:
    return {
        'refId': name,
        'relativeTimeRange': {'from': 0, 'to': 0},
        'datasourceUid': '__expr__',
        'model': {'refId': name, 'type': kind, 'expression': of} | more,
    }


if __name__ == '__main__':
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / 'provisioning' / 'alerting' / 'usage.yaml'
    file.parent.mkdir(exist_ok=True)
    file.write_text(alerts(), encoding='utf-8')
