"""The schema is applied to any state that an earlier or a killed program left."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from requests_read import READ

from exporter.errors import SchemaError
from exporter.model.counting_rules import CHANGES, VERSION, event_id
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect
from exporter.store.rollups import ROLLUPS

FILES = sorted(schema.SQL.rglob('*.sql'))
TABLES = {'calls', *ROLLUPS, 'batches', 'events', 'retention', 'migrations', 'catalogue', 'catalogue_updates'}


@pytest.fixture
def empty(database_url: str) -> Iterator[ClickHouse]:
    """An open, empty database."""
    opened = connect(database_url)
    yield opened
    opened.close()


def objects(database: ClickHouse) -> dict[str, str]:
    """The CREATE statement of each table and view, without the name of the database."""
    rows = database.query('SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name')
    names = [row['name'] for row in rows]
    created = {name: database.query(f'SHOW CREATE TABLE `{name}`')[0]['statement'] for name in names}
    return {name: text.replace(f'{database.address.database}.', '') for name, text in created.items()}


def names(changes: list[schema.Change]) -> list[str]:
    return [change.name for change in changes]


def record(database: ClickHouse, name: str, digest: str) -> None:
    database.command(f"INSERT INTO migrations (name, digest) VALUES ('{name}', '{digest}')")


def drop_all(database: ClickHouse) -> None:
    for name in objects(database):
        database.command(f'DROP TABLE IF EXISTS `{name}`')


@pytest.mark.no_database
def test_an_empty_database_gets_the_whole_schema_once(empty: ClickHouse) -> None:
    every = [*schema.migrations(), *schema.counting_rules_changes(), *schema.views()]
    assert names(schema.pending(empty)) == names(every)
    watched = list[tuple[str, float]]()
    assert schema.apply(empty, lambda text, done: watched.append((text, done))) == every
    assert watched == []  # nothing takes long
    assert schema.applied(empty) == {change.name: change.digest for change in every}
    made = objects(empty)
    assert schema.pending(empty) == []
    assert schema.apply(empty) == []
    assert objects(empty) == made
    assert made.keys() == TABLES | {f'{rollup}_mv' for rollup in ROLLUPS} | set(names(schema.views()))
    [row] = empty.query('SELECT count() AS records, countIf(applied_at > now() - 600) AS recent FROM migrations')
    assert row == {'records': len(every), 'recent': len(every)}


@pytest.mark.no_database
def test_pending_and_applied_change_nothing(empty: ClickHouse) -> None:
    schema.pending(empty)
    assert schema.applied(empty) == {}
    assert objects(empty) == {}


def test_a_database_newer_than_the_program_is_refused_in_one_line(database: ClickHouse) -> None:
    record(database, '9998_next', '')
    record(database, '9999_after_that', '')
    for refused in (schema.pending, schema.apply):
        with pytest.raises(SchemaError) as error:
            refused(database)
        assert str(error.value) == (
            f'{database.address.shown}: the schema is newer than this program (it has 9999_after_that); install a newer usage-exporter'
        )


def test_a_database_with_later_counting_rules_is_refused(database: ClickHouse) -> None:
    record(database, f'counting_rules_{VERSION + 1}', '')
    with pytest.raises(SchemaError, match=f'newer than this program .it has counting_rules_{VERSION + 1}'):
        schema.pending(database)


def test_only_a_view_with_a_changed_text_is_replaced(database: ClickHouse) -> None:
    made = objects(database)
    record(database, 'summary', 'digest of an earlier text')
    database.command('CREATE OR REPLACE VIEW summary AS SELECT 1 AS earlier')
    assert names(schema.pending(database)) == ['summary']
    assert names(schema.apply(database)) == ['summary']
    assert objects(database) == made
    assert schema.pending(database) == []


@pytest.mark.slow
@pytest.mark.no_database
@pytest.mark.parametrize('recorded', [True, False])
def test_the_schema_is_completed_from_the_state_after_any_statement(empty: ClickHouse, recorded: bool) -> None:
    """An earlier program stops after a migration, a killed one between two statements or before the record. In a new database
    nothing is recorded before the last migration.
    """
    steps = [(change, statement) for change in schema.migrations() for statement in change.statements]
    states = []
    for done in range(len(steps) + 1):
        drop_all(empty)
        empty.command(schema.RECORD)
        for (change, statement), following in zip(steps[:done], [*steps[1:], None], strict=False):
            empty.command(statement)
            if recorded and following and following[0] != change:
                record(empty, change.name, change.digest)
        schema.apply(empty)
        states.append(objects(empty))
        assert schema.pending(empty) == []
    assert all(state == states[0] for state in states)


def test_lines_skipped_by_an_earlier_program_count_as_skipped_by_path(empty: ClickHouse) -> None:
    *earlier, _ = [change for change in schema.migrations() if change.name < '0007']
    for change in earlier:
        for statement in change.statements:
            empty.command(statement)
    empty.command("INSERT INTO batches (batch_id, state, skipped) VALUES ('a', 'done', 7), ('b', 'done', 0), ('c', 'begun', 0)")
    schema.apply(empty)
    rows = empty.query('SELECT skipped_by_reason AS skips FROM batches ORDER BY batch_id')
    assert [row['skips'] for row in rows] == [{'path': 7}, {}, {}]


@pytest.mark.no_database
@pytest.mark.parametrize('interrupted_after', [0, 1, 2])
def test_a_zero_of_an_earlier_program_becomes_unknown(empty: ClickHouse, interrupted_after: int) -> None:
    call = {'timestamp': '2026-11-02 12:00:00', 'domain': 'a.example', 'day': '2026-11-02', 'hour': '2026-11-02 12:00:00'}
    numbers = [(200, 5), (0, 0), (404, 0), (0, 7)]
    [*_, migration] = [change for change in schema.migrations() if change.name <= '0008_unknown_values']
    for change in schema.migrations():
        for statement in change.statements if change.name < migration.name else ():
            empty.command(statement)
    calls = [call | {'path': f'{status}', 'status': status, 'duration_ms': duration} for status, duration in numbers]
    empty.insert_rows('calls', calls, 'one')
    for statement in migration.statements[:interrupted_after]:
        empty.command(statement)
    watched = list[tuple[str, float]]()

    def watch(text: str, done: float) -> None:
        watched.append((text, done))

    schema.apply(empty, watch)
    assert [text for text, done in watched if done == 1] == [
        'applying 0008_unknown_values to 4 calls',
        'applying 0009_actions to 4 calls',
    ]
    empty.insert_rows('calls', calls, 'one')  # the new program repeats an insert of the earlier one
    empty.insert_rows('calls', [call | {'path': 'later', 'status': 200, 'duration_ms': 0}, call], 'two')
    stored = [(row['status'], row['duration_ms']) for row in empty.query('SELECT status, duration_ms FROM calls ORDER BY ALL')]
    assert stored == [(200, 0), (200, 5), (404, None), (None, 7), (None, None), (None, None)]
    assert empty.query('SELECT sum(days.calls) AS calls FROM days') == [{'calls': 6}]
    watched.clear()
    assert schema.apply(empty, watch) == []
    assert watched == []


def test_applying_the_schema_again_keeps_the_calls(database: ClickHouse) -> None:
    call = {'timestamp': '2026-11-02 12:00:00', 'domain': 'a.example', 'day': '2026-11-02', 'hour': '2026-11-02 12:00:00'}
    database.insert_rows('calls', [call], 'one')
    database.command('TRUNCATE TABLE migrations')
    changes = schema.migrations() + schema.counting_rules_changes() + schema.views()
    assert names(schema.apply(database)) == names(changes)
    database.insert_rows('calls', [call], 'two')
    for table in ('calls', *ROLLUPS):
        [row] = database.query(f'SELECT {"count()" if table == "calls" else f"sum({table}.calls)"} AS calls FROM {table}')
        assert row == {'calls': 2}, table


def test_calls_ledger_and_rollups_deduplicate_inserts(database: ClickHouse) -> None:
    made = objects(database)
    fed = {match[1] for text in made.values() if (match := re.match(r'CREATE MATERIALIZED VIEW \S+ TO (\w+)', text))}
    assert fed == set(ROLLUPS)
    for table in fed | {'calls', 'batches'}:
        assert 'non_replicated_deduplication_window = 10000' in made[table], table


def test_statements_are_split_at_semicolons() -> None:
    text = r"""
    -- the crawlers' calls; not counted
    CREATE TABLE a (b String COMMENT 'it''s; -- this', c String DEFAULT '\';'); -- and the views'
    ;
    CREATE TABLE d (e UInt8)
    """
    assert list(schema.statements(text)) == [
        r"CREATE TABLE a (b String COMMENT 'it''s; -- this', c String DEFAULT '\';')",
        'CREATE TABLE d (e UInt8)',
    ]


@pytest.mark.parametrize('calls_removed', [False, True])
def test_a_view_is_one_statement_with_all_conditions_expanded(calls_removed: bool) -> None:
    for change in schema.views(calls_removed):
        [statement] = change.statements
        assert statement.startswith(f'CREATE OR REPLACE VIEW {change.name} AS\n')
        assert '{{' not in statement


@pytest.mark.parametrize('file', FILES, ids=lambda file: file.stem)
def test_no_file_names_a_database(file: Path) -> None:
    text = '\n'.join(schema.statements(file.read_text()))
    assert re.findall(r'\b(?:FROM|JOIN|INTO|TO|TABLE|VIEW|EXISTS)\s+\w+\.\w+', text) == []
    assert not re.search(rf'\b(?:usage|default)`?\.`?(?:{"|".join(TABLES)})\b', text)


def test_migrations_are_numbered_without_gaps() -> None:
    assert [int(name[:4]) for name in names(schema.migrations())] == list(range(1, len(schema.migrations()) + 1))


@pytest.mark.no_database
def test_stored_calls_get_the_action_of_their_path(empty: ClickHouse) -> None:
    """The actions are those that calls of today get; only what the query says is lost, as it is not stored."""
    paths = {path.partition('?')[0]: action for path, _, action in READ if 'service=' not in path.lower()}
    call = {'timestamp': '2026-11-02 12:00:00', 'domain': 'a.example', 'day': '2026-11-02', 'hour': '2026-11-02 12:00:00'}
    for change in schema.migrations():
        for statement in change.statements if change.name < '0009_actions' else ():
            empty.command(statement)
    empty.insert_rows('calls', [call | {'path': path} for path in paths], 'one')
    schema.apply(empty)
    rows = empty.query('SELECT path, action FROM calls')
    assert {row['path']: row['action'] for row in rows} == paths


# counting rules


def counted(database: ClickHouse, *rules: int, state: str = 'done') -> None:
    """Stores rows of the ledger as programs with these counting rules write them."""
    rows = [{'batch_id': f'{version}', 'state': state, 'domain': 'a.example', 'rules': version} for version in rules]
    database.insert_rows('batches', rows, token=f'{rules} {state}')


def upgrade_rules(database: ClickHouse) -> list[str]:
    """Upgrades the database to the newest counting rules, as if it had those before, and returns the ids of its events."""
    database.command("ALTER TABLE migrations DELETE WHERE startsWith(name, 'counting_rules_') SETTINGS mutations_sync = 1")
    assert names(schema.apply(database)) == [f'counting_rules_{version}' for version in CHANGES]
    assert schema.apply(database) == []
    return [row['id'] for row in database.query('SELECT id FROM events ORDER BY id')]


def test_an_upgrade_adds_an_event_that_says_what_changed(database: ClickHouse) -> None:
    database.command(
        "INSERT INTO batches (batch_id, state, domain) VALUES ('a', 'begun', 'a.example'), ('a', 'done', 'a.example')"
    )
    assert database.query('SELECT DISTINCT rules FROM batches') == [{'rules': 1}]  # of a program that did not record it
    assert upgrade_rules(database) == [event_id(version) for version in CHANGES]
    assert upgrade_rules(database) == [event_id(version) for version in CHANGES]  # killed before the record
    [row] = database.query('SELECT * EXCEPT (start, end), start = end AND start > now() - 600 AS now FROM events LIMIT 1')
    title, text = CHANGES[2]['en']
    assert row == {'id': 'rules-2', 'domain': '', 'title': title, 'text': text, 'tags': ['rules'], 'now': 1}


def test_an_upgrade_from_the_rules_before_adds_one_event(database: ClickHouse) -> None:
    counted(database, 1, VERSION - 1)
    assert upgrade_rules(database) == [event_id(VERSION)]


def test_without_calls_of_earlier_rules_no_event_is_added(database: ClickHouse) -> None:
    assert upgrade_rules(database) == []
    counted(database, 1)
    counted(database, 1, state='forgotten')
    assert upgrade_rules(database) == []
    counted(database, VERSION - 1, VERSION)
    assert upgrade_rules(database) == []


def test_programs_that_upgrade_at_once_add_one_event(database: ClickHouse) -> None:
    """Each of them finds no event before it adds its own."""
    counted(database, 1)
    [*_, change] = schema.counting_rules_changes()
    for _ in range(2):
        database.command(change.statements[0].replace(f"AND 'rules-{VERSION}' NOT IN (SELECT id FROM events)", ''))
    assert database.query('SELECT id FROM events') == [{'id': event_id(VERSION)}]
