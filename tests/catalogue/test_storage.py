"""A catalogue is replaced as a whole: whatever is interrupted, the old one or the new one holds."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from exporter.catalogue import storage
from exporter.catalogue.dataset import Dataset
from exporter.catalogue.storage import Update
from exporter.errors import EngineError
from exporter.store.clickhouse import ClickHouse

DOMAIN = 'data.example.org'
TREES = Dataset('trees', ('t1', '/trees.csv'), 'Trees', 'City', 'Nature', date(2026, 11, 2))


def names(database: ClickHouse, domain: str) -> dict[str, str]:
    """The data set of each name that holds."""
    return {name: row['dataset_id'] for row in storage.datasets(database, domain) for name in (row['dataset_id'], *row['names'])}


def replace(database: ClickHouse, *datasets: Dataset, domain: str = DOMAIN) -> Update:
    pairs = [(name, dataset) for dataset in datasets for name in (dataset.id, *dataset.names)]
    return storage.replace(database, domain, 'data-sets.csv', pairs, len(datasets))


def test_the_data_sets_and_their_names(database: ClickHouse) -> None:
    update = replace(database, TREES, Dataset('air', title='Air'))
    replace(database, Dataset('water'), domain='other.example.org')
    assert storage.datasets(database, DOMAIN) == [
        {'domain': DOMAIN, 'dataset_id': 'air', 'names': [], 'title': 'Air', 'publisher': '', 'theme': '', 'created': None},
        {
            'domain': DOMAIN,
            'dataset_id': 'trees',
            'names': ['/trees.csv', 't1'],
            'title': 'Trees',
            'publisher': 'City',
            'theme': 'Nature',
            'created': date(2026, 11, 2),
        },
    ]
    assert (update.datasets, update.names) == (2, 4)
    assert names(database, DOMAIN) == {'air': 'air', 'trees': 'trees', 't1': 'trees', '/trees.csv': 'trees'}
    assert storage.last_successes(database)[DOMAIN].revision == update.revision
    assert names(database, 'third.example.org') == {}


def test_revisions_grow_and_old_rows_go(database: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    first = replace(database, TREES)
    monkeypatch.setattr('time.time_ns', lambda: 5)  # a clock that was set back
    second = replace(database, Dataset('air'))
    assert second.revision > first.revision
    assert database.query('SELECT name FROM catalogue') == [{'name': 'air'}]


def test_a_failed_update_leaves_the_catalogue(database: ClickHouse) -> None:
    replace(database, TREES)
    storage.record(database, Update(DOMAIN, datetime.now(UTC), 0, 'data-sets.csv', error='cannot be read'))
    assert 't1' in names(database, DOMAIN)
    assert storage.last_updates(database)[DOMAIN].error == 'cannot be read'
    assert storage.last_successes(database)[DOMAIN].datasets == 1


@pytest.mark.parametrize('changes', range(5))
def test_an_update_that_is_interrupted_leaves_the_old_or_the_new_catalogue(
    database: ClickHouse, monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    replace(database, TREES)
    remaining = changes

    def counting(real: Callable[..., None]) -> Callable[..., None]:
        def change(*arguments: Any, **named: Any) -> None:
            nonlocal remaining
            if remaining == 0:
                raise EngineError('interrupted')
            remaining -= 1
            real(*arguments, **named)

        return change

    monkeypatch.setattr(storage, 'SLICE', 1)
    with monkeypatch.context() as broken:
        for name in ('command', 'insert_rows'):
            broken.setattr(ClickHouse, name, counting(getattr(ClickHouse, name)))
        with pytest.raises(EngineError):
            replace(database, Dataset('air', ('a1',)))
    new = changes == 4  # both rows, former names, and the row of the update
    assert set(names(database, DOMAIN)) == ({'air', 'a1'} if new else {'trees', 't1', '/trees.csv'})
    replace(database, Dataset('water'))
    assert database.query('SELECT name FROM catalogue') == [{'name': 'water'}]


def test_a_former_name_stays_while_its_data_set_exists_and_nobody_else_claims_it(database: ClickHouse) -> None:
    replace(database, Dataset('a', ('trees',)), Dataset('b', ('air',)), Dataset('gone', ('water',)))
    replace(database, Dataset('water'), domain='other.example.org')
    update = replace(database, Dataset('a', ('street-trees',), 'Trees'), Dataset('b'), Dataset('c', ('air',)))
    expected = {'a': 'a', 'street-trees': 'a', 'trees': 'a', 'b': 'b', 'c': 'c', 'air': 'c'}
    assert (names(database, DOMAIN), update.names) == (expected, 6)
    assert database.query("SELECT title FROM catalogue WHERE name = 'trees'") == [{'title': 'Trees'}]
    replace(database, Dataset('a'))
    assert names(database, DOMAIN) == {'a': 'a', 'street-trees': 'a', 'trees': 'a'}
