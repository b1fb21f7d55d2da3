"""Each line of a followed log counts once within the next polls, whatever happens to the file and the process."""

import gzip
import lzma
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from access_logs import DOMAIN, asked, assert_rollups_agree, cut_small, imported, line, log, paths, run, summary
from following import Following, append, followed

from exporter.config import PortalRules
from exporter.enrich.caller_sample import REMEDY
from exporter.errors import EngineError, SpoolFull
from exporter.ingest.logs import batches, follow, open_logs
from exporter.ingest.pipeline import Put
from exporter.store.clickhouse import ClickHouse

pytestmark = pytest.mark.slow
HOUR = 3_600


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / 'access.log'


@pytest.fixture(params=['access.log', '*.log'])
def following(
    settings: pytest.MonkeyPatch,  # in force
    database: ClickHouse,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Following]:
    """Follows by name, and by a pattern that rotated logs do not match."""
    process = Following(database, tmp_path / 'data', followed(tmp_path / request.param))
    yield process
    process.stop()


@pytest.fixture
def globbing(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> Iterator[Following]:  # in force
    process = Following(database, tmp_path / 'data', followed(tmp_path / 'access*.log*'))
    yield process
    process.stop()


def old(path: Path, seconds: float = HOUR) -> Path:
    """Sets the time of the last change to `seconds` ago."""
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def moment(seconds: float) -> str:
    """Returns a time relative to now, as web servers log it."""
    return f'{datetime.now(UTC) + timedelta(seconds=seconds):%d/%b/%Y:%H:%M:%S %z}'


def stored(following: Following) -> list[str]:
    """Returns the stored calls after the spool is drained."""
    following.drain()
    assert_rollups_agree(following.database)
    return paths(following.database)


def later_imported(following: Following, *files: Path) -> dict[str, object]:
    """Returns the summary of an import after the process has ended."""
    following.drain()
    following.stop()
    try:
        return imported(*files)
    finally:
        following.start()


def test_next_poll_takes_new_lines_and_makes_no_empty_batch(following: Following, file: Path) -> None:
    for lines in range(1, 20):
        append(file, log([lines - 1]))
        following.poll(3)
        assert len(following.spool.waiting()) == lines
    assert stored(following) == asked(range(19))
    assert later_imported(following, file) == summary(already=19)
    assert following.messages == []


def test_last_line_is_taken_when_it_is_complete(following: Following, file: Path) -> None:
    whole = log(range(5))
    for byte in range(0, len(whole), 37):
        append(file, whole[byte : byte + 37])
        following.poll()
        assert len(stored(following)) == file.read_bytes().count(b'\n')
    assert stored(following) == asked(range(5))


def test_existing_lines_are_taken_unless_imported(following: Following, file: Path) -> None:
    file.write_bytes(log(range(30)))
    assert imported(file) == summary(stored=30)
    append(file, log(range(30, 50)))
    following.poll()
    assert stored(following) == asked(range(50))


def test_a_batch_that_will_be_given_up_does_not_count_as_stored(following: Following, file: Path) -> None:
    """A copy that somebody imports meanwhile holds a part of a batch in the spool, and what follows it."""
    append(file, log(range(5)))
    following.poll()
    following.drain()
    append(file, log(range(5, 8)))
    copy = Path(shutil.copy(file, file.with_name('a copy')))
    assert imported(copy) == summary(already=5, stored=3)
    append(file, log(range(8, 12)))
    following.poll()  # knows its position, and takes lines 5 to 11
    append(file, log(range(12, 14)))
    shutil.copy(file, copy)
    assert imported(copy) == summary(already=8, stored=6)
    following.drain()  # gives its batch up
    following.poll()
    assert stored(following) == asked(range(14))
    assert later_imported(following, file) == summary(already=14)


@pytest.mark.parametrize('following', ['access.log'], indirect=True)
def test_new_log_is_followed_from_its_first_line(following: Following, file: Path) -> None:
    following.poll(3)
    assert following.messages == [f'{file}: this file does not exist; correct the path in [[follow]], or create the file']
    file.touch()
    following.poll()
    assert following.messages[1:] == [f'{file}: can be read now']
    append(file, log(range(3)))
    following.poll()
    assert stored(following) == asked(range(3))


def test_renamed_log_is_read_to_its_end_with_late_lines(following: Following, file: Path) -> None:
    append(file, log(range(10)))
    following.poll()
    rotated = file.rename(file.with_name('access.log.1'))
    append(rotated, log(range(10, 13)))
    following.poll()
    append(file, log(range(100, 105)))
    append(rotated, log(range(13, 15)))
    following.poll()
    append(rotated, log(range(15, 17)))
    following.poll()
    assert stored(following) == asked([*range(17), *range(100, 105)])
    assert later_imported(following, rotated, file) == summary(already=22)


def test_a_deleted_log_is_read_to_its_end(following: Following, file: Path) -> None:
    append(file, log(range(10)))
    with file.open('ab') as open_by_the_server:
        following.poll()
        file.unlink()
        open_by_the_server.write(log(range(10, 20)))
    following.poll()
    append(file, log(range(100, 110)))
    following.poll()
    assert stored(following) == asked([*range(20), *range(100, 110)])


@pytest.mark.parametrize('lines', [0, 3, 10, 40], ids=['empty', 'shorter', 'as long', 'longer'])
def test_copytruncated_log_continues_in_the_copy(following: Following, file: Path, lines: int) -> None:
    append(file, log(range(1_000, 1_010)))
    following.poll()
    append(file, log(range(1_010, 1_020)))
    shutil.copy(file, file.with_name('access.log.1'))
    os.truncate(file, 0)
    append(file, log(range(2_000, 2_000 + lines)))
    following.poll(2)
    append(file, log(range(2_000 + lines, 2_050)))
    following.poll(2)
    assert stored(following) == asked([*range(1_000, 1_020), *range(2_000, 2_050)])


def cut_under_the_writer(file: Path, at: int, content: bytes) -> None:
    """Truncates a log; its writer does not append, so a hole comes before its next line."""
    file.write_bytes(b'')
    with file.open('r+b') as writer:
        writer.seek(at)
        writer.write(content)


@pytest.mark.parametrize('hole', [5_000, 40 << 20])
def test_log_truncated_under_its_writer_continues_after_the_hole(following: Following, file: Path, hole: int) -> None:
    append(file, log(range(40)))
    following.poll()
    for first in (40, 60):
        file.rename(file.with_name('access.log.1'))
        file.write_bytes(b'')
        cut_under_the_writer(file, hole + first, log(range(first, first + 10)))
        following.poll(3)
        append(file, log(range(first + 10, first + 20)))
        following.poll(3)
    assert stored(following) == asked(range(80))
    assert not list(following.follower.rejected)
    assert later_imported(following, file) == summary(already=20)
    assert following.messages == []


def test_growing_hole_at_the_end_is_skipped_when_a_line_follows(following: Following, file: Path) -> None:
    append(file, log(range(10)))
    for _ in range(5):
        append(file, bytes(3_000))
        following.poll()
    assert stored(following) == asked(range(10))
    append(file, log(range(10, 20)) + line(20).encode()[:50])
    following.poll()
    append(file, bytes(3_000))
    following.poll()
    append(file, log([21]))
    following.poll(2)
    assert stored(following) == asked([*range(20), 21])
    assert [reject.text for reject in following.follower.rejected] == [line(20)[:50]]
    assert later_imported(following, file) == summary(already=21, format=1)


def test_file_that_is_not_a_log_is_refused_once(globbing: Following, tmp_path: Path) -> None:
    (tmp_path / 'access.log.lzma').write_bytes(lzma.compress(log(range(9)), lzma.FORMAT_ALONE))
    (tmp_path / 'access.log.utf16').write_bytes(log(range(9)).decode().encode('utf-16'))
    garbage = tmp_path / 'access.log.gz'
    garbage.write_bytes(gzip.compress(log(range(30))) + b'garbage')
    old(garbage)
    globbing.poll(4)
    assert stored(globbing) == asked(range(30))
    assert sorted(text.partition(': ')[2].partition(';')[0] for text in globbing.messages) == [
        'this is UTF-16 text', 'this is compressed as .lzma',
    ]  # fmt: skip


def test_dated_logs_are_found_by_a_pattern(globbing: Following, tmp_path: Path) -> None:
    for day in range(5):
        append(tmp_path / f'access-2026-11-{day:02}.log', log(range(100 * day, 100 * day + 10)))
        globbing.poll()
        append(tmp_path / f'access-2026-11-{day:02}.log', log(range(100 * day + 10, 100 * day + 20)))
    globbing.poll()
    expected = asked(number for day in range(5) for number in range(100 * day, 100 * day + 20))
    assert stored(globbing) == expected
    globbing.restart()
    globbing.poll()
    assert stored(globbing) == expected


def test_log_compressed_later_is_the_same(globbing: Following, tmp_path: Path) -> None:
    names = [tmp_path / name for name in ('access.log', 'access.log.1', 'access.log.2.gz', 'access.log.3.gz')]
    for rotation in range(4):
        for source, target in zip(names[-2::-1], names[:0:-1], strict=True):
            if source.exists():
                content = source.read_bytes()
                target.write_bytes(gzip.compress(content) if target.suffix == '.gz' and source.suffix != '.gz' else content)
                old(target)
                source.unlink()
        if rotation:
            globbing.poll()
        append(names[0], log(range(100 * rotation, 100 * rotation + 30)))
        globbing.poll()
    assert stored(globbing) == asked(number for rotation in range(4) for number in range(100 * rotation, 100 * rotation + 30))
    globbing.restart()
    globbing.poll()
    assert not globbing.spool.waiting()
    assert globbing.messages == []


def test_log_being_compressed_waits(globbing: Following, tmp_path: Path) -> None:
    packed = tmp_path / 'access.log.2.gz'
    packed.write_bytes(gzip.compress(log(range(50)))[:-100])
    globbing.poll()
    packed.write_bytes(gzip.compress(log(range(50))))
    old(packed)
    globbing.poll()
    assert stored(globbing) == asked(range(50))
    assert globbing.messages == []


@pytest.mark.parametrize('drained', [False, True], ids=['waits in the spool', 'is stored'])
def test_new_process_continues_where_another_was_killed(following: Following, file: Path, drained: bool) -> None:
    for start in range(0, 50, 10):
        append(file, log(range(start, start + 10)))
        following.poll()
        if drained:
            following.drain()
        following.restart()
    following.poll()
    assert stored(following) == asked(range(50))


def test_logs_rotated_during_a_stop_are_taken_and_older_ones_are_not(following: Following, file: Path) -> None:
    names = {name: file.with_name(f'access.log{name}') for name in ('', '.1', '.2.gz', '.3.gz', '.4.gz')}
    names['.1'].write_bytes(log(range(8_000, 8_010)))
    names['.2.gz'].write_bytes(gzip.compress(log(range(9_000, 9_010))))
    old(names['.1'], 24 * HOUR)
    old(names['.2.gz'], 48 * HOUR)
    append(file, log(range(10), time=moment(-60)))
    following.poll()
    assert stored(following) == asked(range(10))
    following.stop()
    append(file, log(range(10, 20), time=moment(-40)))  # the last lines of the log that was followed
    names['.2.gz'].rename(names['.4.gz'])
    names['.3.gz'].write_bytes(gzip.compress(names['.1'].read_bytes()))
    old(names['.3.gz'], 24 * HOUR)
    names['.2.gz'].write_bytes(gzip.compress(file.read_bytes()))
    old(names['.2.gz'], 40)
    names['.1'].write_bytes(log(range(100, 110), time=moment(-20)))  # one that was never seen
    old(names['.1'], 20)
    file.write_bytes(log(range(200, 210), time=moment(-1)))
    following.start()
    following.poll()
    assert stored(following) == asked([*range(20), *range(100, 110), *range(200, 210)])
    assert following.messages == []


def test_start_waits_for_the_engine_and_polls_do_not_need_it(following: Following, file: Path) -> None:
    append(file, log(range(10)))
    following.engine_error = EngineError('no ClickHouse server answers')
    following.poll(3)
    assert following.messages == ['no ClickHouse server answers']
    assert not following.spool.waiting()
    following.engine_error = None
    following.poll()
    following.engine_error = EngineError('no ClickHouse server answers')
    for start in range(10, 50, 10):
        append(file, log(range(start, start + 10)))
        following.poll()
    assert len(following.spool.waiting()) == 5
    rotated = file.rename(file.with_name('access.log.1'))  # what is new waits for the engine, what is old does not
    append(rotated, log(range(50, 60)))
    append(file, log(range(100, 110)))
    following.poll()
    assert len(following.spool.waiting()) == 6
    following.engine_error = None
    following.poll()
    assert stored(following) == asked([*range(60), *range(100, 110)])


def test_a_full_spool_loses_nothing(following: Following, file: Path) -> None:
    def full(put: Put) -> Put:
        def refuse(*_: object) -> None:
            raise SpoolFull('the spool is full')

        return refuse if len(following.spool.waiting()) >= 3 else put

    following.wrap_put = full
    for start in range(0, 100, 10):
        append(file, log(range(start, start + 10)))
        following.poll(2)
    assert len(following.spool.waiting()) == 3
    assert following.messages == ['the spool is full']
    following.drain()
    following.poll()
    assert stored(following) == asked(range(100))


def test_full_disk_is_reported_once_and_loses_nothing(following: Following, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(log(range(20)))
    with monkeypatch.context() as broken:

        def full(*_: object) -> None:
            raise OSError(28, 'No space left on device')

        broken.setattr(os, 'fsync', full)
        following.poll(3)
    directory = following.spool.directory
    assert following.messages == [f'{directory}: No space left on device; fix it, then following continues by itself']
    following.poll()
    assert not following.follower.faults
    assert stored(following) == asked(range(20))


def test_logs_leave_half_of_the_spool_to_requests(following: Following, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_small(monkeypatch, 2_000)
    append(file, log(range(400)))
    following.spool.most_bytes = 50_000
    following.poll(3)
    taken = len(following.spool.waiting())
    assert taken > 1
    assert following.spool.balance.bytes < 40_000
    assert following.messages == []
    for _ in range(20):
        following.drain()
        following.poll()
    assert stored(following) == asked(range(400))


def test_low_memory_reads_smaller_chunks(following: Following, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_small(monkeypatch, 100_000)
    monkeypatch.setitem(batches.CHUNK, 'low', 1_000)
    append(file, log(range(100)))
    following.memory = 'low'
    following.restart()
    following.poll(3)
    assert len(following.spool.waiting()) > 3
    following.memory = 'normal'
    following.restart()
    append(file, log(range(100, 300)))
    following.poll(3)
    assert stored(following) == asked(range(300))


def test_backlog_is_taken_in_slices_and_delays_no_other_log(
    settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path
) -> None:
    cut_small(settings, 2_000)
    settings.setattr(follow, 'SLICE', 0.0)
    backlog, other = tmp_path / 'a.log', tmp_path / 'b.log'
    append(backlog, log(range(400)))
    append(other, log(range(1_000, 1_010)))
    following = Following(database, tmp_path / 'data', followed(backlog), followed(other))
    following.poll()
    assert not following.spool.waiting()
    settings.setattr(follow, 'SLICE', 0.02)
    following.poll(3)
    origins = {batch.origin for batch, _ in following.spool.waiting()}
    assert str(other) in origins
    settings.setattr(follow, 'SLICE', 60.0)
    following.poll()
    assert stored(following) == asked([*range(400), *range(1_000, 1_010)])
    following.stop()


def test_unreadable_files_are_reported_once_and_others_continue(globbing: Following, tmp_path: Path) -> None:
    (tmp_path / 'access.log').write_bytes(log(range(10)))
    (tmp_path / 'access.log.png').write_bytes(b'\x89PNG\r\n' + bytes(range(256)) * 9)
    (tmp_path / 'access.log.directory').mkdir()
    spoiled = bytearray(gzip.compress(log(range(500, 2_000)), 1))
    spoiled[len(spoiled) // 2] ^= 0x55
    (tmp_path / 'access.log.gz').write_bytes(spoiled)
    old(tmp_path / 'access.log.gz')
    globbing.poll(3)
    append(tmp_path / 'access.log', log(range(10, 20)))
    globbing.poll(3)
    assert stored(globbing) == asked(range(20))
    assert sorted(Path(text.partition(': ')[0]).name for text in globbing.messages) == [
        'access.log.directory', 'access.log.gz', 'access.log.png',
    ]  # fmt: skip
    (tmp_path / 'access.log.png').write_bytes(log(range(3_000, 3_100)))
    globbing.poll()
    assert stored(globbing) == asked([*range(20), *range(3_000, 3_100)])
    assert len(globbing.follower.faults) == 2
    (tmp_path / 'access.log.directory').rmdir()
    (tmp_path / 'access.log.gz').unlink()
    globbing.poll()
    assert not globbing.follower.faults


def test_pipe_does_not_block(globbing: Following, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'access-0.log')
    (tmp_path / 'access-1.log').symlink_to('/dev/null')
    append(tmp_path / 'access.log', log(range(3)))
    globbing.poll()
    assert (stored(globbing), globbing.messages) == (asked(range(3)), [])


def test_name_that_is_not_utf8_is_accepted(globbing: Following, tmp_path: Path) -> None:
    append(tmp_path / 'access-caf\udce9.log', log(range(3)))
    globbing.poll()
    globbing.restart()
    globbing.poll()
    assert stored(globbing) == asked(range(3))


def test_a_followed_log_is_not_imported_at_the_same_time(following: Following, file: Path) -> None:
    append(file, log(range(10)))
    following.poll()
    refused = run('import', file, '--domain', DOMAIN)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f'error: {file}: another import of this log is under way')
    assert len(refused.stderr.splitlines()) == 1


def test_import_counts_spooled_batches_as_stored(following: Following, file: Path) -> None:
    append(file, log(range(10)))
    following.poll()
    following.stop()
    append(file, log(range(10, 15)))
    assert imported(file) == summary(stored=5, already=10)
    following.start()
    following.poll()
    assert stored(following) == asked(range(15))
    assert not following.spool.balance.quarantined


@pytest.mark.parametrize('following', ['access.log'], indirect=True)
def test_quiet_rotated_logs_are_closed(following: Following, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(file, log(range(10)))
    following.poll()
    rotated = file.rename(file.with_name('access.log.1'))
    append(file, log(range(100, 110)))
    following.poll()
    assert len(following.follower.tails) == 2
    monkeypatch.setattr(open_logs, 'QUIET', -1)
    following.poll()
    assert [tail.file.name for tail, _ in following.follower.tails.values()] == [str(file)]
    append(rotated, log(range(10, 13)))  # it is looked at again for a while
    following.poll()
    assert stored(following) == asked([*range(13), *range(100, 110)])


def test_a_log_of_a_proxys_address_is_reported_once(following: Following, file: Path) -> None:
    for numbers in (range(600), range(600, 1_300), range(1_300, 2_600)):
        append(file, log(numbers, ip='10.0.0.1'))
        following.poll()
    message = f'{DOMAIN}: nearly all of 1,300 calls come from at most 3 addresses; {REMEDY}'
    assert [text for text in following.messages if REMEDY in text] == [message]


def test_accounts_of_a_logged_header_and_a_field_that_no_line_has(
    settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path, file: Path
) -> None:
    rules = PortalRules(accounts=('field:X-User', 'field:missing'), log_format='%h %t "%r" %>s %b "%{X-User}i"')
    process = Following(database, tmp_path / 'data', followed(file), rules=rules)
    for count in (400, 700, 10):
        append(file, b'192.0.2.1 [17/May/2025:10:05:03 +0000] "GET /a HTTP/1.1" 200 5 "bob"\n' * count)
        process.poll()
    process.drain()
    process.stop()
    assert database.query('SELECT user_id, count() AS calls FROM calls GROUP BY user_id') == [{'user_id': 'bob', 'calls': 1_110}]
    [message] = [text for text in process.messages if 'accounts' in text]
    assert message.startswith(f'{DOMAIN}: accounts: no line of 1,100 calls has field:missing; ')


def test_batches_that_an_earlier_version_spooled_count_once(following: Following, file: Path) -> None:
    """Its batches have the name of their log and not what the name is made of."""

    def as_earlier(put: Put) -> Put:
        return lambda batch, calls, tally: put(replace(batch, head='', head_bytes=0), calls, tally)

    following.wrap_put = as_earlier
    append(file, log(range(20)))
    following.poll()
    following.wrap_put = lambda put: put
    following.restart()
    append(file, log(range(20, 30)))
    for _ in range(2):  # the batch with all lines gives way to the one that is stored
        following.poll()
        following.drain()
    assert stored(following) == asked(range(30))
    assert not following.spool.balance.quarantined
