"""`forget` deletes calls from all tables and numbers, and a forgotten log can be imported again."""

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from access_logs import DOMAIN, FIRST, asked, assert_rollups_agree, imported, line, log, paths, run, summary
from calls import calls

from exporter.catalogue import storage
from exporter.catalogue.dataset import Dataset
from exporter.config import load
from exporter.errors import EngineError
from exporter.model.batch import Batch
from exporter.model.reject import Reject
from exporter.model.tally import Tally
from exporter.report import events
from exporter.spool.spool import Spool
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.system.locks import storing
from exporter.upkeep.forget import PORTAL_TABLES, forget_domain, forget_user
from exporter.upkeep.retention import remove_old

pytestmark = pytest.mark.slow
OTHER = 'other.example.org'
NUMBERS = range(40)
ANSWERS = (
    'SELECT * EXCEPT batch_id FROM calls ORDER BY ALL',
    """
    SELECT domain, day, crawler, any(timezone), sum(calls), sum(mobile_calls), sum(unlocated_calls),
        uniqHLL12Merge(registered_users), uniqHLL12Merge(anonymous_users)
    FROM days GROUP BY ALL ORDER BY ALL
    """,
    'SELECT domain, crawler, user_id, day, sum(calls) FROM accounts GROUP BY ALL ORDER BY ALL',
    'SELECT * EXCEPT calls, sum(calls) FROM places GROUP BY ALL ORDER BY ALL',
)


def answers(database: ClickHouse) -> list[list[tuple[Any, ...]]]:
    """All rows from which a number is computed."""
    return [[tuple(row.values()) for row in database.query(query)] for query in ANSWERS]


@pytest.fixture
def rejected(tmp_path: Path) -> RejectStore:
    return RejectStore(tmp_path / 'data')


@pytest.fixture
def ledger(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> Ledger:  # the settings apply to it
    """Two portals with the same calls, an event for each, and an event for every portal."""
    now = datetime.now(UTC)
    for name, domain, end in (('access.log', DOMAIN, '\n'), ('other.log', OTHER, '\r\n')):
        (tmp_path / name).write_bytes(log(NUMBERS, end))
        assert imported(name, domain=domain) == summary(stored=len(NUMBERS))
    for domain in (DOMAIN, OTHER, ''):
        events.add(database, events.Event(domain, now, now, f'of {domain}'))
    for domain in (DOMAIN, OTHER):
        storage.replace(database, domain, 'catalogue.csv', [('trees', Dataset('trees'))], 1)
    return Ledger(database)


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], bool]:
    """Runs an action during which the engine fails after some changes; returns whether the action ended before."""

    def run_until(changes: int, action: Callable[[], object]) -> bool:
        remaining = changes

        def counting(real: Callable[..., None]) -> Callable[..., None]:
            def change(*arguments: Any, **named: Any) -> None:
                nonlocal remaining
                if remaining == 0:
                    raise EngineError('interrupted')
                remaining -= 1
                real(*arguments, **named)

            return change

        with monkeypatch.context() as patch:
            for name in ('command', 'insert_rows', 'insert_file'):
                patch.setattr(ClickHouse, name, counting(getattr(ClickHouse, name)))
            try:
                action()
            except EngineError:
                return False
        return True

    return run_until


def rows(database: ClickHouse, domain: str) -> list[int]:
    """The number of rows of a portal in each table."""
    count = 'SELECT count() AS n FROM {} WHERE domain = {{domain:String}}'
    return [database.query(count.format(table), {'domain': domain})[0]['n'] for table in PORTAL_TABLES]


def test_a_portal_is_deleted_and_no_other_is_changed(ledger: Ledger, database: ClickHouse, rejected: RejectStore) -> None:
    other = rows(database, OTHER)
    assert all(rows(database, DOMAIN))
    rejected.keep(f'{DOMAIN}/log/0-9', [Reject('format', DOMAIN, 'access.log', 0, 'a')])
    rejected.keep(f'{OTHER}/log/0-9', [Reject('format', OTHER, 'access.log', 0, 'b')])
    forget_domain(database, ledger, rejected, DOMAIN)
    assert [reject.text for reject in rejected] == ['b']
    assert rows(database, DOMAIN) == [0] * len(PORTAL_TABLES)
    assert rows(database, OTHER) == other
    assert [event.domain for event in events.read(database, DOMAIN)] == ['']
    assert database.query('SELECT domain FROM domains') == [{'domain': OTHER}]


