"""`query` answers SQL that reads, in three formats, and never writes to the database or the disk."""

import csv
import io
import json
import socket
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from access_logs import run
from hypothesis import given
from hypothesis import strategies as st

from exporter.store.clickhouse import ClickHouse

pytestmark = pytest.mark.usefixtures('settings')

UNENDED = ': it ends too early, or a bracket or quote is unclosed'
WRITES = [
    'INSERT INTO victim VALUES (2)',
    'INSERT INTO victim SELECT 2',
    'WITH 2 AS n INSERT INTO victim SELECT n',
    "INSERT INTO FUNCTION file('{out}', 'CSV', 'n Int32') SELECT 1",
    'ALTER TABLE victim DELETE WHERE 1',
    'ALTER TABLE victim ADD COLUMN x Int32',
    'DELETE FROM victim WHERE 1',
    'UPDATE victim SET n = 2 WHERE 1',
    'DROP TABLE victim',
    'DROP DATABASE default',
    'TRUNCATE TABLE victim',
    'RENAME TABLE victim TO other',
    'EXCHANGE TABLES victim AND calls',
    'OPTIMIZE TABLE victim FINAL',
    'CREATE TABLE other (n Int32) ENGINE = Memory',
    'CREATE OR REPLACE VIEW victim AS SELECT 1',
    'CREATE TEMPORARY TABLE other (n Int32)',
    'CREATE FUNCTION f AS (x) -> x',
    'ATTACH TABLE other (n Int32) ENGINE = File(CSV)',
    'DETACH TABLE victim',
    'UNDROP TABLE victim',
    'SYSTEM STOP MERGES',
    'SYSTEM SHUTDOWN',
    "KILL QUERY WHERE query_id = 'x'",
    'KILL MUTATION WHERE 1',
    'SET readonly = 0',
    'SET max_threads = 1',
    'USE system',
    'GRANT ALL ON *.* TO default',
    'CREATE USER someone',
    "BACKUP TABLE victim TO File('{out}')",
    'PARALLEL WITH (DROP TABLE victim) (DROP TABLE calls)',
    'EXPLAIN INSERT INTO victim SELECT 2',
    'EXPLAIN AST INSERT INTO victim VALUES (2)',
    'EXPLAIN SYNTAX INSERT INTO victim SELECT 2',
    'EXPLAIN PIPELINE INSERT INTO victim SELECT 2',
    "SELECT * FROM file('{out}', 'CSV', 'n Int32')",
    "SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'n Int32')",
    "SELECT * FROM s3('http://127.0.0.1:9/b/x.csv', 'CSV', 'n Int32')",
    "SELECT * FROM remote('127.0.0.1:9', system.one)",
    "SELECT * FROM executable('touch {out}', 'CSV', 'n Int32')",
    "SELECT * FROM sqlite('{out}', 'x')",
    "DESCRIBE TABLE `sq\\x6Cite`('{out}', 'x')",
    'SELECT 1 SETTINGS readonly = 0',
    "SELECT * FROM (SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'n Int32') SETTINGS readonly = 0)",
    'SELECT 1; INSERT INTO victim VALUES (2)',
    'SELECT 1; INSERT INTO victim SELECT 2; SELECT 1',
    'SELECT 1;; DROP TABLE victim',
    'SELECT 1 -- a comment\n; DROP TABLE victim',
    # what is a text or a comment to us is none to the engine, and the other way about
    "SELECT 1 # '\n; INSERT INTO victim SELECT 2; SELECT 1 # '",
    "SELECT 1 #! '\n; DROP TABLE victim; SELECT 1 # '",
    "SELECT $a$ ' $a$; INSERT INTO victim SELECT 2; SELECT $a$ ' $a$",
    'SELECT $a$ /* $a$; DROP TABLE victim; SELECT $a$ */ $a$',
    'SELECT \u2018 " \u2019; INSERT INTO victim SELECT 2; SELECT \u2018 " \u2019',
    "SELECT 1 -- '\n; INSERT INTO victim SELECT 2; SELECT 1 -- '",
    "SELECT 1 INTO OUTFILE '{out}'",
    "select 1 into outfile '{out}' format CSV",
    "SELECT 1 INTO\n/* ' */\nOUTFILE '{out}'",
    "SELECT 1 INTO -- '\n OutFile '{out}' -- '",
    "SELECT 1 INTO OUTFILE '{out}' TRUNCATE",
    "SELECT 1 INTO OUTFILE '{out}' AND STDOUT",
    "SELECT 1 # '\n INTO OUTFILE '{out}' # '",
    "SELECT $a$ ' $a$ INTO OUTFILE '{out}'",
    "SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '{out}'",
    "WITH 1 AS n SELECT n INTO OUTFILE '{out}'",
    "SHOW TABLES INTO OUTFILE '{out}'",
    "DESCRIBE victim INTO OUTFILE '{out}'",
    "EXPLAIN SELECT 1 INTO OUTFILE '{out}'",
    "EXISTS TABLE victim INTO OUTFILE '{out}'",
    "SELECT 1) INTO OUTFILE '{out}' --",
    "(SELECT 1) INTO OUTFILE '{out}'",
    '', ';', '-- nothing', '/* nothing */',
]  # fmt: skip

