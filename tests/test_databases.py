"""A database that served one test is like a new one for the next."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest
from access_logs import DOMAIN, asked, imported, log, paths, run, summary
from databases import Databases

from exporter.config import load
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect
from exporter.store.rollups import ROLLUPS
from exporter.upkeep.retention import remove_old

pytestmark = pytest.mark.slow
CALL = {'timestamp': '2026-11-02 12:00:00', 'domain': DOMAIN, 'day': '2026-11-02', 'hour': '2026-11-02 12:00:00'}
FED = ('calls', *ROLLUPS)


@pytest.fixture
def own(databases: Databases) -> Iterator[Databases]:
    """Databases that no other test has used."""
    with closing(Databases(databases.engine_url, resting=1)) as own:
        yield own


def rows(database: ClickHouse) -> dict[str, int]:
    tables = database.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'migrations'"
    )
    return {row['name']: database.query(f'SELECT count() AS n FROM {row["name"]}')[0]['n'] for row in tables}


def calls(database: ClickHouse, table: str) -> int:
    return int(database.query(f'SELECT {"count()" if table == "calls" else f"sum({table}.calls)"} AS n FROM {table}')[0]['n'])


def test_tests_at_the_same_time_have_databases_of_their_own(own: Databases) -> None:
    with own.ready() as first, own.ready() as second, own.missing() as third:
        assert len({first, second, third}) == 3


def test_a_database_serves_again_when_others_have_served_in_between(own: Databases) -> None:
    own.resting = 3
    urls = list[str]()
    for _ in range(6):
        with own.ready() as url:
            urls.append(url)
    assert len(set(urls)) == 3
    assert urls[3:] == urls[:3]


@pytest.mark.usefixtures('settings')
def test_no_row_of_any_table_is_left(own: Databases, settings: pytest.MonkeyPatch) -> None:
    with own.ready() as url:
        settings.setenv('USAGE_CLICKHOUSE_URL', url)
        assert imported('-', stdin=log(range(20))) == summary(stored=20)
        assert run('events', 'add', 'an event', '--start', '2026-11-01').exit_code == 0
        with closing(connect(url)) as database:
            database.insert_rows('retention', [{'calls_from': '2020-01-01'}], 'retention')
            for table in ('catalogue', 'catalogue_updates'):
                database.insert_rows(table, [{'domain': DOMAIN}], table)
            filled = rows(database)
    assert filled.keys() == {*FED, 'batches', 'events', 'retention', 'catalogue', 'catalogue_updates'}
    assert all(filled.values())
    with own.ready() as again, closing(connect(again)) as database:
        assert again == url
        assert rows(database) == dict.fromkeys(filled, 0)
        assert schema.pending(database) == []
        settings.setenv('USAGE_CLICKHOUSE_URL', url)
        assert imported('-', stdin=log(range(20))) == summary(stored=20)
        assert paths(database, DOMAIN) == asked(range(20))


@pytest.mark.parametrize(
    'meanwhile',
    [
        'SELECT 1',
        'OPTIMIZE TABLE {} FINAL',
        'DELETE FROM {} WHERE 1',
        'TRUNCATE TABLE {}',
        'ALTER TABLE {} DETACH PARTITION ALL',
    ],
)
def test_tokens_of_inserts_are_forgotten(own: Databases, meanwhile: str) -> None:
    with own.ready() as url, closing(connect(url)) as database:
        for token in ('one', 'one', 'two'):
            database.insert_rows('calls', [CALL], token)
        assert [calls(database, table) for table in FED] == [2] * len(FED)
        for table in FED:
            database.command(meanwhile.format(table))
    with own.ready() as again, closing(connect(again)) as database:
        assert [calls(database, table) for table in FED] == [0] * len(FED)
        for token in ('one', 'two', 'two'):
            database.insert_rows('calls', [CALL], token)
        assert [calls(database, table) for table in FED] == [2] * len(FED)


@pytest.mark.parametrize(
    'change',
    [
        'DROP VIEW summary',
        'DROP TABLE migrations',
        'CREATE TABLE another (n UInt8) ENGINE = Memory',
        'CREATE OR REPLACE VIEW summary AS SELECT 1 AS earlier',
        "ALTER TABLE calls ADD CONSTRAINT small CHECK path != '/api/2'",
        'ALTER TABLE calls MODIFY SETTING non_replicated_deduplication_window = 0',
        "ALTER TABLE calls DELETE WHERE user_id = 'alice' SETTINGS mutations_sync = 1",
        "INSERT INTO migrations (name, digest) VALUES ('9999_later', '')",
        'TRUNCATE TABLE migrations',
    ],
)
def test_a_database_that_a_test_changed_does_not_serve_again(own: Databases, change: str) -> None:
    with own.ready() as changed, closing(connect(changed)) as database:
        database.command(change)
    with own.ready() as url, closing(connect(url)) as database:
        assert url != changed
        assert schema.pending(database) == []
    names = own.connection.query('SELECT name FROM system.databases')
    assert changed.rpartition('=')[2].rpartition('/')[2] not in {row['name'] for row in names}


def test_a_database_from_which_old_calls_were_removed_serves_with_the_views_of_a_new_one(
    own: Databases, settings: pytest.MonkeyPatch
) -> None:
    with own.ready() as url, closing(connect(url)) as database:
        database.insert_rows('calls', [CALL], 'one')
        assert remove_old(load().model_copy(update={'keep_calls_days': 5}), database, date(2026, 12, 1)).calls
    with own.ready() as url, closing(connect(url)) as database:
        assert schema.pending(database) == []
        assert rows(database)['retention'] == 0


@pytest.mark.no_database
def test_a_test_may_begin_without_a_database(databases: Databases, database_url: str) -> None:
    name = database_url.rpartition('=')[2].rpartition('/')[2]
    assert not databases.connection.query('SELECT 1 FROM system.databases WHERE name = {name:String}', {'name': name})
