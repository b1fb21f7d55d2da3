"""Measures `catalogue update` of 50,000 data sets from a server on this machine: CKAN in pages, and DCAT-AP in Turtle."""

import argparse
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

PROGRAM = 'from exporter.cli import main; main()'
NOTES = 'A description of some length, as portals have it. ' * 30
RESOURCES = 3  # of a data set


def package(number: int) -> dict[str, object]:
    """A data set of CKAN, some 4 kB."""
    slug = f'data-set-{number}'
    resources = [f'{number:08}-0000-0000-0000-{each:012}' for each in range(RESOURCES)]
    return {
        'id': f'{number:08}-1111-1111-1111-{number:012}',
        'name': slug,
        'title': f'Title of data set {number}',
        'notes': NOTES,
        'organization': {'title': f'Publisher {number % 300}', 'name': f'publisher-{number % 300}'},
        'groups': [{'title': f'Theme {number % 13}'}],
        'metadata_created': f'20{number % 20 + 6:02}-03-{number % 28 + 1:02}T10:00:00.000000',
        'state': 'active',
        'tags': [{'name': f'tag-{number % 100 + each}', 'display_name': 'tag'} for each in range(6)],
        'resources': [
            {
                'id': each,
                'url': f'https://data.example.org/dataset/{slug}/resource/{each}/download/{slug}.csv',
                'name': 'A file',
                'description': NOTES[:200],
                'format': 'CSV',
            }
            for each in resources
        ],
    }


def turtle(number: int) -> str:
    """The same data set in Turtle."""
    row = package(number)
    page = f'https://data.example.org/dataset/data-set-{number}'
    files = [f'{page}/resource/{number:08}-0000-0000-0000-{each:012}' for each in range(RESOURCES)]
    text = f"""<{page}> a dcat:Dataset ; dct:identifier "{row['id']}" ; dct:title "{row['title']}" ; dct:description "{NOTES}" ;
    dct:issued "{row['metadata_created']}"^^xsd:dateTime ; dcat:theme <https://e.org/theme/{number % 13}> ;
    dcat:keyword "a", "b", "c", "d" ; dct:publisher <https://data.example.org/organization/{number % 300}> ;
    dcat:distribution {', '.join(f'<{file}>' for file in files)} .
<https://data.example.org/organization/{number % 300}> a foaf:Organization ; foaf:name "Publisher {number % 300}" .
"""
    for file in files:
        text += f"""<{file}> a dcat:Distribution ; dct:title "A file" ; dct:description "{NOTES[:200]}" ;
    dcat:accessURL <{file}> ; dcat:downloadURL <{file}/download/data.csv> .
"""
    return text


def server(number: int) -> ThreadingHTTPServer:
    """A portal with this many data sets: package_search and /catalog.ttl."""
    prefixes = """@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
    catalogue = (prefixes + ''.join(map(turtle, range(number)))).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            content, kind = catalogue, 'text/turtle'
            if 'package_search' in url.path:
                query = parse_qs(url.query)
                start, rows = int(query.get('start', ['0'])[0]), int(query['rows'][0])
                packages = [package(each) for each in range(start, min(start + rows, number))]
                content, kind = (
                    json.dumps({'success': True, 'result': {'count': number, 'results': packages}}).encode(),
                    'application/json',
                )
            self.send_response(200)
            self.send_header('Content-Type', kind)
            self.send_header('Content-Length', str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Prints nothing."""

    return ThreadingHTTPServer(('127.0.0.1', 0), Handler)


def measure(path: str, port: int, updates: int) -> str:
    """The time and the memory of the last of some updates of one embedded database."""
    with TemporaryDirectory() as directory:
        environment = os.environ | {
            'USAGE_DATA_DIR': directory,
            'USAGE_DOMAIN': 'data.example.org',
            'USAGE_CATALOGUE': f'http://127.0.0.1:{port}{path}',
        }
        command = [sys.executable, '-c', PROGRAM, 'catalogue', 'update']
        for _ in range(updates):
            began = time.monotonic()
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - began
        assert process.stdout
        output = process.stdout.read().strip()
        cpu = usage.ru_utime + usage.ru_stime
        memory = usage.ru_maxrss / 1_024
        code = os.waitstatus_to_exitcode(status)
        return f'{seconds:5.1f} s, {cpu:5.1f} s of CPU, {memory:4.0f} MB at most (exit code {code}): {output}'


def main() -> None:
    """Prints a line for each catalogue, of a first update and of a later one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--datasets', type=int, default=50_000)
    parser.add_argument('--serve', action='store_true', help='only serve, and print the port')
    options = parser.parse_args()
    if options.serve:
        listening = server(options.datasets)
        print(listening.server_port, flush=True)
        listening.serve_forever()
    # a process of its own: the peak memory of a new process includes that of the one that starts it
    command = [sys.executable, __file__, '--serve', '--datasets', str(options.datasets)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as portal:
        assert portal.stdout
        port = int(portal.stdout.readline())
        for name, path in (('CKAN', '/api/3/action/package_search'), ('Turtle', '/catalog.ttl')):
            for updates in (1, 2):
                print(f'{name}, update {updates}: {measure(path, port, updates)}', flush=True)
        portal.terminate()


if __name__ == '__main__':
    main()
