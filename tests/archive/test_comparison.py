"""An archive agrees with the database until something changed; then the figures and the reason are named."""

import json
from pathlib import Path
from typing import Any

import pytest
from access_logs import run
from months import DOMAIN, OTHER, archived, check, line, store

from exporter.store.clickhouse import ClickHouse

pytestmark = pytest.mark.usefixtures('settings')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An archive of two portals, whose calls came from several logs, one of them from September to November."""
    store(tmp_path, 'first', *(line('trees', day=day, ip=day) for day in range(1, 31)), line('', path='/', day=2))
    store(tmp_path, 'across', *(line('air', day=day, user='alice') for day in (0, 2, 31, 33)), line('air', day=3))
    store(tmp_path, 'other', *(line('trees', day=day) for day in (4, 5)), domain=OTHER)
    return archived(tmp_path / 'published')


def differing(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The differences by reason."""
    result = check(folder)
    rows = json.loads(result.stdout)
    assert result.exit_code == bool(rows), result.output
    by_reason = dict[str, list[dict[str, Any]]]()
    for row in rows:
        by_reason.setdefault(row.pop('reason'), []).append(row)
    return by_reason


def figures(rows: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    return {(row['domain'], row['dataset'], row['figure'], row['archived'], row['now']) for row in rows}


def test_nothing_differs_at_first_or_after_calls_of_other_months(folder: Path, tmp_path: Path) -> None:
    assert differing(folder) == {}
    store(tmp_path, 'later', line('trees', day=32), line('trees', day=0))
    assert differing(folder) == {}


def test_a_late_import(folder: Path, tmp_path: Path) -> None:
    store(tmp_path, 'late', line('trees', day=3), line('water', day=3))
    [(reason, rows)] = differing(folder).items()
    assert reason == 'late import: logs with 2 calls were stored after the archive'
    assert figures(rows) == {
        (DOMAIN, '', 'calls', '34', '36'),
        (DOMAIN, '', 'queries', '33', '35'),
        (DOMAIN, 'trees', 'calls', '30', '31'),
        (DOMAIN, 'trees', 'queries', '30', '31'),
        (DOMAIN, 'water', 'calls', '0', '1'),
        (DOMAIN, 'water', 'queries', '0', '1'),
        (DOMAIN, 'water', 'users', '0', 'fewer than 5'),
    }


def test_a_portal_whose_first_calls_came_late(folder: Path, tmp_path: Path) -> None:
    store(tmp_path, 'late', line('trees'), domain='new.example.org')
    [(reason, rows)] = differing(folder).items()
    assert reason.startswith('late import')
    assert {row['domain'] for row in rows} == {'new.example.org'}


def test_a_log_that_was_forgotten(folder: Path, tmp_path: Path) -> None:
    run('forget', '--file', tmp_path / 'first', '--domain', DOMAIN, '--yes')
    [(reason, rows)] = differing(folder).items()
    assert reason == 'forget: logs with 31 calls were forgotten'
    assert (DOMAIN, 'trees', 'users', '30', '0') in figures(rows)
    assert (DOMAIN, '', 'calls_without_dataset', '1', '0') in figures(rows)


def test_a_log_that_was_forgotten_and_imported_again_is_as_before(folder: Path, tmp_path: Path) -> None:
    run('forget', '--file', tmp_path / 'first', '--domain', DOMAIN, '--yes')
    run('import', tmp_path / 'first', '--domain', DOMAIN)
    assert differing(folder) == {}


def test_an_account_that_was_forgotten(folder: Path) -> None:
    run('forget', '--user', 'alice', '--yes')
    [(reason, rows)] = differing(folder).items()
    assert reason == 'forget: 4 calls of an account were deleted'
    assert (DOMAIN, 'air', 'calls', '3', '1') in figures(rows)


def test_an_account_that_was_forgotten_before_explains_nothing(folder: Path, tmp_path: Path) -> None:
    run('forget', '--user', 'alice', '--yes')
    archived(folder, '--force')
    assert differing(folder) == {}
    store(tmp_path, 'late', line('air', day=3))
    assert set(differing(folder)) == {'late import: logs with 1 calls were stored after the archive'}


def test_a_portal_that_was_forgotten(folder: Path) -> None:
    run('forget', '--domain', OTHER, '--yes')
    [(reason, rows)] = differing(folder).items()
    assert reason == 'forget: logs with 2 calls were forgotten'
    assert (OTHER, 'trees', 'calls', '2', '0') in figures(rows)


def test_another_database_explains_nothing(folder: Path, database: ClickHouse) -> None:
    for table in ('calls', 'days', 'months', 'batches', 'catalogue', 'catalogue_updates'):
        database.command(f'TRUNCATE TABLE {table}')
    assert set(differing(folder)) == {'unknown'}


def test_a_newer_catalogue(folder: Path, tmp_path: Path, settings: pytest.MonkeyPatch) -> None:
    catalogue = tmp_path / 'c.csv'
    settings.setenv('USAGE_CATALOGUE', str(catalogue))
    settings.setenv('USAGE_DOMAIN', DOMAIN)
    catalogue.write_text('id,names,title\ntrees,,Trees\nwater,,Water\n')
    run('catalogue', 'update')
    [(reason, rows)] = differing(folder).items()
    assert reason.startswith('catalogue: updated 2')
    assert figures(rows) == {(DOMAIN, 'trees', 'title', '', 'Trees')}
    archived(folder, '--force')
    run('catalogue', 'update')
    assert differing(folder) == {}
    catalogue.write_text('id,names,title\ntrees,air /,Trees\n')
    run('catalogue', 'update')
    [(reason, rows)] = differing(folder).items()
    assert reason.startswith('catalogue: updated 2')
    assert (DOMAIN, 'air', 'calls', '3', '0') in figures(rows)
    assert (DOMAIN, 'trees', 'calls', '30', '33') in figures(rows)


def test_a_late_import_is_not_blamed_on_a_catalogue_with_the_same_names(
    folder: Path, tmp_path: Path, settings: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'c.csv').write_text('id,names\ntrees,t1\n')
    settings.setenv('USAGE_CATALOGUE', str(tmp_path / 'c.csv'))
    settings.setenv('USAGE_DOMAIN', DOMAIN)
    run('catalogue', 'update')
    archived(folder, '--force')
    run('catalogue', 'update')
    store(tmp_path, 'late', line('t1', day=3))
    assert set(differing(folder)) == {'late import: logs with 1 calls were stored after the archive'}


def test_other_counting_rules(folder: Path, tmp_path: Path, settings: pytest.MonkeyPatch) -> None:
    run('forget', '--file', tmp_path / 'first', '--domain', DOMAIN, '--yes')
    settings.setattr('exporter.store.ledger.Ledger.__init__.__defaults__', ('', None, 9))
    settings.setenv('USAGE_IGNORE', '{"paths": ["*trees*"]}')
    run('import', tmp_path / 'first', '--domain', DOMAIN)
    [(reason, _)] = differing(folder).items()
    assert 'counting rules: version 2 then, 2, 9 now' in reason
    assert 'forget: logs with 31 calls' in reason


def test_removed_calls_change_nothing_until_their_sums_are_removed(folder: Path, settings: pytest.MonkeyPatch) -> None:
    settings.setenv('USAGE_KEEP_CALLS_DAYS', '1')
    run('prune')
    assert differing(folder) == {}
    settings.setenv('USAGE_KEEP_ROLLUPS_DAYS', '1')
    run('prune')
    [(reason, rows)] = differing(folder).items()
    assert reason == 'retention: calls were removed by their age'
    assert (OTHER, '', 'calls', '2', '0') in figures(rows)


def test_a_portals_archive_ignores_the_others(folder: Path, tmp_path: Path) -> None:
    (folder / '2024-10.csv').unlink()
    (folder / '2024-10.json').unlink()
    archived(folder, '--domain', DOMAIN)
    store(tmp_path, 'late', line('trees', day=3), domain=OTHER)
    assert differing(folder) == {}


def test_another_minimum_or_time_zone_in_the_settings_changes_no_archive(folder: Path, settings: pytest.MonkeyPatch) -> None:
    settings.setenv('USAGE_PUBLIC_MINIMUM', '50')
    settings.setenv('USAGE_TIMEZONE', 'Asia/Tokyo')
    assert differing(folder) == {}
