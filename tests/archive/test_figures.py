"""The numbers of a month are those of the views, and the coverage those of the calls."""

from datetime import date
from pathlib import Path

import pytest
from access_logs import CRAWLER, run
from months import DOMAIN, line, store

from exporter.archive.figures import Numbers, read
from exporter.archive.manifest import Gap
from exporter.store.clickhouse import ClickHouse

pytestmark = pytest.mark.usefixtures('settings')
OCTOBER = date(2024, 10, 1)


def numbers(database: ClickHouse, minimum: int = 1) -> Numbers:
    result = read(database, DOMAIN, 'UTC', OCTOBER, minimum)
    assert result
    return result


def test_the_rows_of_data_sets_and_the_totals(database: ClickHouse, tmp_path: Path) -> None:
    file = '/explore/dataset/trees/files/a/download/'
    store(
        tmp_path,
        'log',
        *(line('trees', ip=ip) for ip in (1, 2, 3)),
        *(line('', path='/api/explore/v2.1/catalog/datasets/trees/exports/csv', minute=minute) for minute in (1, 2)),
        line('', path='/explore/dataset/trees/'),
        line('air', user='alice'),
        line('', path=file.replace('trees', 'air')).replace('"Mozilla', f'"{CRAWLER} Mozilla'),
        line('', path='/'),
        line('trees', day=0),
        line('trees', day=32),
    )
    result = numbers(database)
    assert list(result.lines) == ['air', 'trees']
    expected = {'calls': '6', 'queries': '3', 'downloads': '1', 'page_views': '1', 'users': '3'}
    assert result.lines['trees'].items() >= expected.items()
    assert result.lines['trees'].items() >= {'month': '2024-10', 'domain': DOMAIN, 'title': '', 'publisher': ''}.items()
    total = result.portal
    assert (total.calls, total.queries, total.downloads, total.page_views) == (8, 4, 1, 1)
    assert (total.users, total.calls_without_dataset) == (4, 1)


def test_a_data_set_of_the_catalogue_has_a_row_without_calls(
    database: ClickHouse, tmp_path: Path, settings: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'c.csv').write_text('id,names,title,publisher\nwater,w1,"Water, of wells",City\ntrees,t1,Trees,Parks\n')
    settings.setenv('USAGE_CATALOGUE', str(tmp_path / 'c.csv'))
    settings.setenv('USAGE_DOMAIN', DOMAIN)
    store(tmp_path, 'log', line('t1'), line('trees'))
    assert run('catalogue', 'update').exit_code == 0
    lines = numbers(database).lines
    assert {name: (row['title'], row['publisher'], row['calls'], row['users']) for name, row in lines.items()} == {
        'water': ('Water, of wells', 'City', '0', '0'),
        'trees': ('Trees', 'Parks', '2', '1'),
    }


def test_few_users_are_not_told(database: ClickHouse, tmp_path: Path) -> None:
    store(tmp_path, 'log', *(line('air', ip=ip) for ip in range(4)), *(line('trees', ip=ip) for ip in range(5)))
    result = numbers(database, 5)
    assert {name: row['users'] for name, row in result.lines.items()} == {'air': 'fewer than 5', 'trees': '5'}
    assert (result.portal.users, result.portal.public_minimum) == (5, 5)
    assert numbers(database, 6).portal.users == 'fewer than 6'


def test_no_calls_no_numbers(database: ClickHouse, tmp_path: Path) -> None:
    assert read(database, DOMAIN, 'UTC', OCTOBER, 5) is None
    store(tmp_path, 'log', line('trees', day=0), line('trees', day=32))
    assert read(database, DOMAIN, 'UTC', OCTOBER, 5) is None


def test_gaps_of_more_than_a_day(database: ClickHouse, tmp_path: Path) -> None:
    days = [1, 2, 5, 6, 7, *range(8, 30)]
    store(tmp_path, 'log', *(line('trees', day=day) for day in days), line('trees', day=2, hour=23, minute=59))
    coverage = numbers(database).portal.coverage
    assert (coverage.first_call, coverage.last_call) == ('2024-10-01T08:00:00+00:00', '2024-10-29T08:00:00+00:00')
    assert coverage.gaps == [
        Gap('2024-10-02T23:59:00+00:00', '2024-10-05T08:00:00+00:00'),
        Gap('2024-10-29T08:00:00+00:00', '2024-11-01T00:00:00+00:00'),
    ]


def test_the_coverage_of_removed_calls_is_told_by_day(database: ClickHouse, tmp_path: Path, settings: pytest.MonkeyPatch) -> None:
    store(tmp_path, 'log', *(line('trees', day=day) for day in (1, 2, 5, 6, *range(7, 32))))
    before = numbers(database)
    settings.setenv('USAGE_KEEP_CALLS_DAYS', '1')
    assert run('prune').exit_code == 0
    after = numbers(database)
    assert after.lines == before.lines
    coverage = after.portal.coverage
    assert (coverage.first_call, coverage.last_call) == ('2024-10-01', '2024-10-31')
    assert coverage.gaps == [Gap('2024-10-03T00:00:00+00:00', '2024-10-05T00:00:00+00:00')]
