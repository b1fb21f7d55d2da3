"""Each line of logs, also of several portals, counts once in any order of following, importing, rotating and interruptions."""

import gzip
import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import hypothesis.stateful as machines
import pytest
from access_logs import asked, assert_rollups_agree, cut_small, json_line, line, paths
from following import Following, followed
from hypothesis import HealthCheck, Phase
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from exporter.errors import ConcurrentImport, EngineError, InputError, SpoolFull
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs import followed as names
from exporter.ingest.logs import open_logs
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.division import Division
from exporter.ingest.logs.history import WithSpool
from exporter.ingest.logs.import_log import import_log
from exporter.ingest.logs.log_file import LogFile
from exporter.ingest.pipeline import Put
from exporter.model.tally import Summary
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger

pytestmark = pytest.mark.slow
CHUNK_SIZES = (400, 1_500, 1 << 20)  # bytes
STATEMENTS = ('begin', 'insert', 'done')
FAULTS = st.none() | st.tuples(st.sampled_from(STATEMENTS), st.booleans(), st.integers(1, 3))
Fault = tuple[str, bool, int] | None


class Killed(BaseException):
    """Stands for the end of the process."""


class AnyOrder(machines.RuleBasedStateMachine):
    """A web server writes a log, `serve` follows it, and people rotate and import it."""

    def __init__(self, database: ClickHouse, directory: Path, monkeypatch: pytest.MonkeyPatch, portals: int) -> None:
        super().__init__()
        self.database, self.monkeypatch = database, monkeypatch
        name = uuid.uuid4().hex
        self.domains = [f'{name}-{number}.example.org' for number in range(portals)]
        self.is_divided = portals > 1
        self.directory = directory / name
        self.directory.mkdir()
        self.log = self.directory / 'access.log'
        self.written = 0  # lines
        self.by_hand = False  # whether the log itself was imported: rotated ones are then taken for imported too
        self.half = b''  # of a line, which the server has still to write
        self.server: BinaryIO = self.log.open('ab', buffering=0)

    @machines.initialize(pattern=st.booleans(), linked=st.booleans(), line=st.sampled_from([line, json_line]))
    def follow(self, pattern: bool, linked: bool, line: Callable[..., str]) -> None:
        """Follows the log, combined or in JSON, by its name or a pattern, directly or through a link elsewhere."""
        self.line = line
        folder = self.directory / 'links' if linked else self.directory
        if linked:
            folder.mkdir()
            (folder / 'access.log').symlink_to(self.log)
        path = folder / ('access.log*' if pattern else 'access.log')
        hosts = {domain: [domain] for domain in self.domains} if self.is_divided else {}
        settings = followed(path, '' if self.is_divided else self.domains[0])
        self.following = Following(self.database, self.directory / 'data', settings, hosts=hosts)
        self.write(1, False)  # of a log of which nothing was ever taken it is not known which lines are old
        self.poll(None, False)
        self.drain(None)

    # the web server, and logrotate

    @machines.rule(lines=st.integers(1, 12), half=st.booleans())
    def write(self, lines: int, half: bool) -> None:
        now = f'{datetime.now(UTC):%d/%b/%Y:%H:%M:%S %z}'
        content = ''.join(f'{self._line(number, now)}\n' for number in range(self.written, self.written + lines)).encode()
        cut = len(content) - 50 if half else len(content)
        self.server.write(self.half + content[:cut])
        self.half = content[cut:]
        self.written += lines

    def _line(self, number: int, time: str) -> str:
        """Returns a line; in a log of several portals, with the host of one of them."""
        host = {'http_host': self._domain(number)} if self.is_divided else {}
        text = self.line(number, time=time, user=self.directory.name, **host)
        return f'{host["http_host"]} {text}' if host and self.line is line else text

    def _domain(self, number: int) -> str:
        return self.domains[number * 7 % 5 % len(self.domains)]

    @machines.rule()
    def reopen(self) -> None:
        self.server.write(self.half)
        self.half = b''
        self.server.close()
        self.server = self.log.open('ab', buffering=0)

    @machines.precondition(lambda self: self.log.exists())
    @machines.rule(reopens=st.booleans())
    def rename(self, reopens: bool) -> None:
        self._shift()
        self.log.rename(self.directory / 'access.log.1')
        if reopens:
            self.reopen()

    @machines.precondition(lambda self: self.log.exists() and self.log.stat().st_ino == os.fstat(self.server.fileno()).st_ino)
    @machines.rule()
    def copy_and_cut(self) -> None:
        self.server.write(self.half)  # what is written between the copy and the cut is lost, whoever reads
        self.half = b''
        self._shift()
        shutil.copy(self.log, self.directory / 'access.log.1')
        os.truncate(self.log, 0)

    def _shift(self) -> None:
        for path in sorted(self.directory.glob('access.log.*'), key=lambda path: int(path.name.split('.')[2]), reverse=True):
            _, _, number, *packed = path.name.split('.')
            path.rename(self.directory / '.'.join(['access.log', str(int(number) + 1), *packed]))

    @machines.rule(which=st.integers(0, 5), members=st.integers(1, 3))
    def pack(self, which: int, members: int) -> None:
        """Compresses a rotated log that the server has closed, into one or several members, or does so again."""
        rotated = sorted(self.directory.glob('access.log.*'))
        if not rotated or (path := rotated[which % len(rotated)]).stat().st_ino == os.fstat(self.server.fileno()).st_ino:
            return
        content = gzip.decompress(path.read_bytes()) if path.suffix == '.gz' else path.read_bytes()
        cuts = [len(content) * part // members for part in range(members + 1)]
        packed = b''.join(gzip.compress(content[start:end]) for start, end in pairwise(cuts))
        target = path if path.suffix == '.gz' else path.with_name(f'{path.name}.gz')
        draft = self.directory / 'draft'
        draft.write_bytes(packed)
        shutil.copystat(path, draft)
        draft.rename(target)
        if target != path:
            path.unlink()

    # usage-exporter

    @machines.rule(fault=st.sampled_from([None, 'engine away', 'full', 'killed before', 'killed after']), later=st.booleans())
    def poll(self, fault: str | None, later: bool) -> None:
        """Polls; `later`: all files look quiet."""
        self.following.engine_error = EngineError('away') if fault == 'engine away' else None
        self.following.wrap_put = lambda put: faulty(put, fault)
        with suppress(Killed), self.monkeypatch.context() as patch:
            patch.setattr(open_logs, 'QUIET', -1 if later else 600)
            self.following.poll()
            return
        self.following.restart()

    @machines.rule(fault=FAULTS)
    def drain(self, fault: Fault) -> None:
        with self.monkeypatch.context() as patch:
            inject(patch, fault)
            try:
                self.following.drain()
            except EngineError:
                return
            except Killed:
                self.following.restart()

    @machines.rule()
    def restart(self) -> None:
        self.following.restart()

    @machines.rule(
        before=st.integers(0, 3), which=st.integers(0, 6), copied=st.booleans(), chunk=st.sampled_from(CHUNK_SIZES), fault=FAULTS
    )
    def import_(self, before: int, which: int, copied: bool, chunk: int, fault: Fault) -> None:
        """Imports one of the logs, which may have untaken lines."""
        if before:
            self.write(before, False)
        logs = sorted(self.directory.glob('access.log*'))
        path = logs[which % len(logs)]
        if copied:  # nobody keeps it locked
            path = Path(shutil.copy(path, self.directory / 'a copy'))
        self.by_hand |= path == self.log
        with self.monkeypatch.context() as patch, suppress(EngineError, Killed, ConcurrentImport):
            cut_small(patch, chunk)
            inject(patch, fault)
            try:
                with closing(LogFile(str(path))) as file:
                    self._import(file)
            except InputError as error:
                assert 'under way' in str(error) or 'an unfinished import read a longer copy of this log' in str(error), error

    def _import(self, file: LogFile) -> None:
        process, waiting = self.following, self.following.spool.waiting()
        ledger, rejected = process.ledger(), process.follower.rejected
        domain = '' if self.is_divided else self.domains[0]
        for share in Division(domain, process.hosts).shares(file, WithSpool(waiting, ledger), rejected):
            import_log(
                AccessLog(file, share=share), LogReader(), process.enrichment(share.domain or domain), ledger, rejected, Summary(),
                lambda: None, waiting,
            )  # fmt: skip

    @machines.invariant()
    def no_line_counts_twice(self) -> None:
        for domain in self.domains:
            stored_paths = paths(self.database, domain)
            assert len(stored_paths) == len(set(stored_paths))
            assert set(stored_paths) <= set(self._expected(domain))

    def _expected(self, domain: str) -> list[str]:
        return asked(number for number in range(self.written) if self._domain(number) == domain)

    def teardown(self) -> None:
        self.reopen()
        for _ in range(3):  # what gave way to another is looked at again
            self.poll(None, False)
            self.drain(None)
        self.server.close()
        self.following.stop()
        if self.by_hand:
            for which in range(len(list(self.directory.glob('access.log*')))):
                self.import_(0, which, False, CHUNK_SIZES[-1], None)
        for domain in self.domains:
            assert paths(self.database, domain) == self._expected(domain)
            assert_rollups_agree(self.database, domain)
        assert not self.following.spool.balance.quarantined
        assert not self.following.follower.rejected.directory.exists()
        shutil.rmtree(self.directory)


def faulty(put: Put, fault: str | None) -> Put:
    """Wraps `put` with a fault."""

    def put_with_fault(*batch: object) -> None:
        if fault == 'full':
            raise SpoolFull('full')
        if fault == 'killed before':
            raise Killed
        put(*batch)  # type: ignore[arg-type]
        if fault == 'killed after':
            raise Killed

    return put_with_fault


def inject(patch: pytest.MonkeyPatch, fault: Fault) -> None:
    """Makes the n-th statement fail or end the process, before or after it is executed."""
    if not fault:
        return
    where, after, left = fault
    owner, name = (ClickHouse, 'insert_file') if where == 'insert' else (Ledger, where)
    real: Callable[..., None] = getattr(owner, name)

    def failing(*arguments: object) -> None:
        nonlocal left
        left -= 1
        if left or after:
            real(*arguments)
        if not left:
            raise EngineError('cut off')

    patch.setattr(owner, name, failing)


@pytest.mark.parametrize('portals', [1, 2])
def test_each_line_counts_once_in_any_order(
    database: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portals: int
) -> None:
    monkeypatch.setattr(names, 'COMPRESSING', 0)  # packing is done in a moment here
    machines.run_state_machine_as_test(
        lambda: AnyOrder(database, tmp_path, monkeypatch, portals),  # type: ignore[arg-type]
        settings=example_settings(
            max_examples=int(os.environ.get('USAGE_TEST_EXAMPLES', '30')),
            stateful_step_count=20,
            phases=[Phase.reuse, Phase.generate],  # shrinking takes minutes, and twenty steps can be read
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
