"""CKAN: the names of its data sets, and pages that are read to their end or not at all."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Response
from portal import FakePortal, package, read_all, running

from exporter.catalogue.dataset import Dataset
from exporter.errors import InputError


@pytest.fixture
def portal() -> Iterator[FakePortal]:
    with running(FakePortal()) as portal:
        portal.packages = [package(number) for number in range(5)]
        yield portal


def test_a_data_set(portal: FakePortal) -> None:
    portal.packages = [package(8)]
    assert read_all(portal.url) == [
        Dataset(
            '10000000-0000-0000-0000-000000000008',
            (
                'slug-8',
                '00000000-0000-0000-0000-000000000008',
                '/dataset/slug-8/resource/00000000-0000-0000-0000-000000000008/download/%C3%A9%208.csv',
            ),
            'Title 8',
            'Publisher 1',
            'Theme 2',
            date(2026, 11, 9),
        )
    ]


@pytest.mark.parametrize('path', ['', '/', '/api/3/action/package_search?fq=organization:x'])
def test_all_pages_are_read_from_the_root_or_the_api(portal: FakePortal, path: str) -> None:
    portal.rows = 2
    assert [dataset.names[0] for dataset in read_all(portal.url + path)] == [f'slug-{number}' for number in range(5)]
    assert ('fq=organization%3Ax' in portal.requests[-1]) == ('fq' in path)


def test_what_is_missing_or_has_another_form_does_no_harm(portal: FakePortal) -> None:
    texts = {'fr': 'Arbres', 'en-GB': 'Trees'}
    portal.packages = [
        {'id': 'a', 'title': texts, 'organization': None, 'resources': [{'url': 3}], 'groups': [], 'state': 'draft'}
    ]
    assert read_all(portal.url) == [Dataset('a', title='Trees', archived=True)]


def test_pages_that_repeat_or_end_early_are_an_error(portal: FakePortal) -> None:
    page = {'result': {'count': 9, 'results': [{'id': 'a'}]}}
    portal.answers['api/action/package_search'] = Response(json.dumps(page), mimetype='application/json')
    with pytest.raises(InputError, match='package_search: repeats the same pages; look'):
        read_all(f'{portal.url}/api/action/package_search')
    page['result']['results'] = []
    portal.answers['api/action/package_search'] = Response(json.dumps(page), mimetype='application/json')
    with pytest.raises(InputError, match='package_search: ends after 0 of 9 data sets'):
        read_all(f'{portal.url}/api/action/package_search')


def test_a_saved_answer_is_read_if_it_is_the_only_page(tmp_path: Path) -> None:
    file = tmp_path / 'answer.json'
    file.write_text(json.dumps({'success': True, 'result': {'count': 1, 'results': [package(1)]}}))
    assert [dataset.title for dataset in read_all(str(file))] == ['Title 1']
    file.write_text(json.dumps({'success': True, 'result': {'count': 7, 'results': [package(1)]}}))
    with pytest.raises(InputError, match='only 1 of 7 data sets; name the address of the portal'):
        read_all(str(file))
