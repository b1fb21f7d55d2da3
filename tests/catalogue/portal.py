"""A portal for tests: a server over HTTP that answers as the API of CKAN, Opendatasoft and udata do, with faults on demand."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, request
from waitress.server import create_server

from exporter.catalogue.dataset import Dataset
from exporter.catalogue.fetch import Fetcher
from exporter.catalogue.read import read

HOSTS = ['data.example.org', '*.files.example.org']
Row = dict[str, Any]


def read_all(source: str, pauses: list[float] | None = None) -> list[Dataset]:
    """The data sets of a source; `pauses` receives the seconds between tries, which are not waited for."""
    unused = list[float]()
    with Fetcher((unused if pauses is None else pauses).append) as fetcher:
        return list(read(source, HOSTS, fetcher))


def package(number: int, host: str = 'data.example.org') -> Row:
    """A data set of CKAN."""
    resource = f'00000000-0000-0000-0000-{number:012}'
    return {
        'id': f'10000000-0000-0000-0000-{number:012}',
        'name': f'slug-{number}',
        'title': f'Title {number}',
        'organization': {'title': f'Publisher {number % 7}', 'name': 'p'},
        'groups': [{'display_name': f'Theme {number % 3}'}, {'display_name': 'Other'}],
        'resources': [
            {'id': resource, 'url': f'https://{host}/dataset/slug-{number}/resource/{resource}/download/é {number}.csv'}
        ],
        'metadata_created': f'2026-11-{number % 28 + 1:02}T10:00:00.123456',
        'state': 'active',
        'notes': 'A long description, which nobody needs. ' * 20,
        'extras': [{'key': 'spatial', 'value': '{}'}],
    }


class FakePortal:
    """What the portal has and its faults. Tests change them between requests.

    `answers`: what other paths answer. `faults` are answered first, one for each request: a status or a response.
    """

    def __init__(self) -> None:
        self.url = ''
        self.packages: list[Row] = []
        self.rows = 1_000  # the most that a page of CKAN has
        self.exported: list[Row] | None = None  # of Opendatasoft
        self.items: list[Row] | None = None  # of udata
        self.answers: dict[str, Response] = {}
        self.faults: list[int | Response] = []
        self.requests: list[str] = []
        self.passwords: list[str | None] = []  # of each request

    def app(self) -> Flask:
        """The application."""
        app = Flask(__name__)
        app.before_request(self._before)
        app.add_url_rule('/api/3/action/package_search', 'ckan', self._ckan)
        app.add_url_rule('/api/explore/v2.1/catalog/datasets', 'count', self._count)
        app.add_url_rule('/api/explore/v2.1/catalog/exports/json', 'export', self._export)
        app.add_url_rule('/api/1/datasets/', 'udata', self._udata)
        app.add_url_rule('/', 'root', lambda: '<!doctype html><html><title>Portal</title></html>')
        app.add_url_rule('/<path:path>', 'other', self._other)
        return app

    def _before(self) -> Response | None:
        self.requests.append(request.full_path)
        self.passwords.append(request.authorization.password if request.authorization else None)
        if not self.faults:
            return None
        fault = self.faults.pop(0)
        return Response('fault', fault) if isinstance(fault, int) else fault

    def _ckan(self) -> Any:
        if not self.packages:
            return Response('no CKAN', 404)
        start, rows = int(request.args.get('start', 0)), min(int(request.args.get('rows', 10)), self.rows)
        ordered = sorted(self.packages, key=lambda row: row['id'])
        return {'success': True, 'result': {'count': len(ordered), 'results': ordered[start : start + rows]}}

    def _count(self) -> Any:
        return Response('', 404) if self.exported is None else {'total_count': len(self.exported), 'results': []}

    def _export(self) -> Any:
        return Response('', 404) if self.exported is None else self.exported

    def _udata(self) -> Any:
        if self.items is None:
            return Response('', 404)
        page, size = int(request.args.get('page', 1)), int(request.args.get('page_size', 20))
        more = page * size < len(self.items)
        link = f'{self.url}/api/1/datasets/?page={page + 1}&page_size={size}'
        return {
            'data': self.items[(page - 1) * size : page * size],
            'next_page': link if more else None,
            'total': len(self.items),
        }

    def _other(self, path: str) -> Any:
        return self.answers.get(path) or Response('<html>nothing here</html>', 404)


@contextmanager
def running(portal: FakePortal) -> Iterator[FakePortal]:
    """Serves a portal and sets its `url`."""
    server = create_server(portal.app(), host='127.0.0.1', port=0, threads=4)
    portal.url = f'http://127.0.0.1:{server.effective_port}'
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield portal
    finally:
        server.close()
        thread.join(5)


def turtle(number: int) -> str:
    """A data set of DCAT-AP in Turtle, as CKAN exports it."""
    row = package(number)
    [resource] = row['resources']
    page = f'https://data.example.org/dataset/{row["name"]}'
    return f"""
<{page}> a dcat:Dataset ; dct:identifier "{row['id']}" ; dct:title "{row['title']}"@en , "Titre {number}"@fr ;
    dct:description "{row['notes']}" ; dct:issued "{row['metadata_created']}"^^xsd:dateTime ; dcat:theme <http://e.org/theme/ENVI> ;
    dcat:keyword "a" , "b" ; dct:publisher <https://data.example.org/organization/{number % 7}> ; dcat:landingPage <{page}> ;
    dcat:distribution <{page}/resource/{resource['id']}> .
<https://data.example.org/organization/{number % 7}> a foaf:Organization ; foaf:name "{row['organization']['title']}" .
<{page}/resource/{resource['id']}> a dcat:Distribution ; dct:title "CSV" ; dcat:accessURL <{page}/resource/{resource['id']}> ;
    dcat:downloadURL <{page}/resource/{resource['id']}/download/{number}.csv> .
"""


PREFIXES = """
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix hydra: <http://www.w3.org/ns/hydra/core#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix adms: <http://www.w3.org/ns/adms#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
