"""Reads a catalogue from a file or a URL: finds out what it is, and yields its data sets."""

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import PurePath

import httpx
import msgspec
from pyoxigraph import RdfFormat

from exporter.catalogue import ckan, csv_file, dcat, opendatasoft, udata
from exporter.catalogue.dataset import Dataset
from exporter.catalogue.fetch import Answer, Fetcher, is_url, open_file, parse_url
from exporter.errors import InputError

REMEDY = 'name a CKAN, Opendatasoft or udata portal, a catalogue in DCAT-AP, or a CSV file (docs/catalogue.md)'
START = 1 << 16  # bytes that tell what an answer is
RDF = {
    'text/turtle': RdfFormat.TURTLE,
    'application/n-triples': RdfFormat.TURTLE,  # which is a part of Turtle
    'application/rdf+xml': RdfFormat.RDF_XML,
    'application/ld+json': RdfFormat.JSON_LD,
    '.ttl': RdfFormat.TURTLE,
    '.nt': RdfFormat.TURTLE,
    '.rdf': RdfFormat.RDF_XML,
    '.jsonld': RdfFormat.JSON_LD,
}
HTML = re.compile(rb'<!doctype html|<html[\s>]', re.IGNORECASE)
TURTLE = re.compile(rb'@prefix\s|@base\s|prefix\s|base\s|#|_:|<[a-z][a-z0-9+.-]*:[^>\s]*>\s', re.IGNORECASE)


def read(source: str, hosts: Collection[str], fetcher: Fetcher) -> Iterator[Dataset]:
    """Yields the data sets of a catalogue; the same one may come twice. `hosts` are those of the portal's files.

    Raises InputError if it cannot be read to its end.
    """
    if not is_url(source):
        yield from _answer(open_file(source), hosts, fetcher)
        return
    url = parse_url(source)
    if '/action/package_search' in url.path:
        yield from ckan.pages(url, hosts, fetcher)
    elif url.path.rstrip('/').endswith(udata.DATASETS.rstrip('/')):
        yield from udata.pages(url, hosts, fetcher)
    elif url.path in ('', '/') and (portal := _portal(url, hosts, fetcher)):
        yield from portal
    else:
        answer = fetcher.get(url)
        if HTML.search(_start(answer)[:1_000]) and (portal := _portal(url, hosts, fetcher)):
            yield from portal
        else:
            yield from _answer(answer, hosts, fetcher)


def _portal(url: httpx.URL, hosts: Collection[str], fetcher: Fetcher) -> Iterator[Dataset] | None:
    """The data sets of the portal at this address, if it is one; its API may lie below the path."""

    def api(path: str) -> httpx.URL:
        return url.copy_with(path=url.path.rstrip('/') + path, query=None, fragment=None)

    if _is(fetcher.probe(api(ckan.SEARCH).copy_merge_params({'rows': 1})), ckan.Page):
        return ckan.pages(api(ckan.SEARCH), hosts, fetcher)
    if b'"total_count"' in fetcher.probe(api('/api/explore/v2.1/catalog/datasets').copy_merge_params({'limit': 1})):
        return opendatasoft.read(fetcher.get(api(opendatasoft.EXPORT)), hosts)
    if _is(fetcher.probe(api(udata.DATASETS).copy_merge_params({'page_size': 1})), udata.Page):
        return udata.pages(api(udata.DATASETS), hosts, fetcher)
    return None


def _is(content: bytes, shape: type) -> bool:
    try:
        msgspec.json.decode(content, type=shape)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _answer(answer: Answer, hosts: Collection[str], fetcher: Fetcher) -> Iterator[Dataset]:
    """Yields the data sets of an answer or a file, by what it begins with."""
    start = _start(answer)
    first_line = start.partition(b'\n')[0].decode(errors='replace')
    if not first_line:
        raise InputError(f'{answer.shown}: the catalogue is empty', 'name another one with the setting catalogue')
    if HTML.search(start[:1_000]):
        raise InputError(f'{answer.shown}: a web page, and no catalogue', REMEDY)
    suffix = PurePath(answer.shown).suffix.lower()
    if form := RDF.get(answer.kind) or RDF.get(suffix) or _form(start):
        yield from dcat.pages(answer, form, hosts, fetcher)
    elif start.startswith((b'{', b'[')):
        yield from _json_reader(start)(answer, hosts)
    elif csv_file.header(first_line):
        yield from csv_file.read(answer)
    else:
        raise InputError(f'{answer.shown}: not a known catalogue', REMEDY)


def _start(answer: Answer) -> bytes:
    with answer.path.open('rb') as file:
        return file.read(START).removeprefix(b'\xef\xbb\xbf').lstrip()


def _form(start: bytes) -> RdfFormat | None:
    """The format of RDF that begins with these bytes, if it is RDF."""
    if TURTLE.match(start):
        return RdfFormat.TURTLE
    if start.startswith(b'<') and b'rdf-syntax-ns#' in start:
        return RdfFormat.RDF_XML
    return RdfFormat.JSON_LD if re.match(rb'[{\[]', start) and re.search(rb'"@(?:context|graph|id|type)"', start) else None


def _json_reader(start: bytes) -> Callable[[Answer, Collection[str]], Iterator[Dataset]]:
    """The reader of an answer in JSON that begins with these bytes."""
    if start.startswith(b'['):
        return opendatasoft.read
    return udata.read if b'"next_page"' in start or b'"data"' in start[:100] else ckan.read
