"""Values of catalogues become clean values, or none."""

from datetime import date

import pytest

from exporter.catalogue.dataset import clean_name, day, file_path, last_part, text

HOSTS = ['data.example.org', '*.files.example.org']


@pytest.mark.parametrize(
    ('url', 'path'),
    [
        ('https://data.example.org/a/b.csv', '/a/b.csv'),
        ('http://DATA.example.org:8080/a b/é.csv#x', '/a%20b/%C3%A9.csv'),
        ('https://a.files.example.org/%C3%A9.csv', '/%C3%A9.csv'),
        ('https://data.example.org/wfs?layer=a', ''),
        ('https://data.example.org/', ''),
        ('https://other.example.org/a.csv', ''),
        ('https://[broken/a.csv', ''),
        ('', ''),
        (None, ''),
    ],
)
def test_the_path_of_a_file_on_the_portal(url: object, path: str) -> None:
    assert file_path(url, HOSTS) == path


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        ('2026-11-02T10:00:00Z', date(2026, 11, 2)),
        ('2026-11', date(2026, 11, 1)),
        ('2026', date(2026, 1, 1)),
        ('2026-02-30', None),
        ('1905-01-01', None),
        ('9999-01-01', None),
        ('20261102', None),
        ('soon', None),
        (7, None),
    ],
)
def test_a_day(value: object, expected: date | None) -> None:
    assert day(value) == expected


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        (' a\n b ', 'a b'),
        ({'fr': 'un', 'en': 'one'}, 'one'),
        ({'fr': 'un'}, 'un'),
        ([None, 'a'], 'a'),
        ({}, ''),
        (3, ''),
        ('\ud800', '?'),
    ],
)
def test_a_text(value: object, expected: str) -> None:
    assert text(value) == expected


def test_names_are_cut_as_those_of_calls() -> None:
    values: list[object] = [7, ' a ', None, True, []]
    assert clean_name('a' * 300) == 'a' * 200
    assert clean_name('/' + 'a' * 300) == '/' + 'a' * 300
    assert [clean_name(value) for value in values] == ['7', 'a', '', '', '']


def test_the_last_part_of_an_address() -> None:
    addresses = ['https://e.org/a/b%20c', 'https://e.org/a/', 'https://e.org/a#b', 'urn:uuid:a', 'https://e.org/?a', 'a']
    assert [last_part(address) for address in addresses] == ['b c', 'a', 'b', 'a', 'e.org', 'a']
