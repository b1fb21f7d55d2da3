"""A log counts once, in any number of imports, any compression and any number of steps."""

import bz2
import gzip
import lzma
import os
import resource
import sys
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import hypothesis.stateful as machines
import pytest
from access_logs import DOMAIN, asked, assert_rollups_agree, cut_small, imported, line, log, paths, run, summary
from hypothesis import HealthCheck, Phase
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from exporter.config import Memory, PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey
from exporter.errors import EngineError, InputError
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs import batches
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.import_log import import_log
from exporter.ingest.logs.log_file import LogFile
from exporter.model.batch import Batch
from exporter.model.tally import Summary, Tally
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.usefixtures('settings')

SMALL = 4_000  # bytes: a chunk of some 26 lines
PACK: dict[str, Callable[[bytes], bytes]] = {'gz': gzip.compress, 'bz2': bz2.compress, 'xz': lzma.compress, 'zst': zstd.compress}


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes logs of a few kilobytes have several chunks and batches."""
    cut_small(monkeypatch, SMALL)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / 'access.log'


@pytest.mark.slow
@pytest.mark.usefixtures('small_chunks')
def test_a_log_of_many_batches_is_stored_once(file: Path, database: ClickHouse) -> None:
    file.write_bytes(log(range(400)))
    assert imported(file) == summary(stored=400)
    assert imported(file) == summary(already=400)
    assert paths(database) == asked(range(400))
    assert_rollups_agree(database)
    [batches] = database.query("SELECT count() AS done, sum(stored) AS stored FROM batches WHERE state = 'done'")
    assert batches['done'] > 3
    assert batches['stored'] == 400


@pytest.mark.slow
@pytest.mark.usefixtures('small_chunks')
def test_a_log_is_read_in_smaller_chunks_with_low_memory(file: Path, database: ClickHouse, settings: pytest.MonkeyPatch) -> None:
    settings.setitem(batches.CHUNK, 'low', SMALL // 4)
    done = 0
    for number, memory in enumerate(('low', 'normal', 'low'), 1):
        settings.setenv('USAGE_MEMORY', memory)
        file.write_bytes(log(range(200 * number)))
        assert imported(file) == summary(stored=200, already=200 * (number - 1))
        [row] = database.query("SELECT count() AS done FROM batches WHERE state = 'done'")
        assert row['done'] - done > 4 if memory == 'low' else row['done'] - done < 4
        done = row['done']
    assert paths(database) == asked(range(600))
    assert_rollups_agree(database)


@pytest.mark.slow
@pytest.mark.usefixtures('small_chunks')
def test_grown_log_adds_its_new_lines(file: Path, database: ClickHouse) -> None:
    before = 0
    for lines in (3, 4, 40, 41, 41, 300):
        file.write_bytes(log(range(lines)))
        assert imported(file) == summary(stored=lines - before, already=before)
        before = lines
    assert paths(database) == asked(range(300))


@pytest.mark.slow
def test_log_is_identified_after_growing_past_its_hashed_head(file: Path, database: ClickHouse) -> None:
    for lines in range(1, 14):
        file.write_bytes(log(range(lines)))
        assert imported(file) == summary(stored=1, already=lines - 1)
    assert file.stat().st_size > batches.HEAD > len(log(range(6)))
    assert paths(database) == asked(range(13))


def test_identical_lines_are_different_calls(file: Path, database: ClickHouse) -> None:
    file.write_bytes(log([7] * 50))
    assert imported(file) == summary(stored=50)
    file.write_bytes(log([7] * 60))
    assert imported(file) == summary(stored=10, already=50)
    assert paths(database) == asked([7] * 60)


@pytest.mark.parametrize('end', ['\n', '\r\n'])
def test_partial_last_line_is_left_until_it_is_complete(file: Path, database: ClickHouse, end: str) -> None:
    whole = log(range(3), end)
    for cut in (len(log(range(2), end)) + 30, len(whole) - len(end), len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert imported(file)['left'] == 1
    assert paths(database) == asked(range(2))
    file.write_bytes(whole)
    assert imported(file) == summary(stored=1, already=2)
    assert paths(database) == asked(range(3))


@pytest.mark.slow
@pytest.mark.parametrize('end', ['\n', '\r\n'])
@pytest.mark.parametrize('missing', [1, 2])
def test_complete_takes_a_last_line_without_its_line_end(file: Path, database: ClickHouse, end: str, missing: int) -> None:
    file.write_bytes(log(range(3), end)[: -min(missing, len(end))])
    assert imported('--complete', file) == summary(stored=3)
    assert imported(file) == summary(already=3)
    file.write_bytes(log(range(3), end))
    assert imported(file) == summary(already=3)
    file.write_bytes(log(range(5), end))
    assert imported(file) == summary(stored=2, already=3)
    assert paths(database) == asked(range(5))


@pytest.mark.slow
@pytest.mark.parametrize('pack', PACK.values(), ids=PACK)
@pytest.mark.usefixtures('small_chunks')
def test_compressed_or_renamed_log_is_the_same(file: Path, database: ClickHouse, pack: Callable[[bytes], bytes]) -> None:
    packed = file.with_name('access.log.1.packed')
    packed.write_bytes(pack(log(range(100))))
    assert imported(packed) == summary(stored=100)
    file.write_bytes(log(range(100)))
    assert imported(file) == summary(already=100)
    assert imported('-', stdin=log(range(120))) == summary(stored=20, already=100)
    packed.write_bytes(pack(log(range(60))) + pack(log(range(60, 130))))
    assert imported(packed) == summary(stored=10, already=120)
    assert paths(database) == asked(range(130))


@pytest.mark.usefixtures('small_chunks')
def test_shorter_copy_adds_nothing(file: Path, database: ClickHouse) -> None:
    file.write_bytes(log(range(200)))
    assert imported(file) == summary(stored=200)
    for lines in (8, 50, 199):  # of less than 1024 bytes it cannot be told which log they are a copy of
        file.write_bytes(log(range(lines)))
        assert imported(file) == summary(already=lines)
        file.write_bytes(log(range(lines)) + line(lines).encode()[:-1])
        assert imported(file) == summary(already=lines, left=1)
    assert paths(database) == asked(range(200))


@pytest.mark.parametrize('pack', [bytes, gzip.compress], ids=['plain', 'gz'])
def test_copy_that_ends_at_the_imported_end_adds_nothing(file: Path, pack: Callable[[bytes], bytes]) -> None:
    for lines in (20, 40):
        file.write_bytes(log(range(lines)))
        imported(file)
    file.write_bytes(pack(log(range(20))))
    assert imported(file) == summary(already=20)


@pytest.mark.usefixtures('small_chunks')
def test_longer_copy_adds_the_rest(file: Path, database: ClickHouse) -> None:
    copy = file.with_name('copy.log')
    for number, lines in enumerate((5, 50, 200)):
        copy = file.with_name(f'copy{number}.log.gz')
        copy.write_bytes(gzip.compress(log(range(lines))))
        imported(copy)
    assert paths(database) == asked(range(200))
    file.write_bytes(log(range(201)))
    assert imported(file) == summary(stored=1, already=200)


@pytest.mark.slow
@pytest.mark.parametrize('chunk', [SMALL, batches.CHUNK['normal']])
@pytest.mark.parametrize('alike', [1, 5, 9, 60], ids=['under 1024 bytes', 'hardly so', 'over 1024 bytes', 'two chunks'])
@pytest.mark.parametrize('longest', ['first', 'second', 'neither'])
def test_logs_with_the_same_head_are_different(
    file: Path, database: ClickHouse, monkeypatch: pytest.MonkeyPatch, chunk: int, alike: int, longest: str
) -> None:
    cut_small(monkeypatch, chunk)
    second = range(1_000, 1_180 if longest == 'second' else 1_090)
    first = range(alike, 180 if longest == 'first' else 90)
    contents = log([*range(alike), *first]), log([*range(alike), *second])
    for content in contents:
        file.write_bytes(content)
        imported(file)
    expected = asked([*range(alike), *first, *range(alike), *second])
    assert paths(database) == expected
    for content in contents:  # each is known as itself
        file.write_bytes(content + line(5_000).encode() + b'\n')
        assert imported(file) == summary(stored=1, already=content.count(b'\n'))
        file.write_bytes(gzip.compress(content))
        assert imported(file) == summary(already=content.count(b'\n'))
    assert paths(database) == sorted([*expected, '/api/5000', '/api/5000'])


def test_a_log_is_refused_for_a_second_portal(file: Path, database: ClickHouse) -> None:
    other = 'other.example.org'
    file.write_bytes(log(range(20)))
    assert imported(file) == summary(stored=20)
    for content in (log(range(20)), log(range(30)), gzip.compress(log(range(20)))):
        file.write_bytes(content)
        refused = run('import', file, '--domain', other)
        assert refused.exit_code == 1
        assert f'the calls of this log are stored for {DOMAIN}' in refused.stderr
        assert f'forget --file {file} --domain {DOMAIN}' in refused.stderr
    assert paths(database, other) == []
    assert run('forget', '--file', file, '--domain', DOMAIN, '--yes').exit_code == 0
    assert imported(file, domain=other) == summary(stored=20)
    assert (paths(database), paths(database, other)) == ([], asked(range(20)))


def test_logs_of_two_portals_may_begin_alike(file: Path, database: ClickHouse) -> None:
    other = 'other.example.org'
    header = b'#Software: Microsoft Internet Information Services 10.0\n#Date: 2026-11-02 00:00:00\n'
    file.write_bytes(header)
    assert imported(file) == summary(skipped={'comment': 2})  # nothing of it is stored yet
    file.write_bytes(header + log(range(20)))
    assert imported(file, domain=other) == summary(stored=20, skipped={'comment': 2})
    file.write_bytes(log(range(20)))
    assert imported(file) == summary(stored=20)
    file.write_bytes(log([*range(19), 31]))
    assert imported(file, domain=other) == summary(stored=20)
    assert (len(paths(database)), len(paths(database, other))) == (20, 40)
    file.write_bytes(log([500]))
    assert imported(file) == summary(stored=1)
    file.write_bytes(log(range(500, 520)))  # one line is too little to call it the same log
    assert imported(file, domain=other) == summary(stored=20)


@pytest.mark.usefixtures('small_chunks')
def test_truncated_log_is_completed_by_the_complete_one(file: Path, database: ClickHouse) -> None:
    parts = [gzip.compress(log(range(start, start + 50))) for start in range(0, 200, 50)]
    file.write_bytes(b''.join(parts)[: -len(parts[-1]) // 2])
    result = run('import', file, '--domain', DOMAIN)
    assert result.exit_code == 1
    assert 'damaged or cut short after' in result.stderr
    stored = len(paths(database))
    assert 150 <= stored < 200
    assert paths(database) == asked(range(stored))
    file.write_bytes(b''.join(parts))
    assert imported(file) == summary(stored=200 - stored, already=stored)
    assert paths(database) == asked(range(200))


@pytest.mark.usefixtures('small_chunks')
def test_truncated_copy_of_a_stored_log_is_reported_in_one_line(file: Path, database: ClickHouse) -> None:
    whole = b''.join(gzip.compress(log(range(start, start + 50))) for start in range(0, 200, 50))
    file.write_bytes(whole)
    assert imported(file) == summary(stored=200)
    file.write_bytes(whole[: len(whole) * 2 // 3])
    result = run('import', file, '--domain', DOMAIN)
    assert result.exit_code == 1
    assert 'damaged or cut short after' in result.stderr
    assert paths(database) == asked(range(200))


def test_damaged_log_is_not_counted_twice_with_the_intact_one(file: Path, database: ClickHouse) -> None:
    """Most of a .gz can be decompressed before the checksum at its end reveals the damage."""
    numbers = range(2_000)
    packed = bytearray(gzip.compress(log(numbers), 1))
    packed[len(packed) // 2] ^= 0x55
    file.write_bytes(packed)
    result = run('import', file, '--domain', DOMAIN)
    assert result.exit_code == 1
    assert 'nothing of it is stored' in result.stderr
    file.write_bytes(gzip.compress(log(numbers)))
    imported(file)
    assert paths(database) == asked(numbers)


@pytest.mark.parametrize(('memory', 'most'), [('normal', 3 << 20), ('low', 1 << 20)])
def test_a_chunk_has_a_maximum_of_bytes(file: Path, memory: Memory, most: int) -> None:
    content = log(range(1_000)) * 80
    file.write_bytes(content)
    with closing(LogFile(str(file))) as opened:
        chunks = [chunk for chunk, _ in AccessLog(opened, memory=memory).chunks_after(DOMAIN, 0)]
    assert b''.join(chunk.lines for chunk in chunks) == content
    assert most - 1_000 < max(len(chunk.lines) for chunk in chunks) <= most + 1_000  # with the rest of a line


@pytest.mark.parametrize('length', [1, 2, 10, 60, batches.SAMPLE_STEP, batches.SAMPLE_STEP + 1, 2 * batches.SAMPLE_STEP, 300])
def test_chunks_have_a_maximum_of_lines(file: Path, length: int) -> None:
    """Parsing millions of empty lines at once would take gigabytes."""
    content = (b'x' * (length - 1) + b'\n') * (batches.CHUNK['normal'] // length)
    file.write_bytes(content)
    with closing(LogFile(str(file))) as opened:
        chunks = [chunk for chunk, _ in AccessLog(opened).chunks_after(DOMAIN, 0)]
    assert b''.join(chunk.lines for chunk in chunks) == content
    assert max(chunk.lines.count(b'\n') for chunk in chunks) <= 1.2 * batches.MOST_LINES
    assert length < batches.SAMPLE_STEP or len(chunks) <= 2


def test_lines_between_two_batches_are_stored(file: Path, database: ClickHouse) -> None:
    """The spool gave the batch up that held them, since another host had stored some of its lines."""
    file.write_bytes(log(range(5)))
    assert imported(file) == summary(stored=5)
    [known] = database.query('SELECT log, end FROM batches LIMIT 1')
    start, end = len(log(range(9))), len(log(range(11)))
    ledger, other = Ledger(database, 'key', None), Batch(DOMAIN, 'access_log', known['log'], start, end)
    ledger.begin(other)
    ledger.done(other, Tally(2), None, None)
    file.write_bytes(log(range(14)))
    assert imported(file) == summary(already=7, stored=7)
    assert paths(database) == asked([*range(9), *range(11, 14)])
    assert imported(file) == summary(already=14)


def test_too_long_line_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, 'LONGEST_LINE', 10_000)
    cut_small(monkeypatch, SMALL)
    file.write_bytes(log(range(100)) + b'x' * 20_000 + b'\n' + log(range(100, 200)))
    result = run('import', file, '--domain', DOMAIN)
    assert result.exit_code == 1
    assert f'the line at byte {len(log(range(100))):,} is longer than 0 MB; import an access log' in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize('length', [SMALL - 200, SMALL, 3 * SMALL, 50_000])
@pytest.mark.usefixtures('small_chunks')
def test_line_longer_than_a_chunk_is_one_call(file: Path, database: ClickHouse, length: int) -> None:
    long = line(1, agent='A' * length)
    file.write_bytes(log([0]) + f'{long}\n'.encode() + log(range(2, 100)))
    assert imported(file) == summary(stored=100)
    assert imported(file) == summary(already=100)
    assert paths(database) == asked(range(100))


MOST_LINES = 45  # of each log that is imported in any sequence


class Stopped(EngineError):
    """Stands for a kill, a full disk or a lost server."""


class Imports(machines.RuleBasedStateMachine):
    """Imports three logs in any state, compression and order, with interruptions; every line must be stored once."""

    def __init__(self, database: ClickHouse, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.database = database
        self.file = directory / 'access.log'
        self.monkeypatch = monkeypatch
        self.domain = f'{uuid.uuid4().hex}.example.org'
        self.ledger = Ledger(database, 'key', None)
        self.enrichment = Enrichment(self.domain, PortalRules(), open_places(None), VisitorKey(b'k' * 32, is_shared=True))
        self.rejected = RejectStore(directory)
        self.stored = [0, 0, 0]  # lines of each log
        self.tried = [0, 0, 0]  # lines of each log that an interrupted import may have stored
        self.longest = [0, 0, 0]  # bytes of each log that were shown

    def numbers(self, which: int, lines: int) -> range:
        return range(1_000 * which, 1_000 * which + lines)

    @machines.rule(
        which=st.integers(0, 2),
        lines=st.integers(0, MOST_LINES),
        tail=st.sampled_from(['', 'cut', 'no end']),
        dress=st.sampled_from(['plain', 'complete', 'gz']),
        chunk=st.sampled_from([400, 1_500, 6_000]),
        stop=st.none() | st.tuples(st.integers(1, 3), st.booleans()),
    )
    def import_(self, which: int, lines: int, tail: str, dress: str, chunk: int, stop: tuple[int, bool] | None) -> None:
        end = '\r\n' if which == 2 else '\n'
        content = log(self.numbers(which, lines), end)
        whole = lines
        if tail == 'cut' and dress == 'plain':
            content += line(self.numbers(which, lines + 1)[-1]).encode()[:90]
        elif tail == 'no end' and lines:
            content = content.removesuffix(end.encode())
            whole -= dress == 'plain'
        if len(content) < min(self.longest[which], batches.HEAD):  # too short to be known as a copy
            return
        self.longest[which] = max(self.longest[which], len(content))
        self.file.write_bytes(gzip.compress(content) if dress == 'gz' else content)
        result = Summary()
        cut_small(self.monkeypatch, chunk)
        with self.monkeypatch.context() as faults, closing(LogFile(str(self.file))) as log_file:
            if stop:
                faults.setattr(ClickHouse, 'insert_file', stopping(*stop))
            try:
                import_log(
                    AccessLog(log_file, dress == 'complete'),
                    LogReader(),
                    self.enrichment,
                    self.ledger,
                    self.rejected,
                    result,
                    lambda: None,
                )
            except Stopped:
                self.tried[which] = max(self.tried[which], whole)
                return
            except InputError as error:
                assert 'an unfinished import read a longer copy of this log' in str(error)
                assert self.tried[which] >= lines
                return
        assert result.read == len(content.splitlines())
        self.stored[which] = max(self.stored[which], whole)
        if whole >= self.tried[which]:
            self.tried[which] = 0

    @machines.invariant()
    def every_line_counts_once(self) -> None:
        stored_paths = paths(self.database, self.domain)
        for which in range(3):
            here = [path for path in stored_paths if int(path.removeprefix('/api/')) // 1_000 == which]
            most = asked(self.numbers(which, max(self.stored[which], self.tried[which])))
            assert len(here) == len(set(here))
            assert set(asked(self.numbers(which, self.stored[which]))) <= set(here) <= set(most)
        if not any(self.tried):
            assert_rollups_agree(self.database, self.domain)

    def teardown(self) -> None:
        for which in range(3):
            self.import_(which, MOST_LINES, '', 'plain', 1_500, None)  # fewer may be too short to be known as a copy
            assert not self.tried[which]
        self.every_line_counts_once()
        assert self.rejected.directory.exists() is False


def stopping(after: int, inserted: bool) -> Callable[..., None]:
    """Makes the `after`th insert fail, before or after the calls are inserted."""
    real, left = ClickHouse.insert_file, after

    def insert(database: ClickHouse, table: str, columns: list[str], file: Path, token: str) -> None:
        nonlocal left
        left -= 1
        if left or inserted:
            real(database, table, columns, file, token)
        if not left:
            raise Stopped('stopped')

    return insert


@pytest.mark.slow
def test_every_line_counts_once_in_any_sequence(database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machines.run_state_machine_as_test(
        lambda: Imports(database, tmp_path, monkeypatch),  # type: ignore[arg-type]
        settings=example_settings(
            max_examples=int(os.environ.get('USAGE_TEST_EXAMPLES', '12')),
            stateful_step_count=10,
            phases=[Phase.reuse, Phase.generate],  # shrinking takes minutes, and ten steps can be read
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.no_database
def test_the_schema_is_there_before_the_first_import(file: Path, database_url: str) -> None:
    file.write_bytes(log(range(2)))
    assert imported(file) == summary(stored=2)
    database = connect(database_url)
    try:
        assert not schema.pending(database)
    finally:
        database.close()


# holes: a log was cut to nothing under a writer that does not append


SIZES = pytest.mark.parametrize('size', [1_025, 4_096, 5 * SMALL, (1 << 20) + 3])


def holed(size: int, first: int = 0) -> bytes:
    """Returns 60 lines, one of them cut, with holes at all possible places."""
    hole, half = bytes(size), line(first + 1_000).encode()[:40]
    numbers = range(first, first + 60)
    return hole + log(numbers[:20]) + hole + log(numbers[20:40]) + half + hole + log(numbers[40:]) + hole


@SIZES
@pytest.mark.usefixtures('small_chunks')
def test_hole_is_not_a_line_and_the_next_line_counts(file: Path, database: ClickHouse, size: int) -> None:
    file.write_bytes(holed(size))
    assert imported(file) == summary(stored=60, format=1)
    assert imported(file) == summary(already=60, format=1)
    assert imported('--complete', file) == summary(already=60, format=1)
    for pack in PACK.values():
        packed = file.with_name('packed')
        packed.write_bytes(pack(holed(size)))
        assert imported(packed) == summary(already=60, format=1)
    assert imported('-', stdin=holed(size) + log(range(60, 70))) == summary(stored=10, already=60, format=1)
    assert paths(database) == asked(range(70))
    [reject] = RejectStore(Path('data')).__iter__()
    assert reject.text == line(1_000)[:40]
    assert holed(size)[reject.offset :].startswith(reject.text.encode())


@pytest.mark.slow
@pytest.mark.parametrize(('chunk', 'pack'), [(50, gzip.compress), (997, bytes), (SMALL, lzma.compress)])
def test_a_log_with_holes_that_grows_is_stored_once(
    file: Path, database: ClickHouse, monkeypatch: pytest.MonkeyPatch, chunk: int, pack: Callable[[bytes], bytes]
) -> None:
    """The log is cut within lines, within holes and between them, and read in chunks of different sizes."""
    whole = holed(3_000)
    most = 0
    for number, end in enumerate([*range(1, len(whole), 2_777), len(whole)]):
        cut_small(monkeypatch, chunk + number)
        file.write_bytes(whole[:end])
        result = imported(file)
        most = max(most, result['stored'] + result['already_stored'])
        assert result['stored'] + result['already_stored'] == most
    file.write_bytes(pack(whole))
    assert imported(file) == summary(already=60, format=1)
    assert paths(database) == asked(range(60))
    assert_rollups_agree(database)


@SIZES
def test_shorter_copy_of_a_log_with_holes_adds_nothing(file: Path, database: ClickHouse, size: int) -> None:
    whole = holed(size)
    file.write_bytes(whole)
    assert imported(file) == summary(stored=60, format=1)
    for end in (size // 2, size + len(log(range(10))), 2 * size + len(log(range(30))), len(whole) - size):
        file.write_bytes(whole[:end])
        result = imported(file)
        assert result['stored'] == 0
        assert result['read'] == result['already_stored'] + result['left'] + sum(result['rejected'].values())
    assert paths(database) == asked(range(60))


@pytest.mark.parametrize(
    'sizes', [(3_000, 3_000), (3_000, 2_000), (2_000, 3_000), (2_000_000, 1_500_000), (20_000_000, 1_500_000)]
)
def test_logs_that_begin_with_a_hole_are_distinguished(file: Path, database: ClickHouse, sizes: tuple[int, int]) -> None:
    other = file.with_name('other.log')
    file.write_bytes(bytes(sizes[0]) + log(range(30)))
    other.write_bytes(bytes(sizes[1]) + log(range(100, 102)))
    assert imported(file) == summary(stored=30)
    assert imported(other) == summary(stored=2)
    assert imported(file, other) == summary(already=32)
    assert paths(database) == asked([*range(30), 100, 101])


def test_holes_of_different_sizes_make_different_logs(file: Path, database: ClickHouse) -> None:
    for size in (0, 1_500, 3_000):
        file.write_bytes(bytes(size) + log(range(10)))
        assert imported(file) == summary(stored=10)
        assert imported(file) == summary(already=10)
    assert paths(database) == asked([*range(10)] * 3)


def test_a_hole_of_gigabytes_takes_neither_memory_nor_time(file: Path, database: ClickHouse) -> None:
    with file.open('wb') as sparse:
        for number in range(3):
            sparse.seek(20 << 30, os.SEEK_CUR)
            sparse.write(log([number]))
        sparse.truncate(90 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert imported(file) == summary(stored=3)
    assert imported(file) == summary(already=3)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    assert paths(database) == asked(range(3))


@pytest.mark.usefixtures('small_chunks')
def test_interrupted_import_of_a_log_with_holes_continues(
    file: Path, database: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(holed(2 * SMALL))
    for after in (1, 2):
        with monkeypatch.context() as patch:
            patch.setattr(ClickHouse, 'insert_file', stopping(after, inserted=after % 2 == 0))
            assert run('import', file, '--domain', DOMAIN).exit_code == 1
    result = imported(file)
    assert (result['read'], result['rejected']) == (61, {'format': 1})
    assert paths(database) == asked(range(60))
    assert_rollups_agree(database)


def test_the_line_ends_of_old_macs(file: Path, database: ClickHouse) -> None:
    file.write_bytes(log(range(3), '\r'))
    assert imported(file) == summary(stored=3)
    file.write_bytes(log(range(5), '\r') + line(5).encode()[:60])
    assert imported(file) == summary(stored=2, already=3, left=1)
    file.write_bytes(log(range(6), '\r'))
    assert imported(file) == summary(stored=1, already=5)
    assert paths(database) == asked(range(6))
