"""DCAT-AP: the same data sets in Turtle, RDF/XML and JSON-LD, and an error for what cannot or must not be read."""

from datetime import date
from pathlib import Path

import pytest
from flask import Response
from portal import PREFIXES, FakePortal, package, read_all, running, turtle
from pyoxigraph import RdfFormat, parse, serialize

from exporter.catalogue.dataset import Dataset
from exporter.errors import InputError

RESOURCE = '00000000-0000-0000-0000-000000000003'
EXPECTED = Dataset(
    package(3)['id'],
    ('slug-3', RESOURCE, f'/dataset/slug-3/resource/{RESOURCE}/download/3.csv'),
    'Title 3',
    'Publisher 3',
    'ENVI',
    date(2026, 11, 4),
)


def converted(text: str, form: RdfFormat) -> bytes:
    result = serialize(parse(text.encode(), format=RdfFormat.TURTLE), format=form)
    assert result
    return result


@pytest.mark.parametrize(
    ('form', 'name'),
    [
        (RdfFormat.TURTLE, 'catalog.ttl'),
        (RdfFormat.N_TRIPLES, 'catalog.nt'),
        (RdfFormat.RDF_XML, 'catalog.rdf'),
        (RdfFormat.RDF_XML, 'catalog.xml'),
        (RdfFormat.JSON_LD, 'catalog.jsonld'),
        (RdfFormat.JSON_LD, 'catalog.json'),
        (RdfFormat.TURTLE, 'catalog'),
    ],
)
def test_the_same_in_every_format(tmp_path: Path, form: RdfFormat, name: str) -> None:
    (tmp_path / name).write_bytes(converted(PREFIXES + turtle(3), form))
    assert read_all(str(tmp_path / name)) == [EXPECTED]


def test_the_order_of_statements_does_not_matter(tmp_path: Path) -> None:
    lines = converted(PREFIXES + turtle(3), RdfFormat.N_TRIPLES).splitlines()
    file = tmp_path / 'catalog.nt'
    for ordered in (lines[::-1], sorted(lines)):
        file.write_bytes(b'\n'.join(ordered))
        [found] = read_all(str(file))
        assert (found.id, found.title, found.publisher, set(found.names)) == (
            EXPECTED.id,
            EXPECTED.title,
            EXPECTED.publisher,
            set(EXPECTED.names),
        )


@pytest.mark.parametrize(
    ('language', 'title'),
    [('<http://publications.europa.eu/resource/authority/language/FRA>', 'Arbres'), ('"it"', 'Trees'), ('"de-CH"', 'Bäume')],
)
def test_the_title_is_in_the_language_of_the_catalogue_or_in_english(tmp_path: Path, language: str, title: str) -> None:
    file = tmp_path / 'catalog.ttl'
    file.write_text(f"""{PREFIXES}
<https://e.org/c> a dcat:Catalog ; dct:language {language} .
<https://e.org/d/trees> a dcat:Dataset ; dct:title "Bäume"@de , "Arbres"@fr , "Trees"@en-GB ; dct:language "es" .
""")
    assert read_all(str(file)) == [Dataset('trees', title=title)]


def test_blank_nodes_literals_and_a_status(tmp_path: Path) -> None:
    file = tmp_path / 'catalog.ttl'
    file.write_text(f"""{PREFIXES}
[] a dcat:Dataset ; dct:identifier "a" ; dct:publisher [ a foaf:Agent ; foaf:name "City" ] ; dcat:theme "Nature" ;
    adms:status <http://purl.org/adms/status/Withdrawn> ; dct:created "2025" .
<urn:uuid:b> a dcat:Dataset ; dct:title "B" ; dct:publisher "Town" ; dcat:theme <http://e.org/t/1> .
<http://e.org/t/1> skos:prefLabel "Water"@en .
""")
    assert read_all(str(file)) == [
        Dataset('b', title='B', publisher='Town', theme='Water'),
        Dataset('a', title='a', publisher='City', theme='Nature', created=date(2025, 1, 1), archived=True),
    ]


def test_pages_of_hydra_are_followed_and_circles_are_an_error() -> None:
    with running(FakePortal()) as portal:

        def page(number: int, following: int) -> Response:
            link = f'<{portal.url}/catalog.ttl?page={number}> hydra:next <http://127.0.0.1/catalog.ttl?page={following}> .\n'
            return Response(PREFIXES + (link if following else '') + turtle(number), mimetype='text/turtle')

        portal.faults = [page(1, 2), page(2, 3), page(3, 0)]
        assert [dataset.title for dataset in read_all(f'{portal.url}/catalog.ttl')] == ['Title 1', 'Title 2', 'Title 3']
        assert portal.requests == ['/catalog.ttl?', '/catalog.ttl?page=2', '/catalog.ttl?page=3']
        portal.faults = [page(1, 2), page(2, 1), page(1, 2)]
        with pytest.raises(InputError, match=r'catalog\.ttl: the pages lead in a circle'):
            read_all(f'{portal.url}/catalog.ttl')


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{}]>'.format(
    ''.join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
)
RDF_XML = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}</rdf:RDF>'


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('a.ttl', f'{PREFIXES}<http://e.org/a> a dcat:Dataset ;\n  dct:title ; .\n', 'a.ttl: line 10 is invalid ('),
        ('a.ttl', f'{PREFIXES}<http://e.org/a> a dcat:Dataset ; dct:title "Tre', 'a.ttl: line 9 is invalid ('),
        ('a.ttl', f'{PREFIXES}<http://e.org/a> a dcat:Catalog .', 'there is no dcat:Dataset in it'),
        ('a.ttl', f'{PREFIXES}<http://e.org/> a dcat:Dataset ; dct:title "x" .', None),
        (
            'a.ttl',
            f'{PREFIXES}<http://e.org/> hydra:next <http://e.org/?page=2> .',
            'a.ttl: one page of several; name the address',
        ),
        ('a.rdf', BOMB + RDF_XML.format('&a9;'), 'the XML defines entities, which are not read; export it without a DTD'),
        ('a.rdf', f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{RDF_XML}', 'the XML defines entities'),
        ('a.rdf', RDF_XML[:60], 'a.rdf: line 1 is invalid (unclosed token)'),
        ('a.rdf', RDF_XML.format('<p>' * 100_000), 'the XML is nested too deeply'),
        ('a.ttl', f'{PREFIXES}<http://e.org/a> dct:title "{"x" * (40 << 20)}" .', 'a text in it is longer than 16 MB'),
        ('a.jsonld', '[' * 100_000, 'is invalid ('),
        ('a.jsonld', '{"http://e.org/p":' * 60_000, 'is invalid ('),
        ('a.jsonld', '{"@context": "https://e.org/context.jsonld", "@id": "a"}', 'names its context by an address'),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, text: str, message: str | None) -> None:
    (tmp_path / name).write_text(text)
    if message is None:
        assert read_all(str(tmp_path / name))[0].id == 'e.org'
        return
    with pytest.raises(InputError) as raised:
        read_all(str(tmp_path / name))
    assert message in str(raised.value)
    assert '\n' not in str(raised.value)


def test_bytes_that_are_not_utf_8_are_an_error_with_a_line(tmp_path: Path) -> None:
    file = tmp_path / 'a.ttl'
    file.write_bytes(f'{PREFIXES}<http://e.org/a> a dcat:Dataset ; dct:title "'.encode() + b'\xff" .')
    with pytest.raises(InputError, match=r'a\.ttl: line 9 is invalid \(Invalid UTF-8'):
        read_all(str(file))
