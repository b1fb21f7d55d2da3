"""The pages match Grafana's own types: no unknown option, no invalid value."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from dashboards import PAGES
from files import ROOT

pytestmark = pytest.mark.slow
TYPES = ROOT / 'grafana' / 'types'
PINNED = json.loads((TYPES / 'package.json').read_text())['devDependencies']
MISTAKES = [
    ('"colorMode": "none"', '"colorMode": "nothing"'),
    ('"wideLayout":', '"wideLayouts":'),
    ('"barWidthFactor": 0.3', '"barWidthFactor": "0.3"'),
    ('"type": "stat"', '"type": "stats"'),
    ('"id": "custom.minWidth"', '"id": "custom.minWidths"'),
    ('"valueDisplayMode": "text"', '"valueDisplayMode": "texts"'),
    ('"hide": 2', '"hide": 7'),
    ('"keepTime": true', '"keepTimes": true'),
]


@pytest.mark.skipif(not shutil.which('npm'), reason='needs npm: install the Debian package npm')
def test_every_page_has_grafanas_types_and_mistakes_are_found(tmp_path: Path) -> None:
    subprocess.run(['npm', 'install', '--silent'], cwd=TYPES, check=True)
    for name in ('page.ts', 'tsconfig.json'):
        shutil.copy(TYPES / name, tmp_path)
    (tmp_path / 'node_modules').symlink_to(TYPES / 'node_modules')
    right = [json.dumps(page) for page in PAGES.values()]
    wrong = [right[0].replace(*mistake, 1) for mistake in MISTAKES]
    assert right[0] not in wrong
    pages = [f'export const page{number}: Page = {page};' for number, page in enumerate(right + wrong)]
    (tmp_path / 'pages.ts').write_text('\n'.join([*pages, "import type { Page } from './page';"]), encoding='utf-8')
    compiled = subprocess.run(
        [TYPES / 'node_modules' / '.bin' / 'tsc'], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    faulty_lines = {int(line) for line in re.findall(r'^pages\.ts\((\d+),\d+\): error', compiled.stdout, re.MULTILINE)}
    assert faulty_lines == {len(right) + number for number in range(1, len(wrong) + 1)}, compiled.stdout
    assert 'page.ts' not in compiled.stdout


def test_the_types_have_the_version_of_grafana_in_compose() -> None:
    [version] = re.findall(r'image: grafana/grafana:(\S+)', (ROOT / 'docker-compose.yml').read_text())
    assert PINNED['@grafana/schema'] == version
    assert all(re.fullmatch(r'[\d.]+', pinned) for pinned in PINNED.values())


def test_no_lock_file_names_a_registry() -> None:
    assert not (TYPES / 'package-lock.json').exists()
    assert 'package-lock=false' in (TYPES / '.npmrc').read_text().splitlines()
    assert 'node_modules/' in (ROOT / '.gitignore').read_text().splitlines()
