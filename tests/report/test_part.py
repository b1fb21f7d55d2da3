"""A part of the calls is found by any of its names; an unknown one is named in one line, with similar names."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from databases import Databases
from independent import Call
from known_calls import DOMAIN, NEW, RENT, START, TREES, ZONE, selection, store

from exporter.errors import UnknownPart
from exporter.report import divisions
from exporter.report.part import ALL, Part, find_part
from exporter.store.clickhouse import ClickHouse, connect

CITY, BUREAU = Part(publisher='City'), Part(publisher=RENT.publisher)


@pytest.fixture(scope='module')
def portal(databases: Databases) -> Iterator[ClickHouse]:
    """The portal of known_calls.py. Tests only read it."""
    with databases.ready() as url, closing(connect(url)) as database:
        store(database)
        yield database


def test_a_data_set_has_any_name_of_the_catalogue_or_of_calls(portal: ClickHouse) -> None:
    trees, rent = Part('id-of-trees', 'Trees', 'City'), Part('rent-1', RENT.title, RENT.publisher)
    for name, part in (
        ('trees', trees), ('id-of-trees', trees), ('/files/trees.csv', trees), ('rent', rent), ('/files/rent.csv', rent),
        ('new', Part('new', NEW.title, NEW.publisher)), ('raw', Part('raw', '', '')),
    ):  # fmt: skip
        assert find_part(portal, DOMAIN, name) == part, name
    assert find_part(portal, DOMAIN, 'trees', 'City') == trees
    assert find_part(portal, DOMAIN, publisher='City') == CITY
    assert find_part(portal, DOMAIN) == ALL
    assert [part.kind for part in (trees, CITY, ALL)] == ['dataset', 'publisher', 'calls']


@pytest.mark.parametrize(
    ('dataset', 'publisher', 'error'),
    [
        ('treees', None, f"{DOMAIN} has no data set 'treees'; did you mean 'trees' or 'id-of-trees'?"),
        ('RAW', None, f"{DOMAIN} has no data set 'RAW'; did you mean 'raw'?"),
        ('x' * 3_000, None, f"{DOMAIN} has no data set '{'x' * 3_000}'; the report by dataset lists them"),
        ('', None, f"{DOMAIN} has no data set ''; the report by dataset lists them"),
        (None, 'city', f"{DOMAIN} has no publisher 'city'; did you mean 'City'?"),
        (None, 'Bureau', f'{DOMAIN} has no publisher \'Bureau\'; did you mean "{RENT.publisher}"?'),
        ('trees', '', f"{DOMAIN} has no publisher ''; the report by publisher lists them"),
        ('trees', RENT.publisher, f"\"{RENT.publisher}\" has no data set 'trees'; its publisher is 'City'"),
        ('raw', 'City', "'City' has no data set 'raw'; its publisher is unknown"),
    ],
)
def test_an_unknown_part_is_named_with_similar_names(
    portal: ClickHouse, dataset: str | None, publisher: str | None, error: str
) -> None:
    with pytest.raises(UnknownPart) as caught:
        find_part(portal, DOMAIN, dataset, publisher)
    assert str(caught.value) == error


def test_the_catalogue_of_another_portal_knows_nothing_here(portal: ClickHouse) -> None:
    for part in ({'dataset': TREES.dataset_id}, {'publisher': TREES.publisher}):
        with pytest.raises(UnknownPart):
            find_part(portal, 'other.example.org', **part)


@pytest.mark.parametrize(
    'name', ["l'été", r'back\slash\n', 'new\nline', 'tab\t', '{x:String}', '%s', "'; SELECT 1 --", r'\'', '\x00']
)
def test_a_name_is_never_read_as_sql(database: ClickHouse, name: str) -> None:
    database.insert_rows('calls', [Call(START, DOMAIN, ZONE, dataset_id=text).row() for text in (name, 'other')], token='calls')
    part = find_part(database, DOMAIN, name)
    assert part == Part(name, '', '')
    assert [row['calls'] for row in divisions.rows(database, selection(part), 'country', True)] == [1]
