"""Paths without a log, or with the log of another entry, are reported once and by readyz, metrics and check."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from access_logs import DOMAIN, asked, log, paths, run
from following import Following, append, followed
from test_follow import stored

from exporter.config import Follow
from exporter.ingest.logs import entries, follow
from exporter.store.clickhouse import ClickHouse

OTHER = 'open.example.net'
Start = Callable[..., Following]


@pytest.fixture
def start(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> Iterator[Start]:
    """Yields a function that follows the tables of the settings."""
    processes = list[Following]()

    def begin(*tables: Follow) -> Following:
        processes.append(Following(database, tmp_path / 'data', *tables))
        processes[-1].poll(2)
        return processes[-1]

    yield begin
    for process in processes:
        process.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Gives a rotation no time, unless there is a rotated log."""
    monkeypatch.setattr(follow, 'ABSENT', 0)
    return monkeypatch


def one_line(following: Following, path: Path) -> str:
    """Returns the only line logged since the last call, without the path that it begins with."""
    [message] = following.messages
    following.messages.clear()
    assert message.startswith(f'{path}: ')
    assert '\n' not in message
    return message.removeprefix(f'{path}: ')


def is_readable(following: Following, path: Path) -> bool:
    """Checks that metrics and readyz agree on the path."""
    readable = following.follower.readable[str(path)]
    assert readable == (not [fault for fault in following.follower.faults if fault.startswith(f'{path}: ')])
    return readable


ABSENT = {
    'sub/access.log': 'the directory {}/sub does not exist; correct the path in [[follow]], or create the file',
    'access.log': 'this file does not exist; correct the path in [[follow]], or create the file',
    'sub/*.log': 'the directory {}/sub does not exist; correct the path in [[follow]], or create the file',
    '*.log': 'no file matches this pattern; correct the pattern in [[follow]], or create a file that matches',
    'access[1].log': 'no file matches this pattern; correct the pattern in [[follow]], or create a file that matches',
}


@pytest.mark.parametrize('name', ABSENT)
def test_path_without_a_file_is_reported_until_there_is_one(start: Start, tmp_path: Path, name: str) -> None:
    path, file = tmp_path / name, tmp_path / name.replace('*', 'access')
    following = start(followed(path))
    assert one_line(following, path) == ABSENT[name].format(tmp_path)
    assert not is_readable(following, path)
    file.parent.mkdir(exist_ok=True)
    append(file, log(range(3)))
    following.poll(2)
    assert one_line(following, path) == 'can be read now'
    assert is_readable(following, path)
    assert stored(following) == asked(range(3))


