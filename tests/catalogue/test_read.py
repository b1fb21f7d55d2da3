"""What a setting names is recognized; anything else is an error in one line that says what to do."""

from pathlib import Path

import pytest
from flask import Response
from portal import FakePortal, package, read_all, running

from exporter.errors import InputError


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (b'', 'the catalogue is empty'),
        (b' \n ', 'the catalogue is empty'),
        (b'<!DOCTYPE html><html><body>Login</body></html>', 'a web page, and no catalogue; name a CKAN'),
        (b'<?xml version="1.0"?><feed/>', 'not a known catalogue; name a CKAN'),
        (b'name,title\na,b\n', 'not a known catalogue'),
        (b'\x89PNG\r\n', 'not a known catalogue'),
        (b'{"success": true, "result": {"count": 2, "results": [{"id": "a"}, {"i', 'invalid JSON, or cut off'),
        (b'[{"dataset_id": "a"}, {"data', 'invalid JSON, or cut off'),
        (b'{"a": 1}', 'not the JSON of a known catalogue'),
        (b'[1, 2]', 'not the JSON of a known catalogue'),
        (b'[{"dataset_id": "\xff"}]', 'byte 17 is not UTF-8'),
        (b'[' * 1_000_000, 'not the JSON of a known catalogue'),
        (b'[{"dataset_id": "a", "metas": ' + b'{"a":' * 1_000_000, 'the JSON is nested too deeply'),
        (b'[{"dataset_id": " "}]', "the data set '' has no identifier"),
    ],
)
def test_a_file_that_is_no_catalogue(tmp_path: Path, text: bytes, message: str) -> None:
    file = tmp_path / 'catalogue.json'
    file.write_bytes(text)
    with pytest.raises(InputError) as raised:
        read_all(str(file))
    assert message in str(raised.value)
    assert '\n' not in str(raised.value)


@pytest.mark.parametrize(('path', 'message'), [('missing', 'no such file'), ('.', 'not a file'), ('/dev/zero', 'not a file')])
def test_a_path_that_is_no_file(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(InputError, match=f'{path}: {message}'):
        read_all(path if path != 'missing' else str(tmp_path / path))


def test_a_page_of_a_portal_leads_to_its_catalogue() -> None:
    with running(FakePortal()) as portal:
        portal.packages = [package(1)]
        portal.answers['api/3/action'] = Response('<html>API</html>')
        assert len(read_all(f'{portal.url}/')) == 1


def test_a_web_page_of_something_else_is_an_error() -> None:
    with running(FakePortal()) as portal, pytest.raises(InputError, match=r'127\.0\.0\.1:\d+/: a web page, and no catalogue'):
        read_all(portal.url)


def test_a_csv_file_over_http() -> None:
    with running(FakePortal()) as portal:
        portal.answers['sets.csv'] = Response('id,title\na,A\n', mimetype='text/csv')
        assert [dataset.title for dataset in read_all(f'{portal.url}/sets.csv')] == ['A']


def test_a_portal_that_is_busy_is_not_taken_for_something_else() -> None:
    with (
        running(FakePortal()) as portal,
        pytest.raises(InputError, match='package_search: answers 429; the catalogue before it stays'),
    ):
        portal.faults = [429]
        read_all(portal.url)
