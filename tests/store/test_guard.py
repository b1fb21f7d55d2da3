"""What a reader may run is a list: each attack is refused, and what clients, pages and the documentation ask is allowed."""

import re
from pathlib import Path

import hypothesis
import pytest
from dashboards import alerts, expand, queries
from files import ROOT
from hypothesis import given
from hypothesis import strategies as st
from statements import HUGE, REFUSED

from exporter.errors import EngineError, NotAllowed
from exporter.store import guard
from exporter.store.clickhouse import ClickHouse

PERIOD = '2026-11-09 00:00:00', '2026-11-11 23:59:59'
ALLOWED = [
    'SELECT displayName(), version(), revision(), timezone()',
    'SELECT 1',
    'select 1 as n format JSON',
    'SELECT 1;',
    'SELECT 1 FORMAT Native ;',
    "SELECT 'a;b' AS a -- and ; a comment",
    'SELECT 1 AS a; -- the end',
    "SELECT 'FORMAT CSV', ';', $a$ FORMAT CSV; $a$",
    'SELECT 1 AS format FROM calls ORDER BY format DESC',
    'SELECT 1 AS settings, 2 AS outfile, settings + outfile',
    "SELECT 'INTO OUTFILE', 'file(', /* url( */ number AS url FROM numbers(1) -- s3(",
    'FROM calls SELECT count()',
    'FROM calls',
    '(SELECT 1) UNION ALL (SELECT 2)',
    'SELECT 1 EXCEPT SELECT 2',
    'WITH a AS (SELECT 1 AS n), 2 AS b SELECT n + b FROM a',
    'WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a WHERE n < 3) SELECT n FROM a',
    'WITH x -> x + 1 AS increment SELECT increment(2)',
    'WITH [1, 2] AS list SELECT 1 IN list',
    'SELECT domain IN (SELECT domain FROM domains) FROM calls',
    'SELECT arrayMap(toString, [1]), arraySort((x, y) -> y, [1, 2], [2, 1]), arraySum([1]), mapKeys(map(1, 2))',
    'SELECT * APPLY(max) FROM (SELECT 1 AS a)',
    'SELECT * APPLY(quantile(0.5)) FROM (SELECT 1 AS a)',
    'SELECT * EXCEPT (domain) REPLACE (1 AS status) FROM calls',
    "SELECT COLUMNS('^d') FROM calls",
    'SELECT sumIf(bytes, status = 200), quantilesDDIf(0.01, 0.5)(bytes, 1), uniqHLL12StateIf(visitor, 1), countOrNull() FROM calls',
    'SELECT count() OVER (PARTITION BY domain ORDER BY timestamp ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM calls',
    'SELECT day, count() FROM calls GROUP BY day WITH TOTALS ORDER BY day WITH FILL LIMIT 3',
    'SELECT CASE status WHEN 200 THEN 1 ELSE 2 END, CASE WHEN 1 THEN 2 END, status::Int8, status BETWEEN 1 AND 2 FROM calls',
    "SELECT now() - INTERVAL 1 DAY, extract(YEAR FROM now()), dateAdd(day, 1, now()), DATE '2026-11-01'",
    'SELECT 1 SETTINGS join_use_nulls = 1, session_timezone = \'Europe/Paris\'',
    'SELECT (SELECT 1 SETTINGS join_use_nulls = 1) AS a, 2 AS b',
    'SELECT * FROM numbers(3)',
    "SELECT * FROM values('a UInt8, b String', (1, 'x'))",
    'SELECT * FROM (VALUES (1, 2))',
    'SELECT * FROM generateSeries(1, 3)',
    "SELECT count() FROM merge('^calls$')",
    "SELECT count() FROM merge('{database}', '^calls$')",
    "SELECT * FROM activity(domains=[], from='2026-11-01 00:00:00', to=1795000000, crawlers=0)",
    "SELECT * FROM {database}.activity(domains=[], from='2026-11-01 00:00:00', to=1795000000, crawlers=0)",
    'SELECT count() FROM {database}.calls',
    'SELECT count() FROM `{database}`.`calls` AS c JOIN domains USING domain',
    'SELECT name, value, readonly FROM system.settings',
    'SELECT name, database, engine FROM system.tables',
    'SELECT count(*) FROM system.tables',
    'SELECT database, table, name, type FROM system.columns WHERE table = \'calls\'',
    'SELECT name FROM system.databases',
    'SELECT name FROM system.functions',
    'SELECT 1 FROM system.one',
    'SHOW TABLES',
    'SHOW DATABASES',
    "SHOW TABLES FROM {database} LIKE 'a%'",
    'SHOW COLUMNS FROM calls',
    'SHOW CREATE TABLE calls',
    'SHOW CREATE TABLE {database}.activity',
    'DESCRIBE TABLE calls',
    'DESC {database}.calls',
    'DESCRIBE (SELECT 1)',
    'EXISTS calls',
    'EXISTS TABLE {database}.calls',
    'EXPLAIN SELECT 1',
    'EXPLAIN PLAN actions = 1, indexes = 1 SELECT count() FROM calls',
    'EXPLAIN SYNTAX SELECT 1',
]  # fmt: skip


