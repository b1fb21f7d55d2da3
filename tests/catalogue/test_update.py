"""An update stores what the catalogue has and keeps former names; a failure is recorded and changes nothing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from portal import FakePortal, package, running

from exporter.catalogue import storage, update
from exporter.catalogue.fetch import Fetcher
from exporter.config import PortalRules, Settings
from exporter.errors import InputError
from exporter.store.clickhouse import ClickHouse

DOMAIN = 'data.example.org'


@pytest.fixture
def portal() -> Iterator[FakePortal]:
    with running(FakePortal()) as portal:
        portal.packages = [package(1), package(2)]
        yield portal


def settings_of(source: str) -> Settings:
    return Settings(domains={DOMAIN: PortalRules(catalogue=source)})


def names(database: ClickHouse) -> dict[str, str]:
    """The data set of each name."""
    return {
        row['name']: row['dataset_id']
        for row in database.query(f'SELECT name, dataset_id FROM catalogue WHERE {storage.CURRENT}', {'domain': DOMAIN})
    }


def run_update(source: str, database: ClickHouse) -> dict[str, str]:
    """Updates, and returns the data set of each name."""
    with Fetcher(lambda _: None) as fetcher:
        update.update(settings_of(source), DOMAIN, database, fetcher)
    return names(database)


def test_a_former_slug_still_means_its_data_set(portal: FakePortal, database: ClickHouse) -> None:
    before = run_update(portal.url, database)
    portal.packages[0]['name'] = 'new-slug'
    after = run_update(portal.url, database)
    assert after == before | {'new-slug': package(1)['id']}
    portal.packages = [package(2)]
    assert set(run_update(portal.url, database).values()) == {package(2)['id']}


def test_a_failure_is_recorded_without_the_password_and_changes_nothing(portal: FakePortal, database: ClickHouse) -> None:
    source = portal.url.replace('://', '://user:secret@') + '/?key=secret'
    before = run_update(source, database)
    portal.packages = []
    with pytest.raises(InputError):
        run_update(source, database)
    assert names(database) == before
    last = storage.last_updates(database)[DOMAIN]
    assert (last.revision, last.source) == (0, f'{portal.url}/')
    assert 'a web page, and no catalogue' in last.error
    assert 'secret' not in repr(database.query('SELECT * FROM catalogue_updates'))


def test_a_catalogue_without_data_sets_is_a_failure(tmp_path: Path, database: ClickHouse) -> None:
    (tmp_path / 'sets.csv').write_text('id\n')
    with pytest.raises(InputError, match='the catalogue has no data sets; name another one'):
        run_update(str(tmp_path / 'sets.csv'), database)


def test_serve_updates_what_is_new_failed_or_a_day_old(
    portal: FakePortal, database: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = list[str]()

    def run(source: str) -> str:
        """The line that an hour of `serve` logs."""
        lines.clear()
        log = lambda text, *values: lines.append(text % values)  # noqa: E731
        update.update_due(settings_of(source), database, log, log)
        return ''.join(lines)

    updated = f'{DOMAIN}: updated the catalogue: 2 data sets, 8 names'
    assert run(portal.url) == updated
    assert run(portal.url) == ''
    assert run(f'{portal.url}/api/3/action/package_search') == updated
    missing = f'{DOMAIN}: cannot update the catalogue, and keeps the one before: missing.csv: no such file; correct the setting catalogue'
    assert [run('missing.csv'), run('missing.csv')] == [missing, missing]
    assert run(portal.url) == updated
    monkeypatch.setattr(update, 'DAILY', timedelta(0))
    assert run(portal.url) == updated
