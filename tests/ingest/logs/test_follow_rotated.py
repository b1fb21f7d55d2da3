"""Each line counts once behind links, under dated names and in a last line without a line end."""

import bz2
import gzip
import lzma
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from access_logs import asked, line, log, summary
from following import Following, append, followed
from test_follow import later_imported, old, stored

from exporter.errors import EngineError
from exporter.ingest.logs import open_logs
from exporter.store.clickhouse import ClickHouse

pytestmark = pytest.mark.slow

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACK: dict[str, Callable[[bytes], bytes]] = {
    '': bytes, '.gz': gzip.compress, '.bz2': bz2.compress, '.xz': lzma.compress, '.zst': zstd.compress,
}  # fmt: skip
Start = Callable[[Path], Following]


@pytest.fixture
def start(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> Iterator[Start]:
    """Yields a function that follows a path or a pattern."""
    processes = list[Following]()

    def begin(path: Path) -> Following:
        processes.append(Following(database, tmp_path / 'data', followed(path)))
        processes[-1].poll()
        return processes[-1]

    yield begin
    for process in processes:
        process.stop()


def linked(tmp_path: Path, kind: str) -> tuple[Path, Path]:
    """Returns a log of ten lines and the path to follow."""
    real = tmp_path / 'real' / 'access.log'
    real.parent.mkdir()
    append(real, log(range(10)))
    links = tmp_path / 'links'
    if kind == 'directory':
        links.symlink_to('real')
    else:
        links.mkdir()
        (links / 'access.log').symlink_to(real if kind == 'link' else tmp_path / 'hop')
    if kind == 'chain':
        (tmp_path / 'hop').symlink_to('real/access.log')
    return real, links / ('*.log' if kind == 'pattern' else 'access.log')


@pytest.fixture(params=['link', 'chain', 'directory'])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_log_behind_a_link_is_copytruncated(start: Start, tmp_path: Path, kind: str) -> None:
    real, path = linked(tmp_path, kind)
    following = start(path)
    append(real, log(range(10, 15)))
    shutil.copy(real, real.with_name('access.log.1'))
    os.truncate(real, 0)
    append(real, log(range(20, 25)))
    following.poll(2)
    assert stored(following) == asked([*range(15), *range(20, 25)])


@pytest.mark.parametrize('runs', [True, False], ids=['while it runs', 'while it is stopped'])
def test_a_log_behind_a_link_is_renamed_several_times(start: Start, tmp_path: Path, kind: str, runs: bool) -> None:
    real, path = linked(tmp_path, kind)
    following = start(path)
    if not runs:
        following.stop()
    append(real, log(range(10, 15)))
    real.rename(real.with_name('access.log.2'))
    append(real, log(range(20, 25)))
    real.rename(real.with_name('access-20261102.log'))
    append(real, log(range(30, 35)))
    if not runs:
        following.start()
    following.poll(2)
    expected = asked([*range(15), *range(20, 25), *range(30, 35)])
    assert stored(following) == expected
    following.restart()
    following.poll()
    assert stored(following) == expected


def test_a_copy_beside_the_link_is_read_too(start: Start, tmp_path: Path) -> None:
    real, path = linked(tmp_path, 'link')
    following = start(path)
    following.stop()
    append(real, log(range(10, 15)))
    shutil.move(real, path.with_name('access.log.1'))
    append(real, log(range(20, 25)))
    following.start()
    following.poll()
    assert stored(following) == asked([*range(15), *range(20, 25)])


SWITCHED = [
    ['access-2026-11-01.log', 'access-2026-11-02.log', 'access-2026-11-03.log'],
    ['2026/10/30/access.log', '2026/10/31/access.log', '2026/11/01/access.log'],
    ['0.log', '1.log', '2.log'],
]


@pytest.mark.parametrize('named', [True, False], ids=['a link', 'links that fit a pattern'])
@pytest.mark.parametrize('runs', [True, False], ids=['while it runs', 'while it is stopped'])
@pytest.mark.parametrize('names', SWITCHED, ids=lambda names: str(names[0]))
def test_a_link_is_switched_to_other_files(start: Start, tmp_path: Path, names: list[str], runs: bool, named: bool) -> None:
    first, second, third = files = [tmp_path / 'real' / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
    link = tmp_path / 'current.log'

    def switch(to: Path) -> None:
        (tmp_path / 'new').symlink_to(to)
        (tmp_path / 'new').rename(link)

    append(first, log(range(10)))
    switch(first)
    following = start(link if named else tmp_path / 'cur*.log')
    if not runs:
        following.stop()
    append(first, log(range(10, 15)))
    append(second, log(range(20, 25)))
    switch(second)
    append(first, log(range(15, 17)))  # what is written late
    append(third, log(range(30, 35)))
    switch(third)
    if not runs:
        following.start()
    following.poll(2)
    append(first, log(range(17, 19)))
    append(second, log(range(25, 27)))
    append(third, log(range(35, 37)))
    following.poll(2)
    expected = asked([*range(19), *range(20, 27), *range(30, 37)])
    assert stored(following) == expected
    following.restart()
    append(second, log(range(27, 29)))
    following.poll(2)
    assert stored(following) == sorted([*expected, *asked([27, 28])])
    assert not following.follower.faults


def test_link_switches_to_a_different_name_during_a_stop(start: Start, tmp_path: Path) -> None:
    blue, green = tmp_path / 'blue' / 'access.log', tmp_path / 'green' / 'access.log'
    for file in (blue, green):
        file.parent.mkdir()
    current = tmp_path / 'current'
    current.symlink_to('blue')
    append(blue, log(range(10)))
    following = start(current / 'access.log')
    following.stop()
    append(blue, log(range(10, 15)))
    blue.rename(blue.with_name('access.log.1'))
    append(blue, log(range(15, 17)))
    current.unlink()
    current.symlink_to('green')
    append(green, log(range(20, 25)))
    following.start()
    following.poll()
    assert stored(following) == asked([*range(17), *range(20, 25)])


NAMES = [
    ('access-20261101.log', 'access-20261102.log'),
    ('access.2.log', 'access.1.log'),
    ('access.log-20261101', 'access.log-20261102'),
    ('access.log.2', 'access.log.1'),
]


@pytest.mark.parametrize('packed', PACK)
@pytest.mark.parametrize('names', NAMES, ids=lambda names: str(names[1]))
def test_rotations_during_a_stop(start: Start, tmp_path: Path, names: tuple[str, str], packed: str) -> None:
    file, admin = tmp_path / 'access.log', tmp_path / 'access-admin.log'
    append(file, log(range(10)))
    following = start(file)
    following.stop()
    append(file, log(range(10, 15)))
    for rotation, rotated in enumerate(names):
        content = file.read_bytes()
        (tmp_path / f'{rotated}{packed}').write_bytes(PACK[packed](content))
        old(tmp_path / f'{rotated}{packed}', 11)
        file.unlink()
        append(file, log(range(100 * (rotation + 1), 100 * (rotation + 1) + 5)))
    append(admin, log(range(500, 505)))
    append(tmp_path / 'access.error.log', log(range(600, 605)))
    following.start()
    following.poll(2)
    assert stored(following) == asked([*range(15), *range(100, 105), *range(200, 205)])


def test_log_without_stored_lines_is_rotated_during_a_stop(start: Start, tmp_path: Path) -> None:
    file = tmp_path / 'access.log'
    file.touch()
    following = start(file)
    following.stop()
    append(file, log(range(10)))
    file.rename(tmp_path / 'access.log.1')
    append(file, log(range(20, 25)))
    following.start()
    following.poll()
    assert stored(following) == asked([*range(10), *range(20, 25)])


def test_idle_log_is_filled_and_copytruncated_between_two_polls(start: Start, tmp_path: Path) -> None:
    file = tmp_path / 'access.log'
    file.touch()
    following = start(file)
    append(file, log(range(10)))
    shutil.copy(file, tmp_path / 'access.log.1')
    os.truncate(file, 0)
    following.poll()
    assert stored(following) == asked(range(10))


def test_log_is_copytruncated_after_opening_and_before_reading(start: Start, tmp_path: Path) -> None:
    file = tmp_path / 'access.log'
    file.touch()
    following = start(file)
    append(file, log(range(100, 200)))
    following.engine_error = EngineError('away')
    following.poll()
    shutil.copy(file, tmp_path / 'access.log.1')
    os.truncate(file, 0)
    append(file, log(range(200, 300)))
    following.engine_error = None
    following.poll(2)
    assert stored(following) == asked(range(100, 300))


@pytest.mark.parametrize('half', [50, 0])
def test_log_with_a_partial_line_is_copytruncated(start: Start, tmp_path: Path, half: int) -> None:
    file = tmp_path / 'access.log'
    append(file, log([100])[:half])
    following = start(file)
    append(file, log(range(100, 200))[half:])
    shutil.copy(file, tmp_path / 'access.log.1')
    os.truncate(file, 0)
    append(file, log(range(200, 301)))
    following.poll(2)
    assert stored(following) == asked(range(100, 301))


# a last line without an end


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes all files look quiet from now on."""
    monkeypatch.setattr(open_logs, 'LAST_LINE', -1)


@pytest.mark.parametrize('half', [line(10), line(10)[:60]], ids=['whole but for its end', 'cut'])
@pytest.mark.parametrize('pattern', ['access.log', 'access.log*'])
def test_unterminated_last_line_of_a_quiet_rotated_log_is_taken(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: str, pattern: str
) -> None:
    file, rotated = tmp_path / 'access.log', tmp_path / 'access.log.1'
    append(file, log(range(10)) + half.encode())
    following = start(tmp_path / pattern)
    file.rename(rotated)
    following.poll()
    append(file, log(range(20, 25)))
    following.poll(2)
    assert stored(following) == asked([*range(10), *range(20, 25)])
    following.restart()
    following.poll()
    later(monkeypatch)
    following.poll(3)
    whole = half == line(10)
    became = 'stored' if whole else 'rejected (format)'
    assert following.messages == [
        f'{rotated}: the last line is incomplete and is {became}, because nothing writes to this log any more'
    ]
    expected = asked([*range(10 + whole), *range(20, 25)])
    assert stored(following) == expected
    following.restart()
    following.poll()
    assert later_imported(following, rotated, file) == (summary(already=16) if whole else summary(already=15, format=1))
    rotated.write_bytes(rotated.read_bytes() + b'\n' + log([11]))  # somebody goes on nevertheless
    following.poll(2)
    assert stored(following) == sorted([*expected, *asked([11])])


def test_log_of_one_unterminated_line_is_taken(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / 'access.log'
    append(file, line(0).encode())
    following = start(file)
    file.rename(tmp_path / 'access.log.1')
    append(file, log([1]))
    later(monkeypatch)
    following.poll(2)
    assert stored(following) == asked([0, 1])


def test_a_line_that_is_being_written_is_not_cut(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, rotated = tmp_path / 'access.log', tmp_path / 'access.log.1'
    text = log([10])
    append(file, log(range(10)) + text[:50])
    following = start(file)
    monkeypatch.setattr(open_logs, 'QUIET', -1)
    following.poll(2)  # it has its name
    file.rename(rotated)
    following.poll(2)  # the server has not made another
    append(rotated, text[50:])
    following.poll(2)
    assert stored(following) == asked(range(11))
    assert following.messages == []


def test_copy_of_a_growing_log_does_not_cut_its_line(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, text = tmp_path / 'access.log', log([10])
    append(file, log(range(10)) + text[:50])
    following = start(file)
    shutil.copy(file, tmp_path / 'access.log.1')
    later(monkeypatch)
    following.poll(3)
    append(file, text[50:])
    following.poll(2)
    assert stored(following) == asked(range(11))
    assert following.messages == []


def test_a_rotated_log_that_is_written_to_after_it_was_closed(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, rotated = tmp_path / 'access.log', tmp_path / 'access.log.1'
    append(file, log(range(10)))
    following = start(file)
    file.rename(rotated)
    append(file, log(range(20, 25)))
    os.utime(rotated, (time.time() - 700,) * 2)
    following.poll(2)
    monkeypatch.setattr(open_logs, 'QUIET', -1)
    following.poll()
    assert len(following.follower.tails) == 1
    append(rotated, log(range(10, 12)))
    following.poll()
    assert stored(following) == asked([*range(12), *range(20, 25)])


def test_invalid_notes_are_ignored(start: Start, tmp_path: Path) -> None:
    file = tmp_path / 'access.log'
    append(file, log(range(10)))
    following = start(file)
    following.stop()
    (tmp_path / 'data' / 'spool' / 'followed.json').write_text('{"a": [')
    append(file, log(range(10, 12)))
    following.start()
    following.poll()
    assert stored(following) == asked(range(12))
