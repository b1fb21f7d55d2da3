"""The pages as Grafana reads them: their panels, and their queries with variables and macros replaced."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import yaml
from files import ROOT

Json = dict[str, Any]
DASHBOARDS = ROOT / 'grafana' / 'dashboards'
LANGUAGES = ('en', 'fr')
NAMES = ('users', 'datasets', 'health', 'calls')
PAGES: dict[tuple[str, str], Json] = {
    (name, language): json.loads((DASHBOARDS / language / f'{name}.json').read_text()) for name in NAMES for language in LANGUAGES
}
VARIABLE = re.compile(r'\$\{(\w+):singlequote}')


def panels(name: str, language: str = 'en') -> dict[int, Json]:
    """The panels of a page by number, without headings."""
    return {panel['id']: panel for panel in PAGES[name, language]['panels'] if panel['type'] != 'row'}


ALL_PANELS = [(name, number) for name in NAMES for number in panels(name)]


def queries(language: str = 'en') -> dict[tuple[str, int | str], str]:
    """The SQL of panels by page and number, of variables and annotations by page and name.

    It is the same in both languages, except that of events.
    """
    statements: dict[tuple[str, int | str], str] = {}
    for name in NAMES:
        page = PAGES[name, language]
        statements |= {(name, number): panel['targets'][0]['rawSql'] for number, panel in panels(name, language).items()}
        statements |= {
            (name, variable['name']): variable['query']['rawSql']
            for variable in page['templating']['list']
            if variable['type'] == 'query'
        }
        statements |= {(name, variable['name']): variable['target']['rawSql'] for variable in page['annotations']['list']}
    return statements


def expand(
    query: tuple[str, int | str], first: str, last: str, domains: Sequence[str] = (), language: str = 'en', **chosen: object
) -> str:
    """A query as the server receives it. `first` and `last` are in UTC; `chosen` sets variables, the others keep their defaults."""
    sql = queries(language)[query]
    variables = {variable['name']: variable for variable in PAGES[query[0], language]['templating']['list']}

    def value(name: str) -> str:
        if name == 'domain':
            return quote(*domains)
        if name in chosen:
            given = chosen[name]
            return quote(*given) if isinstance(given, tuple) else quote(given)
        variable = variables[name]
        return str(variable['allValue']) if variable.get('allValue') else quote(variable['current']['value'])

    def moment(text: str) -> str:
        return f'toDateTime({int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())})'

    sql = VARIABLE.sub(lambda match: value(match[1]), sql)
    sql = sql.replace('$__fromTime', moment(first)).replace('$__toTime', moment(last))
    sql = re.sub(r'\$__timeInterval\((\w+)\)', r'toStartOfInterval(toDateTime(\1), INTERVAL 3600 second)', sql)
    assert '$' not in sql, sql
    return sql


def alerts(now: int) -> list[str]:
    """The queries of the alerts, as the server receives them at this second (Unix time)."""
    groups = yaml.safe_load((ROOT / 'provisioning' / 'alerting' / 'usage.yaml').read_text())['groups']
    nodes = [node for group in groups for rule in group['rules'] for node in rule['data'] if 'rawSql' in node['model']]
    return [
        node['model']['rawSql']
        .replace('$__fromTime', f'toDateTime({now - node["relativeTimeRange"]["from"]})')
        .replace('$__toTime', f'toDateTime({now})')
        for node in nodes
    ]


def quote(*values: object) -> str:
    """Values in the format of Grafana's `singlequote`."""
    return ','.join("'" + str(value).replace("'", "\\'") + "'" for value in values)


def links(panel: Json) -> list[str]:
    """The URLs of a panel's data links."""
    config = panel['fieldConfig']
    data_links = [*config['defaults'].get('links', [])]
    for override in config['overrides']:
        data_links += [link for entry in override['properties'] if entry['id'] == 'links' for link in entry['value']]
    return [link['url'] for link in data_links]
