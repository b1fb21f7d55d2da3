"""The alerts as a provisioning file of Grafana.

Every rule is paused. The file has no contact point and no notification policy: Grafana keeps its own.
"""

import re
from typing import Any

import yaml

from grafana.alerting.rules import RULES, Rule
from grafana.alerting.texts import NO_VALUE
from grafana.panels.panel import target

DATASOURCE_UID = 'usage-clickhouse'  # of provisioning/datasources/usage.yaml
RUNBOOKS = 'docs/alerts.md'
FOLDER = 'Usage alerts'  # a folder of dashboards must have another title
INTERVAL = '5m'  # Grafana starts with multiples of 10 seconds only
VALUE = re.compile(r'\{(\w+):(\.\df)\}')
HEAD = """\
# Alerts, written by grafana/build.py. A rule is active once you set its isPaused to false: see docs/alerts.md.
"""


class BlockText(str):
    """A text that YAML writes as a block, line by line."""

    __slots__ = ()


class Dumper(yaml.SafeDumper):
    """Writes SQL as readable blocks."""


Dumper.add_representer(BlockText, lambda dumper, text: dumper.represent_scalar('tag:yaml.org,2002:str', text, style='|'))


def alerts() -> str:
    """The text of the file, the same bytes each time."""
    group = {'orgId': 1, 'name': 'usage', 'folder': FOLDER, 'interval': INTERVAL, 'rules': [_rule(rule) for rule in RULES]}
    return HEAD + yaml.dump({'apiVersion': 1, 'groups': [group]}, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)


def _rule(rule: Rule) -> dict[str, Any]:
    """One rule: a query for each value, each reduced to a number; the first number is compared with the limit."""
    query, text = rule.query, rule.text
    deciding_value = next(iter(query.values))
    evaluator = {'type': rule.comparison, 'params': [rule.limit]}
    page, panel = rule.panel
    return {
        'uid': f'usage-{rule.name}',
        'isPaused': True,
        'title': text.title,
        'condition': 'beyond',
        'for': rule.pending,
        'noDataState': rule.no_rows,
        'execErrState': 'Error',
        'labels': {'product': 'usage-exporter'},
        'annotations': {
            'summary': _sentence(rule, text.english, NO_VALUE['en']),
            'summary_fr': _sentence(rule, text.french, NO_VALUE['fr']),
            'runbook': f'{RUNBOOKS}#{text.title.lower().replace(" ", "-")}',
            '__dashboardUid__': f'usage-{page}-en',
            '__panelId__': str(panel),
        },
        'data': [
            *(
                _query(name, f'SELECT {query.label}, {sql} AS {name}\n{query.rows}', query.window)
                for name, sql in query.values.items()
            ),
            *(_expression(name, 'reduce', f'{name}_rows', {'reducer': 'last'}) for name in query.values),
            _expression('beyond', 'threshold', deciding_value, {'conditions': [{'evaluator': evaluator}]}),
        ],
    }


def _sentence(rule: Rule, text: str, no_value: str) -> str:
    """A sentence as a Go template. Grafana gives it no values where the query failed or gave no row."""
    values = VALUE.sub(r'{{ printf "%\2" $values.\1.Value }}', text)
    label, decides = rule.query.label.rpartition(' ')[2], next(iter(rule.query.values))
    return f'{{{{ if $values.{decides} }}}}{{{{ $labels.{label} }}}}: {values}{{{{ else }}}}{no_value}{{{{ end }}}}'


def _query(name: str, sql: str, window: int) -> dict[str, Any]:
    model = target(sql) | {'refId': f'{name}_rows', 'rawSql': BlockText(sql)}
    model['datasource'] = model['datasource'] | {'uid': DATASOURCE_UID}
    return {
        'refId': f'{name}_rows',
        'relativeTimeRange': {'from': window, 'to': 0},
        'datasourceUid': DATASOURCE_UID,
        'model': model,
    }


def _expression(name: str, kind: str, source: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        'refId': name,
        'relativeTimeRange': {'from': 0, 'to': 0},
        'datasourceUid': '__expr__',
        'model': {'refId': name, 'type': kind, 'expression': source} | options,
    }
