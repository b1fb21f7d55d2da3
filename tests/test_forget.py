"""A portal that is taken back leaves nothing behind, and its log can be imported again as if for the first time."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from access_logs import DOMAIN, asked, assert_rollups_agree, imported, log, outcome, paths

from exporter import events
from exporter.clickhouse import ClickHouse
from exporter.forget import OF_DOMAIN, forget_domain
from exporter.ledger import Batch, Ledger

OTHER = 'other.example.org'
NUMBERS = range(40)


@pytest.fixture
def ledger(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> Ledger:  # they are in force
    """Two portals that have the same calls, an event for each and one for every portal."""
    (tmp_path / 'access.log').write_bytes(log(NUMBERS))
    now = datetime.now(UTC)
    for domain in (DOMAIN, OTHER):
        assert imported('access.log', domain=domain) == outcome(stored=len(NUMBERS))
    for domain in (DOMAIN, OTHER, ''):
        events.add(database, events.Event(domain, now, now, f'of {domain}'))
    return Ledger(database, '', None)


def rows(database: ClickHouse, domain: str) -> list[int]:
    """How many rows of a portal each table has."""
    count = 'SELECT count() AS n FROM {} WHERE domain = {{domain:String}}'
    return [database.query(count.format(table), {'domain': domain})[0]['n'] for table in OF_DOMAIN]


def test_nothing_of_the_portal_is_left_and_nothing_of_another_is_touched(ledger: Ledger, database: ClickHouse) -> None:
    other = rows(database, OTHER)
    assert all(rows(database, DOMAIN))
    assert forget_domain(database, ledger, DOMAIN) == len(NUMBERS)
    assert rows(database, DOMAIN) == [0] * len(OF_DOMAIN)
    assert rows(database, OTHER) == other
    assert [event.domain for event in events.listed(database, DOMAIN)] == ['']
    assert database.query('SELECT domain FROM domains') == [{'domain': OTHER}]


def test_every_table_that_has_a_domain_is_thought_of(database: ClickHouse) -> None:
    found = database.query(
        "SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() AND name = 'domain'"
        " AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')"
    )
    assert {row['table'] for row in found} == {*OF_DOMAIN, 'batches'}  # the ledger keeps what was forgotten


def test_the_same_log_is_imported_again_with_right_rollups_time_after_time(ledger: Ledger, database: ClickHouse) -> None:
    for _ in range(2):
        assert imported('access.log') == outcome(already=len(NUMBERS))
        forget_domain(database, ledger, DOMAIN)
        assert imported('access.log') == outcome(stored=len(NUMBERS))
        assert paths(database) == asked(NUMBERS)
        assert_rollups_agree(database)


def test_forgetting_that_was_cut_off_is_finished_by_doing_it_again(ledger: Ledger, database: ClickHouse) -> None:
    for done in range(1, len(OF_DOMAIN)):
        for table in OF_DOMAIN[:done]:
            database.command(f"ALTER TABLE {table} DELETE WHERE domain = '{DOMAIN}' SETTINGS mutations_sync = 1")
        forget_domain(database, ledger, DOMAIN)
        assert rows(database, DOMAIN) == [0] * len(OF_DOMAIN)
        assert imported('access.log') == outcome(stored=len(NUMBERS))
        assert_rollups_agree(database)


def test_a_batch_that_was_only_begun_is_forgotten_too(database: ClickHouse) -> None:
    ledger = Ledger(database, '', None)
    assert forget_domain(database, ledger, DOMAIN) == 0
    ledger.begin(Batch(DOMAIN, 'access_log', 'cut', 0, 9))
    forget_domain(database, ledger, DOMAIN)
    assert all(ledger.entries(DOMAIN, name) == [] for name in ledger.logs(DOMAIN))
