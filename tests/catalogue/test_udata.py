"""udata: the data sets of its pages, whose links end or are refused."""

import json
from collections.abc import Iterator
from datetime import date

import pytest
from flask import Response
from portal import FakePortal, Row, read_all, running

from exporter.catalogue.dataset import Dataset
from exporter.errors import InputError


def item(number: int) -> Row:
    return {
        'id': f'{number:024x}',
        'slug': f'slug-{number}',
        'title': f'Title {number}',
        'organization': {'name': 'City'} if number else None,
        'resources': [{'id': f'r{number}', 'url': f'https://static.files.example.org/{number}.csv'}],
        'created_at': '2026-11-02T10:00:00+00:00',
        'archived': '2026-12-01' if number == 2 else None,
    }


@pytest.fixture
def portal() -> Iterator[FakePortal]:
    with running(FakePortal()) as portal:
        portal.items = [item(number) for number in range(250)]
        yield portal


def test_all_pages_from_the_root_or_the_api(portal: FakePortal) -> None:
    found = read_all(portal.url)
    assert found[2] == Dataset(f'{2:024x}', ('slug-2', 'r2', '/2.csv'), 'Title 2', 'City', '', date(2026, 11, 2), archived=True)
    assert len(found) == 250
    assert read_all(f'{portal.url}/api/1/datasets') == found


@pytest.mark.parametrize(
    ('link', 'message'),
    [
        ('{url}/api/1/datasets/?page=1', 'the pages lead in a circle'),
        ('https://other.example.org/api/1/datasets/?page=2', 'the next page is on another host'),
    ],
)
def test_links_that_lead_nowhere_are_an_error(portal: FakePortal, link: str, message: str) -> None:
    page = {'data': [item(1)], 'next_page': link.format(url=portal.url)}
    portal.faults = [Response(json.dumps(page), mimetype='application/json') for _ in range(2)]
    with pytest.raises(InputError, match=message):
        read_all(f'{portal.url}/api/1/datasets/')