READS = ('SELECT', 'WITH', 'FROM', 'SHOW', 'DESCRIBE', 'DESC', 'EXPLAIN', 'EXISTS')
HARMLESS = [
    "SELECT '\\'; INSERT INTO victim SELECT 2; SELECT '",  # one text
]


@pytest.fixture
def victim(database: ClickHouse) -> ClickHouse:
    database.command('CREATE TABLE victim (n Int32) ENGINE = MergeTree ORDER BY n')
    database.command('INSERT INTO victim SELECT 1')
    return database


def state(database: ClickHouse) -> list[Any]:
    return [
        database.query('SELECT n FROM victim'),
        database.query('SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name'),
        database.query('SELECT name FROM system.databases ORDER BY name'),
        database.query("SELECT value FROM system.settings WHERE name = 'readonly'"),
    ]


def query(sql: str) -> Any:
    result = run('query', sql, '--format', 'json')
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_no_statement_that_writes_is_run(victim: ClickHouse, tmp_path: Path) -> None:
    before = state(victim)
    out = tmp_path / 'out'
    for attack in WRITES:
        sql = attack.replace('{out}', str(out))
        result = run('query', sql)
        assert result.exit_code in (1, 2), sql
        assert result.stdout == '', sql
        assert result.stderr.startswith('error: '), sql
        assert result.stderr.count('\n') == 1, sql
        assert not out.exists(), sql
    for sql in HARMLESS:
        assert run('query', sql).exit_code == 0, sql
    assert state(victim) == before


FRAGMENTS = st.sampled_from(
    [
        *("'", '"', '`', '$a$', '# ', '#!', '--', '/*', '*/', '\n', ';', '\\', '(', ')', '\u2018', '\u2019', 'x'),
        *('SELECT 1', 'UNION ALL', 'WITH 1 AS n', 'INTO', 'OUTFILE', "'{out}'", "FROM sqlite('{out}', 'x')", 'FORMAT CSV'),
        *('INSERT INTO victim SELECT 2', 'INSERT INTO victim VALUES (2)', 'DROP TABLE victim', 'SET readonly = 0'),
        'SETTINGS readonly = 0',
    ]
)