def filled(statement: str, database: ClickHouse) -> str:
    return statement.replace('{database}', database.address.database)


def test_there_are_attacks_of_every_kind() -> None:
    assert len(set(REFUSED)) == len(REFUSED) > 300


def test_every_attack_is_refused(database: ClickHouse, tmp_path: Path) -> None:
    places = {'{file}': str(tmp_path / 'private'), '{out}': str(tmp_path / 'out'), '{host}': '127.0.0.1:9'}
    allowed = []
    for attack in REFUSED:
        statement = filled(attack, database)
        for name, place in places.items():
            statement = statement.replace(name, place)
        try:
            allowed.append((attack, guard.check(database, statement)))
        except NotAllowed as error:
            assert '\n' not in str(error)
            assert error.remedy
        except EngineError as error:
            assert error.code == 62, attack  # what the engine cannot parse, it cannot run
    assert allowed == []


@pytest.mark.parametrize('statement', ALLOWED)
def test_what_clients_ask_is_allowed_and_runs(database: ClickHouse, statement: str) -> None:
    checked = guard.check(database, filled(statement, database))
    database.raw(f'{checked.text}\nFORMAT {checked.format or "Null"}')


@pytest.mark.parametrize('statement', HUGE)
def test_what_is_only_too_large_is_left_to_the_limits(database: ClickHouse, statement: str) -> None:
    guard.check(database, statement)


def test_every_statement_of_pages_alerts_and_documentation_is_allowed(database: ClickHouse) -> None:
    pages = [
        expand(query, *PERIOD, domains=('data.example.org', 'a \\b'), language=language)
        for language in ('en', 'fr')
        for query in queries(language)
    ]
    documented = [
        block
        for page in ('sql', 'alerts')
        for block in re.findall(r'^```sql\n(.*?)^```', (ROOT / 'docs' / f'{page}.md').read_text(), re.MULTILINE | re.DOTALL)
        if not block.startswith('CREATE')
    ]
    assert (len(pages), len(alerts(0))) > (100, 10)
    assert len(documented) > 20
    for statement in (*pages, *alerts(1_795_000_000), *documented):
        guard.check(database, statement)


def test_a_table_of_another_engine_is_refused(database: ClickHouse) -> None:
    database.command("CREATE TABLE elsewhere (n String) ENGINE = URL('http://127.0.0.1:9/', CSV)")
    database.command('CREATE VIEW seen AS SELECT 1 AS n')
    guard.check(database, 'SELECT * FROM seen')
    for statement in ('SELECT * FROM elsewhere', 'SELECT 1 IN elsewhere', f'DESC {database.address.database}.elsewhere'):
        with pytest.raises(NotAllowed):
            guard.check(database, statement)


def test_the_list_of_functions_has_only_functions_and_none_that_reaches_out(database: ClickHouse) -> None:
    listed = guard.FUNCTIONS.read_text().split()
    assert listed == sorted(set(listed))
    rows = database.query('SELECT lower(name) AS name, categories FROM system.functions')
    known = {row['name']: row['categories'] for row in rows}
    special = {'lambda', 'exists', 'grouping', 'untuple'}
    assert set(listed) - known.keys() == special
    refused = {'Dictionary', 'Embedded Dictionary', 'AI', 'Introspection', 'Machine Learning', 'Encryption'}
    assert {known[name] for name in set(listed) - special} & refused == set()


FRAGMENTS = st.sampled_from(
    [
        *("'", '"', '`', '$a$', '# ', '--', '/*', '*/', '\n', ';', '\\', '(', ')', ',', '\u2018', 'x', ' AS ', '->'),
        *('SELECT 1', 'UNION ALL', 'WITH 1 AS n', 'FROM', 'IN', 'SETTINGS', 'FORMAT CSV', 'FORMAT Null', 'EXPLAIN AST'),
        *('default.`/etc/hostname`', "file('/etc/hostname')", 'arrayMap(', 'file', '* APPLY(', 'readonly = 0', 'system.disks'),
        "INTO OUTFILE '/nowhere/x'",
    ]
)


@pytest.mark.slow
@hypothesis.settings(max_examples=300, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(st.lists(FRAGMENTS, max_size=12))
def test_no_combination_of_fragments_reads_a_file(database: ClickHouse, fragments: list[str]) -> None:
    private = Path('/etc/hostname').read_text().strip()
    try:
        checked = guard.check(database, 'SELECT ' + ' '.join(fragments))
        answer = database.raw(f'{checked.text}\nFORMAT {checked.format or "TSV"}')
    except (NotAllowed, EngineError):
        return
    assert private.encode() not in answer
