"""A restored backup is the same database: the same numbers, the same ledger, and no call counts twice."""

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from access_logs import DOMAIN, asked, assert_rollups_agree, imported, log, paths, run, summary
from clickhouse_server import ClickHouseServer
from databases import Databases
from test_forget import answers, interrupt  # noqa: F401  # a fixture

from exporter.catalogue import storage
from exporter.catalogue.dataset import Dataset
from exporter.store.clickhouse import ClickHouse, connect
from exporter.system.locks import storing

pytestmark = pytest.mark.slow
NUMBERS = range(60)
Interrupt = Callable[[int, Callable[[], object]], bool]
PERIOD = ('--domain', DOMAIN, '--from', '2024-10-30', '--to', '2024-11-02', '--format', 'json')


@pytest.fixture
def access_log(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> Path:
    """An imported log."""
    path = tmp_path / 'access.log'
    path.write_bytes(log(NUMBERS))
    assert imported(path) == summary(stored=len(NUMBERS))
    return path


@pytest.fixture
def other(databases: Databases, settings: pytest.MonkeyPatch) -> Iterator[Callable[[], ClickHouse]]:
    """Makes the program use another, empty database, and opens it."""
    with databases.missing() as url, ExitStack() as opened:

        def use() -> ClickHouse:
            settings.setenv('USAGE_CLICKHOUSE_URL', url)
            return opened.enter_context(closing(connect(url)))

        yield use


@pytest.mark.usefixtures('access_log')
@pytest.mark.parametrize('name', ['backup', 'backup.tar'])
def test_only_the_owner_reads_a_backup(tmp_path: Path, name: str) -> None:
    """A backup holds names of accounts."""
    assert run('backup', name).exit_code == 0
    target = tmp_path / name
    assert [path for path in (target, *target.rglob('*')) if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize('name', ['backup', 'backup.tar', "it's one.tar.gz"])
def test_a_restored_backup_equals_the_database(
    access_log: Path, database: ClickHouse, other: Callable[[], ClickHouse], tmp_path: Path, name: str
) -> None:
    run('events', 'add', 'Outage', '--start', '2024-10-31')
    storage.replace(database, DOMAIN, 'sets.csv', [('trees', Dataset('trees'))], 1)
    storage.replace(database, DOMAIN, 'sets.csv', [('air', Dataset('air'))], 1)
    before, report = answers(database), run('report', *PERIOD).stdout
    result = run('backup', name)
    assert (result.exit_code, result.stdout) == (0, f'wrote {name}\n')
    assert str(tmp_path / 'data' / 'secret') in result.stderr
    restored = other()
    assert run('restore', name).stdout == f'restored 60 calls from {name}\n'
    assert answers(restored) == before
    assert run('report', *PERIOD).stdout == report
    assert 'Outage' in run('events', 'list').stdout
    storage.replace(restored, DOMAIN, 'sets.csv', [('air', Dataset('air')), ('new', Dataset('air'))], 1)
    assert restored.query('SELECT name FROM catalogue ORDER BY name') == [{'name': 'air'}, {'name': 'new'}]
    for _ in range(2):
        assert imported(access_log) == summary(already=60)
    with access_log.open('ab') as file:
        file.write(log([60]))
    assert imported(access_log) == summary(already=60, stored=1)
    assert paths(restored) == asked(range(61))
    assert_rollups_agree(restored)
    assert 'fault' not in run('check').stdout


def test_restored_calls_can_be_forgotten(
    access_log: Path, database: ClickHouse, other: Callable[[], ClickHouse], tmp_path: Path
) -> None:
    """Also if calls were forgotten before the backup: ClickHouse may then consider later mutations done."""
    (tmp_path / 'second.log').write_bytes(log(range(100, 120)))
    for _ in range(2):
        imported('second.log')
        run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes')
    before = answers(database)
    imported('second.log')
    run('backup', 'backup')
    restored = other()
    run('restore', 'backup')
    assert run('forget', '--file', 'second.log', '--domain', DOMAIN, '--yes').exit_code == 0
    assert answers(restored) == before
    run('forget', '--domain', DOMAIN, '--yes')
    assert answers(restored) == [[], [], [], []]


@pytest.mark.parametrize('done', range(1, 4))
def test_a_batch_that_was_being_stored_is_stored_once_after_a_restore(
    access_log: Path, database: ClickHouse, other: Callable[[], ClickHouse], done: int, interrupt: Interrupt
) -> None:  # fmt: skip
    """The restored database does not know the token of the batch, which may be in the calls, in the sums, or in some of them."""
    with access_log.open('ab') as file:
        file.write(log(range(60, 80)))
    interrupt(min(done, 2), lambda: run('import', access_log, '--domain', DOMAIN))
    if done == 3:  # a rollup lacks what the calls have
        database.command("ALTER TABLE accounts DELETE WHERE user_id = 'alice' SETTINGS mutations_sync = 1")
    assert run('backup', 'backup').exit_code == 0
    restored = other()
    assert run('restore', 'backup').exit_code == 0
    assert_rollups_agree(restored)
    assert imported(access_log) == summary(already=60, stored=20)
    assert paths(restored) == asked(range(80))
    assert_rollups_agree(restored)


def test_each_error_names_a_remedy(
    access_log: Path, other: Callable[[], ClickHouse], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('exporter.system.locks.PATIENCE', 0.1)
    with storing(tmp_path / 'data'):
        assert 'another process is storing calls' in run('backup', 'meanwhile').stderr
    assert run('backup', 'one').exit_code == 0
    for command, message in (
        (('backup', 'one'), 'one: already exists; choose another name'),
        (('backup', 'one.zip'), 'one.zip: the embedded engine does not write .zip files; name a directory or a .tar file'),
        (('restore', 'two'), 'two: no such backup; name a backup that usage-exporter backup wrote'),
        (('restore', 'one'), 'the database is not empty; set USAGE_CLICKHOUSE_URL to an empty one'),
    ):
        result = run(*command)
        assert (result.exit_code, result.stderr.count('\n')) == (1, 1)
        assert message in result.stderr


def test_another_process_restores_a_backup(access_log: Path, settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As after the loss of a disk: another data directory, where the program keeps its database by itself."""
    assert run('backup', 'usage.tar').exit_code == 0
    settings.delenv('USAGE_CLICKHOUSE_URL')
    settings.setenv('USAGE_DATA_DIR', str(tmp_path / 'new'))
    program = [sys.executable, '-c', 'from exporter.cli import main; main()']
    for arguments, output in (
        (['restore', 'usage.tar'], 'restored 60 calls from usage.tar\n'),
        (['import', str(access_log), '--domain', DOMAIN, '--format', 'json'], '"already_stored": 60'),
        (['backup', 'again.tar'], 'wrote again.tar\n'),
    ):
        result = subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)
        assert output in result.stdout, result.stderr


def test_a_server_keeps_its_own_backups(
    engine_url: str, settings: pytest.MonkeyPatch, tmp_path: Path, access_log: Path, database: ClickHouse
) -> None:
    names = [f'served_{uuid.uuid4().hex[:12]}' for _ in range(2)]
    before = answers(database)
    run('backup', 'of_the_embedded')
    with closing(ClickHouseServer(engine_url.removeprefix('chdb://'), 'user', 'password')) as server:
        settings.setenv('USAGE_CLICKHOUSE_URL', f'http://user:password@127.0.0.1:{server.port}/{names[0]}')
        failure = run('restore', '/backup')
        assert (failure.exit_code, "use \"Disk('backups', 'usage')\"" in failure.stderr) == (1, True)
        assert run('restore', f"File('{tmp_path / 'of_the_embedded'}')").exit_code == 0  # moving to a server
        result = run('backup', f"File('{tmp_path / 'of_the_server'}')")
        assert result.exit_code == 0, result.output
        settings.setenv('USAGE_CLICKHOUSE_URL', f'http://user:password@127.0.0.1:{server.port}/{names[1]}')
        assert run('restore', f"File('{tmp_path / 'of_the_server'}')").exit_code == 0
        with closing(connect(f'http://user:password@127.0.0.1:{server.port}/{names[1]}')) as restored:
            assert answers(restored) == before
        assert imported(access_log) == summary(already=60)
        for name in names:
            server.engine.query(f'DROP DATABASE {name}')
