"""The archive of a month: written once, deterministic, of all portals or of one."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from access_logs import run
from months import DOMAIN, OTHER, archived, check, line, store

from exporter.archive.manifest import COVERAGE, DEFINITIONS, FIGURES

pytestmark = pytest.mark.usefixtures('settings')
HEADER = 'month,domain,publisher,dataset,title,calls,queries,downloads,page_views,users\n'


@pytest.fixture
def published(tmp_path: Path) -> Path:
    store(tmp_path, 'log', *(line('trees', ip=ip) for ip in range(6)), line('air'), line('', path='/'))
    store(tmp_path, 'other', line('trees'), domain=OTHER)
    return tmp_path / 'published'


def refusal(*options: str) -> str:
    result = run('archive', *options)
    assert (result.exit_code > 0, result.stderr.count('\n')) == (True, 1), result.output
    return result.stderr


def test_all_portals(published: Path) -> None:
    archived(published)
    table = (published / '2024-10.csv').read_text()
    assert table == HEADER + (
        '2024-10,data.example.org,,air,,1,1,0,0,fewer than 5\n'
        '2024-10,data.example.org,,trees,,6,6,0,0,6\n'
        '2024-10,open.example.net,,trees,,1,1,0,0,fewer than 5\n'
    )
    details = json.loads((published / '2024-10.json').read_text())
    assert details['sha256'] == hashlib.sha256(table.encode()).hexdigest()
    assert details['coverage'] == COVERAGE
    assert set(FIGURES) < set(details['definitions']) == set(DEFINITIONS)
    assert [portal['domain'] for portal in details['portals']] == [DOMAIN, OTHER]
    assert details['portals'][0]['counting_rules'] == [2]
    assert (details['portals'][0]['users'], details['portals'][1]['users']) == (6, 'fewer than 5')


def test_archives_of_portals_do_not_overwrite_each_other(published: Path) -> None:
    for options in ([], ['--domain', DOMAIN], ['--domain', OTHER]):
        archived(published, *options)
    assert len(list(published.glob('*.csv'))) == len(list(published.glob('*.json'))) == 3
    assert (published / f'2024-10-{OTHER}.csv').read_text().count('\n') == 2
    assert check(published).exit_code == 0


def test_the_minimum_of_each_portal(published: Path, settings: pytest.MonkeyPatch) -> None:
    settings.setenv('USAGE_PUBLIC_MINIMUM', '7')
    settings.setenv('USAGE_DOMAINS', json.dumps({OTHER: {'public_minimum': 1}}))
    archived(published)
    users = [row.rpartition(',')[2] for row in (published / '2024-10.csv').read_text().splitlines()[1:]]
    assert users == ['fewer than 7', 'fewer than 7', '1']


def test_it_is_never_overwritten_without_force(published: Path, tmp_path: Path) -> None:
    archived(published)
    before = [path.read_bytes() for path in sorted(published.iterdir())]
    store(tmp_path, 'late', line('trees', day=2))
    command = ('--month', '2024-10', '-o', str(published))
    assert refusal(*command) == f'error: {published}/2024-10.csv: exists; add --force to overwrite it\n'
    assert [path.read_bytes() for path in sorted(published.iterdir())] == before
    archived(published, '--force')
    assert check(published).exit_code == 0
    assert b'trees,,7,' in (published / '2024-10.csv').read_bytes()


def test_a_month_that_is_not_over(published: Path) -> None:
    now = datetime.now(UTC)
    assert 'is not over in UTC; archive it from' in refusal('--month', f'{now:%Y-%m}', '-o', str(published))
    assert not published.exists()


def test_a_month_ends_in_the_time_zone_of_the_portal(published: Path, settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.setenv('USAGE_TIMEZONE', 'America/New_York')
    store(tmp_path, 'west', line('trees'), line('trees', day=1, hour=2), line('trees', day=32, hour=2), domain='w.example.org')
    archived(published, '--domain', 'w.example.org')
    assert ',trees,,2,' in (published / '2024-10-w.example.org.csv').read_text()


def test_bad_input_is_one_line_and_writes_nothing(published: Path) -> None:
    to = ('-o', str(published))
    assert '2024-09 has no calls; choose a month from 2024-10 to 2024-10' in refusal('--month', '2024-09', *to)
    assert "invalid month '2024-1'" in refusal('--month', '2024-1', *to)
    assert 'x.org has no calls; choose a portal' in refusal('--month', '2024-10', '--domain', 'x.org', *to)
    assert 'give --month and -o, or --check' in refusal('--month', '2024-10')
    assert '--check takes a folder and no other option' in refusal('--check', str(published), '--force')
    assert not published.exists()


def test_a_folder_that_cannot_be_written(published: Path) -> None:
    store(published.parent, 'more', line('air', day=2))
    assert '/proc/published: cannot write the archive (' in refusal('--month', '2024-10', '-o', '/proc/published')


def test_a_file_in_the_place_of_the_folder(published: Path) -> None:
    published.write_text('x')
    assert 'published: cannot write archives here (Not a directory)' in refusal('--month', '2024-10', '-o', str(published))


def test_without_calls(tmp_path: Path) -> None:
    assert 'there are no calls yet' in refusal('--month', '2024-10', '-o', str(tmp_path))
