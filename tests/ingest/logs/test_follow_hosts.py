"""A followed log of several portals: each line goes to its portal, once."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from access_logs import asked, cut_small, line, paths
from following import Following, append, followed

from exporter.ingest.logs import open_logs
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger

pytestmark = pytest.mark.slow
A, B = 'a.example.org', 'b.example.org'
HOSTS = {A: [A], B: [B, f'*.{B}']}


def host_of(number: int) -> str:
    return (A, B, f'x.{B}', 'other.example.org')[number % 4]


def log(numbers: range) -> bytes:
    return ''.join(f'{host_of(number)} {line(number)}\n' for number in numbers).encode()


def of(numbers: range, *rests: int) -> list[str]:
    return asked(number for number in numbers if number % 4 in rests)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / 'access.log'


@pytest.fixture
def following(settings: pytest.MonkeyPatch, database: ClickHouse, file: Path) -> Iterator[Following]:
    process = Following(database, file.parent / 'data', followed(file, ''), hosts=HOSTS)
    yield process
    process.stop()


def assert_stored(following: Following, numbers: range) -> None:
    following.drain()
    assert paths(following.database, A) == of(numbers, 0)
    assert paths(following.database, B) == of(numbers, 1, 2)
    done = "SELECT sum(stored + skipped + arraySum(mapValues(rejected))) AS lines FROM batches WHERE state = 'done'"
    assert following.database.query(done) == [{'lines': len(numbers)}]


def test_each_line_goes_to_its_portal(following: Following, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_small(monkeypatch, 1_000)
    append(file, log(range(30)))
    following.poll(3)
    assert_stored(following, range(30))
    append(file, log(range(30, 60)))
    following.poll(2)
    following.restart()
    append(file, log(range(60, 80)))
    following.poll(2)
    assert_stored(following, range(80))
    assert following.database.query("SELECT DISTINCT domain FROM batches WHERE state = 'done'  ORDER BY domain") == [
        {'domain': domain} for domain in ('', A, B)
    ]
    assert following.follower.lag[str(file)] == 0
    assert following.messages == []


def test_a_rotated_log_is_read_to_its_end(following: Following, file: Path) -> None:
    append(file, log(range(12)))
    following.poll()
    file.rename(file.with_name('access.log.1'))
    append(file.with_name('access.log.1'), log(range(12, 20)))
    append(file, log(range(20, 40)))
    following.poll(2)
    packed = file.with_name('access.log.1.gz')
    packed.write_bytes(gzip.compress(file.with_name('access.log.1').read_bytes()))
    file.with_name('access.log.1').unlink()
    following.restart()
    following.poll(2)
    assert_stored(following, range(40))


def test_the_last_line_of_a_rotated_log_is_reported_once(
    following: Following, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(file, log(range(9)).removesuffix(b'\n'))
    following.poll()
    file.rename(file.with_name('access.log.1'))
    append(file, log(range(9, 20)))
    following.poll()
    monkeypatch.setattr(open_logs, 'LAST_LINE', -1)
    monkeypatch.setattr(open_logs, 'QUIET', -1)
    following.poll(3)
    assert_stored(following, range(20))
    [message] = following.messages
    assert 'the last line is incomplete and is stored' in message


def test_a_host_added_later_is_read_from_the_beginning(following: Following, file: Path) -> None:
    following.hosts = type(following.hosts)({A: [A], B: [B]})
    following.restart()
    append(file, log(range(20)))
    following.poll(2)
    following.stop()  # with batches in the spool, some of which the new hosts make outdated
    following.hosts = type(following.hosts)(HOSTS)
    following.start()
    append(file, log(range(20, 40)))
    following.poll(2)
    assert_stored(following, range(40))
    following.restart()
    following.poll(2)
    assert_stored(following, range(40))


def test_a_log_that_is_stored_for_one_portal_is_not_divided(following: Following, file: Path) -> None:
    one = Following(following.database, file.parent / 'one', followed(file, A))
    append(file, log(range(8)))
    one.poll()
    one.drain()
    one.stop()
    following.poll(3)
    [message] = following.messages
    assert f'the calls of this log are stored for {A}, and a line counts for one portal only' in message
    assert following.follower.faults == [message]
    file.rename(file.with_name('access.log.1'))
    append(file, log(range(20, 40)))
    following.poll(2)
    following.drain()
    assert paths(following.database, B) == of(range(20, 40), 1, 2)


def test_a_start_needs_the_last_call_of_any_portal(following: Following, file: Path) -> None:
    append(file, log(range(8)))
    following.poll()
    following.drain()
    ledger = Ledger(following.database)
    assert ledger.last_call([B, ''], str(file)) == ledger.last_call([A, B, ''], str(file)) != ledger.last_call([''], str(file))