def test_every_table_with_a_domain_is_covered(database: ClickHouse) -> None:
    tables = database.query(
        "SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() AND name = 'domain'"
        " AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')"
    )
    assert {row['table'] for row in tables} == {*PORTAL_TABLES, 'batches'}  # the ledger keeps forgotten batches


def test_a_forgotten_log_is_imported_again_with_correct_rollups(
    ledger: Ledger, database: ClickHouse, rejected: RejectStore
) -> None:
    for _ in range(2):
        assert imported('access.log') == summary(already=len(NUMBERS))
        forget_domain(database, ledger, rejected, DOMAIN)
        assert imported('access.log') == summary(stored=len(NUMBERS))
        assert paths(database) == asked(NUMBERS)
        assert_rollups_agree(database)


def test_an_interrupted_forget_of_a_portal_is_finished_by_the_next(
    ledger: Ledger, database: ClickHouse, rejected: RejectStore
) -> None:
    for done in range(1, len(PORTAL_TABLES)):
        for table in PORTAL_TABLES[:done]:
            database.command(f"ALTER TABLE {table} DELETE WHERE domain = '{DOMAIN}' SETTINGS mutations_sync = 1")
        forget_domain(database, ledger, rejected, DOMAIN)
        assert rows(database, DOMAIN) == [0] * len(PORTAL_TABLES)
        assert imported('access.log') == summary(stored=len(NUMBERS))
        assert_rollups_agree(database)


def test_a_batch_that_was_only_begun_is_forgotten(database: ClickHouse, rejected: RejectStore) -> None:
    ledger = Ledger(database)
    ledger.begin(Batch(DOMAIN, 'access_log', 'cut', 0, 9))
    forget_domain(database, ledger, rejected, DOMAIN)
    assert all(ledger.entries(DOMAIN, log.name) == [] for log in ledger.logs(DOMAIN))


# one log


@pytest.fixture
def without(ledger: Ledger, database: ClickHouse, tmp_path: Path) -> list[list[tuple[Any, ...]]]:
    """The answers before the import of a second log, with the same days and users and a reject."""
    before = answers(database)
    lines = [line(number, bytes=number + 7) for number in range(20, 60)] + ['no line of a log']
    (tmp_path / 'second.log').write_text(''.join(f'{text}\n' for text in lines))
    assert imported('second.log') == summary(stored=40, format=1)
    assert answers(database) != before
    return before


def test_a_log_is_forgotten_and_can_be_imported_again(
    without: list[Any], database: ClickHouse, rejected: RejectStore, settings: pytest.MonkeyPatch
) -> None:
    after = answers(database)
    assert len(list(rejected)) == 1
    for _ in range(2):
        result = run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes')
        assert result.stdout == f'deleted 40 calls of {DOMAIN}; second.log can be imported again\n', result.output
        assert (answers(database), list(rejected)) == (without, [])
        assert imported('second.log') == summary(stored=40, format=1)
        assert (answers(database), len(list(rejected))) == (after, 1)
    run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes')
    settings.setenv('USAGE_TIMEZONE', 'Asia/Kathmandu')
    settings.setenv('USAGE_PATHS', '/api/2*')
    assert imported('second.log') == summary(stored=10, skipped={'path': 30}, format=1)
    assert_rollups_agree(database)
    run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes')
    assert answers(database) == without


def test_a_log_is_recognized_by_its_content(without: list[Any], database: ClickHouse, tmp_path: Path) -> None:
    shutil.copy(tmp_path / 'second.log', tmp_path / 'renamed.log')
    (tmp_path / 'second.log').write_bytes(log(range(900, 910)))
    missing = run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes')
    assert (missing.exit_code, missing.stderr) == (
        1, f'error: second.log: nothing of this log is stored for {DOMAIN}; name the log and the portal of its import\n'
    )  # fmt: skip
    assert run('forget', '--file', 'renamed.log', '--domain', DOMAIN, '--yes').exit_code == 0
    assert answers(database) == without


def test_an_interrupted_forget_of_a_log_is_finished_by_the_next(
    without: list[Any], database: ClickHouse, interrupt: Callable[[int, Callable[[], object]], bool]
) -> None:
    ledger, rejected = Ledger(database), RejectStore(Path('data'))

    def forget_log() -> None:
        result = run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes', '--debug')
        if result.exit_code:
            raise EngineError(result.output)

    for done in range(30):
        ended = interrupt(done, forget_log)
        if not ended:
            forget_log()
        assert (answers(database), list(rejected)) == (without, []), done
        assert imported('second.log') == summary(stored=40, format=1)
        assert_rollups_agree(database)
        if ended:
            break
    else:
        pytest.fail('the command never ended')
    assert done > 5
    assert ledger.logs(DOMAIN)