def test_reason_why_a_path_cannot_be_followed(start: Start, tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    (tmp_path / 'link').symlink_to(tmp_path / 'nowhere')
    (tmp_path / 'circle').symlink_to(tmp_path / 'circle')
    os.mkfifo(tmp_path / 'pipe')
    right = 'grant the user of usage-exporter read permission, or correct the path in [[follow]]'
    correct = 'correct the path in [[follow]], or create the file'
    expected = {
        'file/access.log': f'cannot read {tmp_path}/file/access.log (Not a directory); {right}',
        'file/*.log': f'cannot read {tmp_path}/file (Not a directory); {right}',
        'link': f'the link {tmp_path}/link points to {tmp_path}/nowhere, which does not exist; {correct}',
        'circle': f'cannot read {tmp_path}/circle (Too many levels of symbolic links); {right}',
        'pipe': 'a pipe or a device cannot be followed; let the web server write its log to a file',
    }
    following = start(*(followed(tmp_path / name) for name in expected))
    assert following.messages == [f'{tmp_path / name}: {why}' for name, why in expected.items()]
    assert set(following.follower.readable.values()) == {False}


def test_unreadable_path_is_reported(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, 'Permission denied')

    path = tmp_path / 'logs' / '*.log'
    path.parent.mkdir()
    with monkeypatch.context() as refused:
        refused.setattr(os, 'scandir', refuse)
        following = start(followed(path))
    assert one_line(following, path).startswith(f'cannot read {tmp_path}/logs (Permission denied); grant the user')
    assert not is_readable(following, path)
    file = tmp_path / 'logs' / 'access.log'
    append(file, log(range(3)))
    with monkeypatch.context() as refused:
        refused.setattr(Path, 'open', refuse)
        following.poll(2)
    assert following.messages.pop() == f'{path}: can be read now'
    assert one_line(following, file).startswith('cannot read the log (Permission denied); ')
    assert not following.follower.readable[str(path)]
    following.poll(2)
    assert one_line(following, file) == 'can be read now'
    assert stored(following) == asked(range(3))


@pytest.mark.parametrize('name', ['access.log', '*.log'])
def test_log_removed_with_its_directory_is_reported_at_once(start: Start, tmp_path: Path, name: str, impatient: object) -> None:
    path = tmp_path / 'logs' / name
    path.parent.mkdir()
    append(tmp_path / 'logs' / 'access.log', log(range(3)))
    following = start(followed(path))
    shutil.rmtree(path.parent)
    following.poll(3)
    assert one_line(following, path).startswith(f'the directory {tmp_path}/logs does not exist; ')
    assert not is_readable(following, path)
    path.parent.mkdir()
    append(tmp_path / 'logs' / 'access.log', log(range(10, 13)))
    following.poll(3)
    assert one_line(following, path) == 'can be read now'
    assert stored(following) == asked([*range(3), *range(10, 13)])


@pytest.mark.parametrize('name', ['access.log', '*.log'])
@pytest.mark.parametrize('packed', [False, True])
def test_rotation_may_take_time(start: Start, tmp_path: Path, name: str, packed: bool, impatient: pytest.MonkeyPatch) -> None:
    path, file = tmp_path / name, tmp_path / 'access.log'
    append(file, log(range(3)))
    following = start(followed(path))
    file.rename(tmp_path / 'access.log.1')
    following.poll(2)
    assert is_readable(following, path)
    impatient.setattr(follow, 'GRACE', 0)
    following.poll(2)
    assert one_line(following, path).endswith('; correct the pat' + ABSENT[name].partition('; correct the pat')[2])
    append(file, log(range(10, 13)))
    following.poll(2)
    assert one_line(following, path) == 'can be read now'


def test_log_moved_away_and_back(start: Start, tmp_path: Path, impatient: pytest.MonkeyPatch) -> None:
    file = tmp_path / 'access.log'
    append(file, log(range(3)))
    following = start(followed(file))
    impatient.setattr(follow, 'GRACE', 0)
    file.rename(tmp_path / 'elsewhere')
    following.poll(2)
    assert one_line(following, file).startswith('this file does not exist; ')
    (tmp_path / 'elsewhere').rename(file)
    append(file, log(range(3, 5)))
    following.poll(2)
    assert one_line(following, file) == 'can be read now'
    assert stored(following) == asked(range(5))


def test_brackets_may_be_part_of_a_name(start: Start, tmp_path: Path) -> None:
    (tmp_path / '[portal]').mkdir()
    (tmp_path / 'p').mkdir()
    append(tmp_path / '[portal]' / 'access.log', log(range(3)))
    append(tmp_path / 'access[1].log', log(range(10, 13)))
    append(tmp_path / 'access1.log', log(range(20, 23)))
    append(tmp_path / 'p' / 'access.log', log(range(30, 33)))
    append(tmp_path / 'access2.log', log(range(40, 43)))
    names = ('[portal]/*.log', 'access[1].log', 'access[2].log')
    following = start(*(followed(tmp_path / name) for name in names))
    expected = asked([*range(3), *range(10, 13), *range(40, 43)])
    assert (stored(following), following.messages) == (expected, [])
    (tmp_path / 'access[1].log').rename(tmp_path / 'access[1].log.1')
    following.restart()
    following.poll(2)
    assert stored(following) == expected
    assert not is_readable(following, tmp_path / 'access[1].log')


# the same log through two entries


def same(tmp_path: Path, how: str) -> tuple[Path, Path]:
    """Returns two paths of one log, which does not exist yet."""
    log, other = tmp_path / 'access.log', tmp_path / 'other.log'
    if how == 'two patterns':
        return tmp_path / '*.log', tmp_path / 'acc*'
    if how == 'a link':
        other.symlink_to(log)
    elif how == 'a linked directory':
        (tmp_path / 'links').symlink_to('.')
        return log, tmp_path / 'links' / '*.log'
    elif how == 'a hard link':
        return log, other
    return log, {'the same path': log, 'a pattern': tmp_path / '*.log'}.get(how, other)


HOW = ('the same path', 'a pattern', 'two patterns', 'a link', 'a linked directory', 'a hard link')


def made(tmp_path: Path, how: str) -> None:
    append(tmp_path / 'access.log', log(range(3)))
    if how == 'a hard link':
        (tmp_path / 'other.log').hardlink_to(tmp_path / 'access.log')


@pytest.mark.parametrize('how', HOW)
@pytest.mark.parametrize('domain', [DOMAIN, OTHER])
def test_duplicate_log_is_a_settings_error(settings: pytest.MonkeyPatch, tmp_path: Path, how: str, domain: str) -> None:
    one, other = same(tmp_path, how)
    made(tmp_path, how)
    tables = [{'path': str(one), 'domain': DOMAIN}, {'path': str(other), 'domain': domain}]
    settings.setenv('USAGE_FOLLOW', json.dumps(tables))
    refused = run('serve')
    assert refused.exit_code == 2
    [text] = [text for text in refused.stderr.splitlines() if text.startswith('error: ')]
    assert f'the entries {one} for {DOMAIN} and {other} for {domain} in [[follow]] match the same log; remove' in text
    checked = json.loads(run('check', '--format', 'json').stdout)
    [fault] = [row for row in checked if row['level'] == 'fault']
    assert (fault['part'], fault['mend'].partition(',')[0]) == ('followed logs', 'remove one of them')


@pytest.mark.parametrize('how', HOW)
def test_duplicate_log_at_run_time_is_read_for_the_first_entry(
    start: Start, tmp_path: Path, database: ClickHouse, how: str
) -> None:
    one, other = same(tmp_path, how)
    following = start(followed(one), followed(other, OTHER))
    following.messages.clear()
    made(tmp_path, how)
    following.poll(3)
    messages = [text for text in following.messages if 'match the same log; remove one of them' in text]
    assert len(messages) == 1
    assert messages[0] in following.follower.faults
    assert not following.follower.readable[str(other)]
    assert how == 'the same path' or following.follower.readable[str(one)]
    append(tmp_path / 'access.log', log(range(3, 5)))
    following.poll(2)
    assert stored(following) == asked(range(5))
    assert paths(database, OTHER) == []


def test_removed_duplicate_name_clears_the_fault(start: Start, tmp_path: Path) -> None:
    append(tmp_path / 'access.log', log(range(3)))
    following = start(followed(tmp_path / 'access.log'), followed(tmp_path / 'o*.log'))
    following.messages.clear()
    (tmp_path / 'other.log').hardlink_to(tmp_path / 'access.log')
    following.poll(2)
    (tmp_path / 'other.log').unlink()
    append(tmp_path / 'own.log', log(range(10, 13)))
    following.poll(2)
    assert following.messages[-1] == f'{tmp_path}/other.log: no other entry in [[follow]] matches this log any more'
    assert following.follower.faults == []
    assert stored(following) == asked([*range(3), *range(10, 13)])


def test_rotated_log_may_match_the_pattern_of_another_entry(start: Start, tmp_path: Path) -> None:
    file = tmp_path / 'access.log'
    append(file, log(range(3)))
    following = start(followed(file), followed(tmp_path / 'access-*.log'))
    following.messages.clear()
    append(file, log(range(3, 5)))
    file.rename(tmp_path / 'access-20261102.log')
    append(file, log(range(10, 13)))
    following.poll(3)
    following.restart()
    following.poll(2)
    assert stored(following) == asked([*range(5), *range(10, 13)])
    assert following.follower.faults == []


def test_check_reports_followed_logs(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    append(tmp_path / 'a.log', log(range(3)))
    tables = [{'path': str(tmp_path / name), 'domain': DOMAIN} for name in ('*.log', 'nowhere/access.log')]
    settings.setenv('USAGE_FOLLOW', json.dumps(tables))
    result = run('check', '--format', 'json')
    assert result.exit_code == 1
    messages = [(row['level'], row['state'], row['mend']) for row in json.loads(result.stdout) if row['part'] == 'followed logs']
    assert messages == [
        ('ok', f'{tmp_path}/*.log: 1 to read for {DOMAIN}', ''),
        ('ok', f'{tmp_path}/a.log: read as combined', ''),
        (
            'fault',
            f'{tmp_path}/nowhere/access.log: the directory {tmp_path}/nowhere does not exist',
            'correct the path in [[follow]], or create the file',
        ),
    ]


def test_unreadable_file_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(tmp_path / 'a.log', log(range(3)))

    def refuse(*_: object) -> None:
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(Path, 'open', refuse)
    assert str(entries.fault(followed(tmp_path / '*.log'))).startswith(
        f'{tmp_path}/a.log: cannot read the log (Permission denied); '
    )
