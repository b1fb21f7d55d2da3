"""A browser shows the page without errors, requests and horizontal scrolling; it is accessible, and prints on few pages."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from files import ROOT
from known_calls import DOMAIN
from test_render import make_content

from exporter.page.render import render
from exporter.report.events import Event
from exporter.report.terminal import LANGUAGES

BROWSER = shutil.which('chromium')
DRIVER = ROOT / 'tests' / 'page' / 'browser'
PAGES = 4  # printed on A4
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROWSER, reason='needs chromium: install the Debian package chromium'),
    pytest.mark.skipif(not shutil.which('npm'), reason='needs npm: install the Debian package npm'),
]


@pytest.fixture(scope='module')
def driver() -> Path:
    """The folder of the script, with what it needs from npm."""
    subprocess.run(['npm', 'install', '--silent'], cwd=DRIVER, check=True)
    return DRIVER


def look(driver: Path, page: str, folder: Path) -> Any:
    """What the script saw; it leaves pictures and the PDF in the folder."""
    file = folder / 'page.html'
    file.write_text(page, encoding='utf-8')
    script = subprocess.run(
        ['node', driver / 'look.mjs', BROWSER or '', file, folder], capture_output=True, text=True, check=False
    )
    assert script.returncode == 0, script.stderr
    return json.loads(script.stdout)


@pytest.mark.parametrize('language', LANGUAGES)
def test_the_page_of_a_year_in_a_browser(driver: Path, language: str, tmp_path: Path) -> None:
    day = datetime(2026, 5, 1, tzinfo=UTC)
    texts = Event(DOMAIN, day, day, 'A title of several words that is repeated. ' * 3, 'A text of several words. ' * 30)
    row = {'title': 'Title ' * 20, 'publisher': 'x' * 150, 'calls': 123_456_789, 'users': 9_999_999, 'downloads': 9_999_999}
    content = replace(make_content(366), events=[texts] * 20, datasets=[row] * 10, publishers=[row] * 10)
    seen = look(driver, render(content, language), tmp_path)
    assert seen['console'] == []
    assert seen['requests'] == [(tmp_path / 'page.html').as_uri()]
    assert len(seen['wider']) == 6
    assert set(seen['wider'].values()) == {0}
    assert set(map(tuple, seen['violations'].values())) == {()}
    assert len(re.findall(rb'/Type\s*/Page\b', (tmp_path / 'page.pdf').read_bytes())) <= PAGES


def test_the_script_sees_mistakes(driver: Path, tmp_path: Path) -> None:
    page = (
        render(make_content(), 'en')
        .replace('--soft: #566174', '--soft: #aaa')
        .replace('<main>', '<main><img src="http://127.0.0.1:9/x">')
    )
    page = page.replace('</h1>', '</h1><p style="width:1700px">wide</p>')
    seen = look(driver, page, tmp_path)
    assert 'img-src data:' in seen['console'][0]
    assert min(seen['wider'].values()) > 0
    assert {violation.partition(':')[0] for violation in seen['violations']['light 800']} >= {'color-contrast', 'image-alt'}
