"""The table of a division fits the terminal, cuts no number, and is all French in French."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from exporter.report.division_table import HEADS, show_division
from exporter.report.divisions import BY, MEASURES
from exporter.report.terminal import LANGUAGES, NO_VALUE

NUMBERS = dict(zip(MEASURES, (1_234_567, 900_123, 80_456, 54_321, 12_345, 6_789, 123_456_789_012), strict=True))
DATASET = {'dataset': 'air-quality', 'title': 'The quality of the air in our city', 'publisher': 'City of Example'}


def render(rows: list[dict[str, Any]], by: str, language: str = 'en', width: int = 80, terminal: bool = True) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=terminal)
    show_division(console, rows, by, language)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize('width', [40, 60, 80, 120, 200])
@pytest.mark.parametrize('language', LANGUAGES)
def test_it_fits_and_no_number_is_cut(language: str, width: int) -> None:
    shown = render([DATASET | NUMBERS], 'dataset', language, width)
    assert max(map(len, shown.splitlines())) <= width
    numbers = re.sub(r'[\u202f,]', '', shown)
    assert all(str(NUMBERS[name]) in numbers for name in MEASURES[:-1])
    assert ('123.5 GB', '123,5 Go')[language == 'fr'] in shown.replace('\u202f', ' ')


def test_eighty_columns_show_the_title_and_a_wide_terminal_also_identifier_and_publisher() -> None:
    narrow, wide, file = (render([DATASET | NUMBERS], 'dataset', width=width, terminal=width < 300) for width in (80, 150, 300))
    assert 'The quali' in narrow
    assert all(text in wide and text in file for text in DATASET.values())
    assert 'City of Example' not in narrow
    unknown = {'dataset': 'raw', 'title': '', 'publisher': ''}
    assert re.search(r'^raw\s+1,2', render([unknown | NUMBERS], 'dataset'), re.MULTILINE)


@pytest.mark.parametrize(
    ('by', 'value', 'english', 'french'),
    [
        ('month', '2026-08', 'Aug 2026', 'août 2026'),
        ('week', '2026-08-03', '3 Aug 2026', '3 août 2026'),
        ('country', 'DE', 'Germany', 'Allemagne'),
        ('client', 'api_client', 'API client', 'client API'),
        ('action', 'download', 'download', 'téléchargement'),
        ('status', 404, '404', '404'),
        ('status', None, NO_VALUE, NO_VALUE),
        ('theme', '', NO_VALUE, NO_VALUE),
        ('publisher', 'City of Example', 'City of Example', 'City of Example'),
    ],
)
def test_parts_have_names_in_the_language(by: str, value: object, english: str, french: str) -> None:
    for language, name in (('en', english), ('fr', french)):
        lines = render([{by: value} | dict.fromkeys(MEASURES, 1)], by, language).splitlines()
        assert lines[0].split('  ')[0].startswith(HEADS[language][by])
        assert lines[-1].startswith(f'{name} ')


def test_every_head_has_a_translation() -> None:
    assert HEADS['en'].keys() == HEADS['fr'].keys() == {*BY, 'title', *MEASURES}


def test_names_cannot_control_the_terminal() -> None:
    hostile = {'dataset': 'a\x1b[2Jb', 'title': '', 'publisher': ''} | NUMBERS
    for width in (40, 80, 200):
        shown = render([hostile], 'dataset', width=width)
        assert r'a\x1b[2J' in shown
        assert '\x1b' not in shown