@pytest.mark.slow
@hypothesis.settings(max_examples=60, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(st.sampled_from(READS), st.lists(FRAGMENTS, max_size=12))
def test_no_combination_of_fragments_writes(victim: ClickHouse, tmp_path: Path, begin: str, fragments: list[str]) -> None:
    out = tmp_path / 'out'
    result = run('query', ' '.join([begin, *fragments]).replace('{out}', str(out)))
    assert result.exit_code in (0, 1, 2)
    assert not out.exists()
    assert victim.query('SELECT n FROM victim') == [{'n': 1}]


@pytest.mark.usefixtures('victim')
def test_statements_that_read_are_answered() -> None:
    assert query('SELECT n FROM victim') == [{'n': 1}]
    assert query('  select n from victim ;  ') == [{'n': 1}]
    assert query("SELECT 'a;b' AS a -- and ; a comment") == [{'a': 'a;b'}]
    assert query('SELECT 1 AS a; -- the end') == [{'a': 1}]
    assert query('(SELECT 1 AS a) UNION ALL (SELECT 2)') == [{'a': 1}, {'a': 2}]
    assert query('WITH 3 AS n SELECT n') == [{'n': 3}]
    assert query('FROM victim SELECT n') == [{'n': 1}]
    assert query("SHOW TABLES LIKE 'vict%'") == [{'name': 'victim'}]
    assert query('DESCRIBE TABLE victim')[0]['name'] == 'n'
    assert query('EXISTS TABLE victim') == [{'result': 1}]
    assert query('EXPLAIN SELECT 1')
    assert query('SELECT n AS format FROM victim ORDER BY format DESC') == [{'format': 1}]
    assert query("SELECT * FROM activity(domains=[], from='2026-11-01 08:00:00', to='2026-11-01 09:00:00', crawlers=0)") == [
        {'day': '2026-11-01', 'time': '2026-11-01 00:00:00', 'calls': 0}
    ]


@pytest.mark.usefixtures('victim')
def test_values_of_other_types_become_json() -> None:
    assert query("SELECT 0 / 0 AS a, [1, 2] AS b, toDate('2026-11-01') AS c, map('x', 1) AS d, NULL AS e") == [
        {'a': None, 'b': [1, 2], 'c': '2026-11-01', 'd': {'x': 1}, 'e': None}
    ]


@pytest.mark.usefixtures('victim')
def test_csv_and_table() -> None:
    sql = "SELECT * FROM (SELECT 1 AS n, 'a, \"b\"' AS text UNION ALL SELECT 22, 'c') ORDER BY n"
    lines = list(csv.DictReader(io.StringIO(run('query', sql, '--format', 'csv').stdout)))
    assert lines == [{'n': '1', 'text': 'a, "b"'}, {'n': '22', 'text': 'c'}]
    table = [line.rstrip() for line in run('query', sql).stdout.splitlines()]
    assert table == [' n   text', '───────────', ' 1   a, "b"', '22   c']


@pytest.mark.usefixtures('victim')
def test_an_empty_result_still_has_its_columns() -> None:
    sql = 'SELECT n, n + 1 AS m FROM victim WHERE n > 1 -- none'
    assert run('query', sql, '--format', 'csv').stdout == 'n,m\n'
    assert run('query', sql).stdout.splitlines()[0].split() == ['n', 'm']
    assert query(sql) == []
    assert run('query', "SHOW TABLES LIKE 'none'", '--format', 'csv').exit_code == 0


@pytest.mark.parametrize(
    ('sql', 'message'),
    [
        ('SELECT 1 FORMAT CSV', 'the clause FORMAT is not allowed; use the option --format'),
        ('select 1 format JSONEachRow settings join_use_nulls = 1', 'this end of the statement is not allowed; end it with'),
        ('SELECT 1; SELECT 2', 'only one statement is allowed; delete the text after the semicolon'),
        ('DROP TABLE calls', 'only statements that read are allowed; begin with one of SELECT, WITH'),
        ("SELECT 1 INTO OUTFILE 'x'", 'INTO OUTFILE is not allowed: it writes a file; redirect the output'),
        ('', 'only statements that read are allowed'),
        ("SELECT 'caf\udce9'", 'the statement is not valid UTF-8'),
    ],
)
def test_a_refused_statement_has_a_remedy(sql: str, message: str) -> None:
    result = run('query', sql)
    assert (result.exit_code, result.stdout) == (2, '')
    assert result.stderr.startswith(f'error: {message}')


@pytest.mark.usefixtures('victim')
def test_it_reads_no_file_and_connects_to_no_other_host(tmp_path: Path) -> None:
    (tmp_path / 'private').write_text('private')
    with socket.create_server(('127.0.0.1', 0)) as host:
        host.setblocking(False)
        url = f"'http://127.0.0.1:{host.getsockname()[1]}/x.csv'"
        for sql in [
            f"SELECT file('{tmp_path}/private')",
            f"SELECT $a$ ' $a$, file('{tmp_path}/private') AS b",
            f"SELECT 1 -- '\n, \"file\"('{tmp_path}/private') -- '",
            f"SELECT arrayMap(x -> file(x), ['{tmp_path}/private'])",
            f"SELECT arrayMap(file, ['{tmp_path}/private'])",
            f"SELECT * APPLY(`f\\x69le`) FROM (SELECT '{tmp_path}/private')",
            f"DESCRIBE file('{tmp_path}/private', 'CSV')",
            f'DESCRIBE url({url})',
            f'DESCRIBE TABLE `u\\x72l`({url})',
            f'DESCRIBE (SELECT * FROM "URL"\n/* */ ({url}))',
            f'DESCRIBE s3({url})',
            f"DESCRIBE s3Cluster('default', {url})",
            f'EXPLAIN SELECT * FROM url({url})',
            f'EXPLAIN AST DESCRIBE gcs({url})',
            f"DESCRIBE remote('127.0.0.1:{host.getsockname()[1]}', system.one)",
            f"DESCRIBE remoteSecure('127.0.0.1:{host.getsockname()[1]}', system.one)",
            f"DESCRIBE mysql('127.0.0.1:{host.getsockname()[1]}', 'a', 'b', 'c', 'd')",
            f'DESCRIBE iceberg({url})',
            f'DESCRIBE deltaLake({url})',
            "DESCRIBE executable('id', 'CSV')",
        ]:
            result = run('query', sql)
            assert (result.exit_code, result.stdout, result.stderr.count('\n')) == (2, '', 1), sql
            with pytest.raises(BlockingIOError):
                host.accept()
    assert query("SELECT 'file(' AS a, /* url( */ number AS url FROM numbers(1) -- s3(") == [{'a': 'file(', 'url': 0}]
    assert query('SELECT * APPLY(max) FROM victim') == [{'max(n)': 1}]


@pytest.mark.usefixtures('victim')
@pytest.mark.parametrize(
    ('sql', 'message'),
    [
        ('SELECT * FORM calls', ' at (calls): calls'),
        ('SELECT *\nFORM calls', ' at (calls) (line 2, col 6): calls'),
        ('SELECT 1 WHERE 1 =', UNENDED),
        ('SELECT (1', UNENDED),
        ("SELECT 'a", UNENDED),
    ],
)
def test_invalid_sql_is_wrong_usage(sql: str, message: str) -> None:
    result = run('query', sql)
    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        '',
        f'error: invalid SQL{message}; see the examples in docs/sql.md\n',
    )


@pytest.mark.usefixtures('victim')
def test_an_error_of_the_engine_is_one_line() -> None:
    result = run('query', 'SELECT * FROM nowhere')
    assert (result.exit_code, result.stdout) == (1, '')
    assert 'nowhere' in result.stderr
    assert result.stderr.count('\n') == 1