def test_an_import_between_two_attempts_to_forget_its_log_is_harmless(
    without: list[Any], database: ClickHouse, interrupt: Callable[[int, Callable[[], object]], bool]
) -> None:
    for done in range(8):
        interrupt(done, lambda: run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes'))
        run('import', 'second.log', '--domain', DOMAIN)
        run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes')
        assert answers(database) == without
        assert imported('second.log') == summary(stored=40, format=1)


def test_no_rollup_is_changed_while_an_import_is_unfinished(without: list[Any], database: ClickHouse) -> None:
    Ledger(database).begin(Batch(DOMAIN, 'access_log', 'cut', 0, 9, 'cut.log'))
    before = answers(database)
    for options in (('--file', 'second.log', '--domain', DOMAIN), ('--user', 'alice')):
        result = run('forget', *options, '--yes')
        assert (result.exit_code, result.stderr) == (
            1, f'error: {DOMAIN}: an import of cut.log was interrupted or is in progress; finish the import, then run the command again\n'
        )  # fmt: skip
    assert answers(database) == before
    assert run('forget', '--domain', DOMAIN, '--yes').exit_code == 0


def test_a_log_with_an_interrupted_import_is_forgotten(
    without: list[Any], database: ClickHouse, tmp_path: Path, interrupt: Callable[[int, Callable[[], object]], bool]
) -> None:
    run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes')
    for done in (1, 2):  # the ledger's row; the calls
        interrupt(done, lambda: run('import', 'second.log', '--domain', DOMAIN))
        assert run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes').exit_code == 0
        assert answers(database) == without
    assert imported('second.log') == summary(stored=40, format=1)


def test_a_log_of_days_whose_calls_were_removed_is_refused(
    without: list[Any], database: ClickHouse, settings: pytest.MonkeyPatch
) -> None:
    remove_old(load().model_copy(update={'keep_calls_days': 1}), database, FIRST.date() + timedelta(3))
    before = answers(database)
    result = run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes')
    assert result.exit_code == 1
    assert (
        f'{DOMAIN}: nothing was forgotten, because calls of this log up to 2024-10-31 were removed by their age' in result.stderr
    )
    assert 'forget the whole portal with forget --domain' in result.stderr
    assert answers(database) == before
    assert run('forget', '--domain', DOMAIN, '--yes').exit_code == 0
    assert rows(database, DOMAIN) == [0] * len(PORTAL_TABLES)


# one account


@pytest.mark.parametrize('domain', [None, DOMAIN])
def test_an_account_is_forgotten(ledger: Ledger, database: ClickHouse, tmp_path: Path, domain: str | None) -> None:
    before = answers(database)
    domains = (DOMAIN, OTHER) if domain is None else (DOMAIN,)
    for portal in domains:
        (tmp_path / f'{portal}.log').write_bytes(log(range(10, 20), '\n' if portal == DOMAIN else '\r\n', user='zoe'))
        assert imported(f'{portal}.log', domain=portal) == summary(stored=10)
    result = run('forget', '--user', 'zoe', '--yes', *(('--domain', domain) if domain else ()))
    assert result.stdout == f'deleted {10 * len(domains)} calls of zoe\n'
    assert answers(database) == before
    assert imported(f'{DOMAIN}.log') == summary(already=10)
    assert answers(database) == before


def test_an_account_of_one_portal_stays_on_the_other(ledger: Ledger, database: ClickHouse) -> None:
    run('forget', '--user', 'alice', '--domain', DOMAIN, '--yes')
    alice = database.query("SELECT domain FROM calls WHERE user_id = 'alice' GROUP BY domain")
    assert alice == database.query("SELECT domain FROM accounts WHERE user_id = 'alice' GROUP BY domain") == [{'domain': OTHER}]
    for domain in (DOMAIN, OTHER):
        assert_rollups_agree(database, domain)


def test_an_interrupted_forget_of_an_account_is_finished_by_the_next(
    ledger: Ledger, database: ClickHouse, tmp_path: Path, interrupt: Callable[[int, Callable[[], object]], bool]
) -> None:
    before = answers(database)
    for done in range(20):
        name = f'{done}.log'
        (tmp_path / name).write_text(''.join(line(number, user='zoe', bytes=done) + '\n' for number in range(10, 20)))
        assert imported(name) == summary(stored=10)
        ended = interrupt(done, lambda: forget_user(database, DOMAIN, 'zoe'))
        forget_user(database, DOMAIN, 'zoe')
        assert answers(database) == before, done
        if ended:
            break
    assert done > 5


def test_the_sums_of_removed_calls_do_not_name_a_forgotten_account(
    ledger: Ledger, database: ClickHouse, settings: pytest.MonkeyPatch
) -> None:
    remove_old(load().model_copy(update={'keep_calls_days': 1}), database, date(2024, 11, 1))
    [alice] = database.query(
        f"SELECT sum(calls) AS calls FROM accounts WHERE user_id = 'alice' AND day < '2024-10-31' AND domain = '{DOMAIN}'"
    )
    result = run('forget', '--user', 'alice', '--domain', DOMAIN, '--yes')
    assert (
        f'warning: {alice["calls"]} calls of days before 2024-10-31 stay in the daily sums without the account' in result.stderr
    )
    assert database.query(f"SELECT 1 FROM accounts WHERE user_id = 'alice' AND domain = '{DOMAIN}'") == []


def test_rejected_lines_with_the_account_are_reported(ledger: Ledger, rejected: RejectStore) -> None:
    rejected.keep(f'{DOMAIN}/log/0-9', [Reject('format', DOMAIN, 'access.log', 0, 'a line of alice')])
    assert "warning: 1 rejected lines hold 'alice'" in run('forget', '--user', 'alice', '--yes').stderr


# confirmation and locks


@pytest.mark.parametrize('arguments', [(), ('--file', 'a', '--user', 'b'), ('--yes',), ('--user', ''), ('--user', 'anonymous')])
@pytest.mark.usefixtures('settings')
def test_the_selection_is_required(arguments: tuple[str, ...]) -> None:
    assert run('forget', *arguments).exit_code == 2


def test_without_confirmation_nothing_is_deleted(ledger: Ledger, database: ClickHouse) -> None:
    before = answers(database)
    for options, text in (
        (('--file', 'access.log', '--domain', DOMAIN), f'40 calls of {DOMAIN} that came from access.log'),
        (('--user', 'alice'), '12 calls of alice on every portal'),
        (('--domain', DOMAIN), f'40 calls of {DOMAIN}, with its sums, events and rejects'),
    ):
        for reply in (b'', b'n\n'):
            result = run('forget', *options, stdin=reply)
            assert (result.exit_code, f'Delete {text}? [y/N]' in result.output) == (1, True), result.output
    assert answers(database) == before
    assert run('forget', '--domain', DOMAIN, stdin=b'y\n').stdout.endswith(f'deleted 40 calls of {DOMAIN}\n')


def test_nothing_is_deleted_while_calls_are_being_stored(
    ledger: Ledger, database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('exporter.system.locks.PATIENCE', 0.1)
    before = answers(database)
    with storing(tmp_path / 'data'):
        result = run('forget', '--domain', DOMAIN, '--yes')
    assert (result.exit_code, 'another process is storing calls' in result.stderr) == (1, True)
    assert answers(database) == before


def test_nothing_is_deleted_while_calls_wait(
    ledger: Ledger, database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('exporter.system.locks.PATIENCE', 0.1)
    before = answers(database)

    def refused() -> None:
        for chosen in (['--user', 'alice'], ['--domain', DOMAIN]):
            result = run('forget', *chosen, '--yes')
            assert (result.exit_code, result.stderr.count('\n')) == (1, 1)
            assert 'accepted calls wait here, or in quarantine; let serve store them' in result.stderr

    with closing(Spool(tmp_path / 'data' / 'spool', 1 << 20, '', None)) as spool:  # as `serve` holds it
        spool.append(calls(DOMAIN, 1), {DOMAIN: Tally(1)})
        refused()
    refused()
    assert answers(database) == before


def test_an_account_is_forgotten_while_serve_runs(ledger: Ledger, database: ClickHouse, tmp_path: Path) -> None:
    with closing(Spool(tmp_path / 'data' / 'spool', 1 << 20, '', None)):
        assert run('forget', '--user', 'alice', '--yes').exit_code == 0
