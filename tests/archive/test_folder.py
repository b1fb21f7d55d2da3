"""The files of an archive: written whole, read back unchanged, and refused if they are not what was written."""

import json
import stat
from pathlib import Path

import pytest
from access_logs import run
from months import DOMAIN, archived, check, line, store

pytestmark = pytest.mark.usefixtures('settings')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store(tmp_path, 'log', line('trees'), line('air'))
    return archived(tmp_path / 'published')


def error(folder: Path) -> str:
    """The only line on standard error."""
    result = check(folder)
    assert (result.exit_code, result.stderr.count('\n')) == (1, 1), result.output
    return result.stderr


def test_the_files_are_for_everybody_and_no_draft_stays(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ['2024-10.csv', '2024-10.json']
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444 for path in folder.iterdir())


def test_an_edited_table(folder: Path) -> None:
    with (folder / '2024-10.csv').open('a') as table:
        table.write('2024-10,data.example.org,,water,,9,9,9,9,9\n')
    assert '2024-10.csv: was changed since it was written (its SHA-256 differs); restore it' in error(folder)


@pytest.mark.parametrize('content', [b'', b'{', b'{}', b'[1]', b'\xff\xfe', b'[' * 100_000, b'{"month": "2024-10"}'])
def test_a_broken_json(folder: Path, content: bytes) -> None:
    (folder / '2024-10.json').write_bytes(content)
    assert '2024-10.json: not the JSON of an archive' in error(folder)


def test_a_missing_file(folder: Path) -> None:
    content = (folder / '2024-10.json').read_bytes()
    (folder / '2024-10.json').unlink()
    assert '2024-10.json: missing beside 2024-10.csv; restore it, or write it again' in error(folder)
    (folder / '2024-10.csv').unlink()
    (folder / '2024-10.json').write_bytes(content)
    assert '2024-10.csv: missing beside 2024-10.json' in error(folder)


def test_a_renamed_archive(folder: Path) -> None:
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace('10', '11'))
    assert '2024-11.json: belongs to 2024-10.csv; give both files their names back' in error(folder)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('x')
    assert f'{tmp_path}: holds no archives; name a folder' in error(tmp_path)
    assert 'cannot read the folder (No such file or directory)' in error(tmp_path / 'missing')
    assert 'cannot read the folder (Not a directory)' in error(tmp_path / 'notes.txt')


def test_other_files_beside_archives_are_left_out(folder: Path) -> None:
    for name in ('index.html', 'a.csv', '2024-10.draft', 'b', 'c', 'd'):
        (folder / name).write_text('x')
    (folder / '2024').mkdir()
    result = check(folder)
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert 'left out, since they are no archives: 2024, 2024-10.draft, a.csv, b, c and 2 more' in result.stderr


def test_what_an_interrupted_run_left_is_written_again(folder: Path) -> None:
    (folder / '2024-10.csv').unlink()
    archived(folder)
    assert check(folder).exit_code == 0


def test_a_json_of_something_else_is_not_overwritten(folder: Path) -> None:
    (folder / '2024-10.csv').unlink()
    (folder / '2024-10.json').write_text('{"mine": true}')
    result = run('archive', '--month', '2024-10', '-o', folder)
    assert result.stderr == f'error: {folder}/2024-10.json: exists; add --force to overwrite it\n'
    assert (folder / '2024-10.json').read_text() == '{"mine": true}'


def test_one_archive_that_cannot_be_read_does_not_hide_the_others(folder: Path) -> None:
    archived(folder, '--domain', DOMAIN)
    (folder / '2024-10.json').write_text('')
    store(folder.parent, 'late', line('trees', day=3))
    result = check(folder)
    assert (result.exit_code, result.stderr.count('error:')) == (1, 1)
    assert {row['figure'] for row in json.loads(result.stdout)} == {'calls', 'queries'}
