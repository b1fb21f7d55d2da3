"""Opendatasoft: the data sets of the export of its catalogue."""

import json
from datetime import date
from pathlib import Path

from portal import FakePortal, read_all, running

from exporter.catalogue.dataset import Dataset

TREES = {
    'dataset_id': 'trees',
    'dataset_uid': 'da_x1',
    'metas': {
        'default': {'title': 'Trees', 'publisher': 'City', 'theme': ['Nature', 'Town'], 'modified': '2026-11-20T00:00:00Z'},
        'dcat': {'created': '2025-01-02T00:00:00Z', 'issued': '2025-02-03'},
    },
    'attachments': [{'id': 'map', 'url': 'https://data.example.org/api/datasets/1.0/trees/attachments/map_pdf/'}],
    'fields': [{'name': 'species'}],
}
EXPECTED = Dataset('trees', ('/api/datasets/1.0/trees/attachments/map_pdf/',), 'Trees', 'City', 'Nature', date(2025, 2, 3))


def test_the_root_of_a_portal_is_enough() -> None:
    with running(FakePortal()) as portal:
        portal.exported = [TREES, {'dataset_id': 'air', 'metas': {'default': None}, 'attachments': None}]
        assert read_all(portal.url) == [EXPECTED, Dataset('air', title='air')]
        assert read_all(f'{portal.url}/api/explore/v2.1/catalog/exports/json') == [EXPECTED, Dataset('air', title='air')]


def test_flat_metadata_and_a_saved_file(tmp_path: Path) -> None:
    file = tmp_path / 'catalog.json'
    file.write_text(json.dumps([{'dataset_id': 'a', 'default.title': 'A', 'default.publisher': 'City', 'default.theme': ['B']}]))
    assert read_all(str(file)) == [Dataset('a', title='A', publisher='City', theme='B')]
