"""Reads a catalogue from a file or a URL: finds out what it is, and yields its data sets."""

from collections.abc import Iterator

from exporter.catalogue import csv_file
from exporter.catalogue.dataset import Dataset
from exporter.catalogue.fetch import Answer, Fetcher, is_url, open_file, parse_url
from exporter.errors import InputError

KINDS = 'CKAN, Opendatasoft, udata, DCAT-AP (Turtle, RDF/XML, JSON-LD), or a CSV file (docs/catalogue.md)'


def read(source: str, fetcher: Fetcher) -> Iterator[Dataset]:
    """Yields the data sets of a catalogue; the same one may come twice.

    Raises InputError if it cannot be read to its end.
    """
    answer = fetcher.get(parse_url(source)) if is_url(source) else open_file(source)
    yield from _read(answer)


def _read(answer: Answer) -> Iterator[Dataset]:
    with answer.path.open('rb') as file:
        start = file.read(1 << 16)
    first_line = start.removeprefix(b'\xef\xbb\xbf').lstrip().partition(b'\n')[0].decode(errors='replace')
    if not first_line:
        raise InputError(f'{answer.shown}: the catalogue is empty', 'name another one with the setting catalogue')
    if csv_file.header(first_line):
        yield from csv_file.read(answer)
        return
    raise InputError(f'{answer.shown}: not a known catalogue', f'name one of {KINDS}')
