"""Each division of the calls counts what plain Python counts, for all calls and for each part, estimated and exactly."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import Any

import pytest
from databases import Databases
from known_calls import CALLS, NAMES, RENT, divided, known_of, measured, selected, selection, store

from exporter.errors import PartError
from exporter.report import divisions
from exporter.report.divisions import BY, MEASURES
from exporter.report.part import ALL, Part
from exporter.store.clickhouse import ClickHouse, connect

TREES, BUREAU = Part('id-of-trees', 'Trees', 'City'), Part(publisher=RENT.publisher)
PARTS = {
    'all': ALL,
    'trees': TREES,
    'raw': Part('raw', '', ''),
    'new': Part('new', 'Without calls', RENT.publisher),
    'bureau': BUREAU,
}
REFUSED = {
    ('dataset', 'dataset'),
    ('dataset', 'publisher'),
    ('dataset', 'theme'),
    ('publisher', 'publisher'),
    ('publisher', 'theme'),
}


@pytest.fixture(scope='module')
def portal(databases: Databases) -> Iterator[ClickHouse]:
    """The portal of known_calls.py. Tests only read it."""
    with databases.ready() as url, closing(connect(url)) as database:
        store(database)
        yield database


def rows_without_calls(by: str, part: Part) -> set[str]:
    """The parts that the catalogue lists and that no call is of."""
    if by not in ('dataset', 'publisher', 'theme'):
        return set()
    listed = [known for known in NAMES.values() if part.publisher in (None, known.publisher)]
    return {known.dataset_id if by == 'dataset' else getattr(known, by) for known in listed}


@pytest.mark.parametrize('by', BY)
@pytest.mark.parametrize('of', PARTS)
def test_a_division_counts_what_plain_python_counts(portal: ClickHouse, by: str, of: str) -> None:
    part = PARTS[of]
    if (part.kind, by) in REFUSED:
        with pytest.raises(PartError, match='cannot be divided by'):
            divisions.rows(portal, selection(part), by)
        return
    for crawlers in (False, True):
        expected = divided(selected(part, crawlers), by)
        expected |= {key: measured([]) for key in rows_without_calls(by, part) - expected.keys()}
        for count_exactly in (False, True):
            rows = divisions.rows(portal, selection(part, crawlers), by, count_exactly)
            assert all(list(row) == divisions.columns(by) for row in rows)
            assert {row[by]: {name: row[name] for name in MEASURES} for row in rows} == expected
            keys = [row[by] if by in ('month', 'week') else -row['calls'] for row in rows]
            assert keys == sorted(keys)


def test_a_data_set_has_its_title_and_publisher(portal: ClickHouse) -> None:
    rows = divisions.rows(portal, selection(ALL), 'dataset')
    known = {known.dataset_id: (known.title, known.publisher) for known in NAMES.values()}
    assert {row['dataset']: (row['title'], row['publisher']) for row in rows} == known | {'raw': ('', ''), '': ('', '')}


@pytest.mark.parametrize('part', [ALL, BUREAU])
def test_pages_of_data_sets_are_the_rows_of_the_division(portal: ClickHouse, part: Part) -> None:
    chosen = selection(part)
    rows = divisions.rows(portal, chosen, 'dataset')
    pages = [divisions.datasets(portal, chosen, False, 2, offset) for offset in range(0, 8, 2)]
    assert {number for number, _ in pages} == {len(rows)}
    assert [row for _, page in pages for row in page] == rows


def test_data_sets_by_month_have_a_row_for_each_month_with_calls(portal: ClickHouse) -> None:
    number, rows = divisions.datasets(portal, selection(BUREAU), True, 100, 0)
    months: dict[str, Any] = {}
    for call in selected(BUREAU):
        months.setdefault(f'{call.day:%Y-%m}', []).append(call)
    assert number == len(rows) == 2
    assert [(row['month'], row['dataset'], {name: row[name] for name in MEASURES}) for row in rows] == [
        (month, 'rent-1', measured(calls)) for month, calls in sorted(months.items())
    ]
    assert list(rows[0]) == ['month', *divisions.columns('dataset')]


def test_calls_with_a_body_and_without_a_data_set_are_counted(database: ClickHouse) -> None:
    posts = [call.row() | {'method': 'POST'} for call in CALLS if not call.dataset_id]
    database.insert_rows('calls', posts, token='posts')
    others = [call for call in selected(ALL) if not call.dataset_id and call.action in ('query', 'other')]
    assert others
    assert all(known_of(call) is None for call in others)
    assert divisions.unnamed(database, selection(ALL)) == len(others)


@pytest.mark.parametrize(
    ('first', 'last', 'by', 'lacks'),
    [
        ('2026-11-10', '2026-11-19', None, False),
        ('2026-11-09', '2026-11-19', None, True),
        ('2026-11-01', '2026-11-19', 'week', True),
        ('2026-11-01', '2026-11-19', 'month', False),
        ('2026-10-01', '2026-10-31', 'dataset', False),
        ('2026-10-01', '2026-10-30', 'dataset', True),
        ('2026-10-02', '2026-11-19', 'publisher', True),
    ],
)
def test_calls_that_are_deleted_and_not_in_a_sum_are_noticed(
    database: ClickHouse, first: str, last: str, by: str | None, lacks: bool
) -> None:
    assert divisions.removed_before(database, selection(ALL, first=first, last=last), by) is None
    database.insert_rows('retention', [{'at': '2026-11-19 00:00:00', 'calls_from': date(2026, 11, 10)}], token='retention')
    expected = date(2026, 11, 10) if lacks else None
    assert divisions.removed_before(database, selection(ALL, first=first, last=last), by) == expected
