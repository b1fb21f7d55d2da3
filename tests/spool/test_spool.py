"""The spool keeps what it accepted through a crash, whole and in order, and nothing that it did not accept."""

import io
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
import xxhash
from calls import calls
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import InputError, SettingsError, SpoolFull
from exporter.model.batch import Batch
from exporter.model.call import Column
from exporter.model.counting_rules import VERSION
from exporter.model.reject import Reject
from exporter.model.tally import Tally
from exporter.spool.quarantine import list_quarantined
from exporter.spool.segment import FORMAT, LENGTHS, MAGIC, SPOOLED, TYPES, IdempotencyKey, SpoolFile, read_records
from exporter.spool.spool import Spool

PORTAL, OTHER = 'data.example.org', 'open.example.net'
ROOM = 10 << 20
DAY = calls(PORTAL, 50)
BATCH = Batch(PORTAL, 'access_log', 'abc:1024', 0, 5_000, 'access.log')


def ipc(calls: pl.DataFrame) -> bytes:
    """Calls as an Arrow stream."""
    stream = io.BytesIO()
    calls.write_ipc_stream(stream)
    return stream.getvalue()


def opened(directory: Path, room: int = ROOM) -> Spool:
    return Spool(directory, room, 'key', None)


def after_a_crash(spool: Spool, to: Path) -> Spool:
    """The spool as a new process finds it after this one is killed."""
    shutil.copytree(spool.directory, to)
    return opened(to)


def stored(spool: Spool) -> list[tuple[Batch, list[str]]]:
    """Takes all batches and their paths out of the spool, oldest first."""
    spool.seal()
    batches = list[tuple[Batch, list[str]]]()
    while file := spool.oldest():
        batches += [(spooled.batch, spooled.calls['path'].to_list()) for spooled in file.batches(spool.log)]
        spool.done(file)
    return batches


def test_a_batch_keeps_its_identity_calls_and_tally(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50, {'path': 3}, {'format': 2}))
    spool = after_a_crash(spool, tmp_path / 'later')
    file = spool.oldest()
    assert file
    [spooled] = file.batches(spool.log)
    assert spooled.batch == BATCH
    assert spooled.tally == Tally(50, {'path': 3}, {'format': 2})
    assert spooled.calls.equals(DAY)
    assert spooled.calls.schema == DAY.schema
    assert (spooled.header.key_id, spooled.header.geo_date) == ('key', None)
    assert spool.waiting() == [(BATCH, Tally(50, {'path': 3}, {'format': 2}))]


def test_small_requests_share_a_batch_for_each_portal(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    reject = Reject('status', OTHER, 'collector', 7, '{"status": 1}')
    spool.append(
        pl.concat([calls(PORTAL, 2), calls(OTHER, 1)]), {PORTAL: Tally(2), OTHER: Tally(1, {}, {'status': 1})}, (), [reject]
    )
    spool.append(calls(PORTAL, 3, first=2), {PORTAL: Tally(3, {'path': 4})})
    assert spool.oldest() is None
    spool.seal()
    file = spool.oldest()
    assert file
    mine, other = file.batches(spool.log)
    assert (mine.batch.domain, mine.calls['path'].to_list()) == (PORTAL, [f'/api/{n}' for n in range(5)])
    assert (mine.tally, mine.rejects) == (Tally(5, {'path': 4}), [])
    assert (other.batch.domain, len(other.calls), other.rejects) == (OTHER, 1, [reject])
    again = after_a_crash(spool, tmp_path / 'later').oldest()
    assert again
    assert [spooled.batch for spooled in again.batches(spool.log)] == [mine.batch, other.batch]


def test_a_sealed_segment_never_changes(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.append(calls(PORTAL, 2), {PORTAL: Tally(2)})
    spool.seal()
    spool.append(calls(PORTAL, 2, first=2), {PORTAL: Tally(2)})
    first, second = stored(after_a_crash(spool, tmp_path / 'later'))
    assert first[0].id != second[0].id
    assert (len(first[1]), len(second[1])) == (2, 2)


def test_two_spools_give_batches_different_names(tmp_path: Path) -> None:
    assert opened(tmp_path / 'a').log != opened(tmp_path / 'b').log


@pytest.mark.slow
@settings(max_examples=60)
@given(cut=st.floats(0, 1, exclude_max=True), flip=st.booleans())
def test_a_segment_cut_by_a_crash_keeps_all_acknowledged_calls(
    tmp_path_factory: pytest.TempPathFactory, cut: float, flip: bool
) -> None:
    folder = tmp_path_factory.mktemp('cut')
    spool = opened(folder / 'spool')
    spool.append(calls(PORTAL, 2), {PORTAL: Tally(2)})
    [segment] = (folder / 'spool').glob('*.open')
    whole = segment.stat().st_size
    spool.append(calls(PORTAL, 3, first=2), {PORTAL: Tally(3)})
    later = folder / 'later'
    shutil.copytree(folder / 'spool', later)
    torn = later / segment.name
    text = bytearray(torn.read_bytes())
    at = whole + int(cut * (len(text) - whole))
    if flip:
        text[at] ^= 0xFF
    else:
        del text[at:]
    torn.write_bytes(text)
    recovered = opened(later)
    assert recovered.balance.waiting == 2
    assert [paths for _, paths in stored(recovered)] == [['/api/0', '/api/1']]


def test_batches_come_out_in_the_order_of_acceptance(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.append(calls(PORTAL, 1), {PORTAL: Tally(1)})
    spool.put(BATCH, calls(PORTAL, 1, first=1), Tally(1))
    spool.put(Batch(PORTAL, 'access_log', 'abc:1024', 5_000, 5_100), calls(PORTAL, 1, first=2), Tally(1))
    assert [paths for _, paths in stored(after_a_crash(spool, tmp_path / 'later'))] == [['/api/0'], ['/api/1'], ['/api/2']]
    assert [paths for _, paths in stored(spool)] == [['/api/0'], ['/api/1'], ['/api/2']]


def test_a_large_segment_is_sealed_automatically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('exporter.spool.spool.SEGMENT', 1)
    spool = opened(tmp_path / 'spool')
    spool.append(DAY, {PORTAL: Tally(50)})
    spool.append(DAY, {PORTAL: Tally(50)})
    assert spool.oldest()


@pytest.mark.parametrize('call', ['ftruncate', 'open'])  # before and after the segment is renamed
def test_a_failure_while_sealing_duplicates_no_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    monkeypatch.setattr('exporter.spool.spool.SEGMENT', 1)
    spool = opened(tmp_path / 'spool')
    spool.append(calls(PORTAL, 1), {PORTAL: Tally(1)})
    with monkeypatch.context() as broken:

        def failing(*_: object) -> None:
            raise OSError(24, 'Too many open files')

        broken.setattr(os, call, failing)
        for _ in range(2):
            with pytest.raises(OSError, match='Too many'):
                spool.append(calls(PORTAL, 1, first=1), {PORTAL: Tally(1)})
    spool.append(calls(PORTAL, 1, first=2), {PORTAL: Tally(1)})
    assert spool.balance.accepted == 2
    assert [paths for _, paths in stored(after_a_crash(spool, tmp_path / 'later'))] == [['/api/0'], ['/api/2']]
    assert [paths for _, paths in stored(spool)] == [['/api/0'], ['/api/2']]


def test_the_balance_counts_calls_in_each_place(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.append(calls(PORTAL, 4), {PORTAL: Tally(4, {'path': 1})})
    spool.put(BATCH, DAY, Tally(50, {'path': 2}, {'format': 3}))
    assert (spool.taken.stored, spool.taken.skipped, spool.taken.rejected) == (54, {'path': 3}, {'format': 3})
    spool.seal()
    file = spool.oldest()
    assert file
    spool.done(file)
    balance = spool.balance
    assert (balance.accepted, balance.stored, balance.waiting, balance.quarantined) == (54, 4, 50, 0)
    file = spool.oldest()
    assert file
    spool.quarantine(file.batches(spool.log)[0], 'Code: 117')
    assert spool.balance.accepted == 54
    spool.done(file, 50)
    balance = spool.balance
    assert (balance.accepted, balance.stored, balance.waiting, balance.quarantined) == (54, 4, 0, 50)
    later = after_a_crash(spool, tmp_path / 'later')
    assert (later.balance.accepted, later.balance.quarantined) == (50, 50)
    assert later.balance.bytes == balance.bytes > 0
    assert later.waiting() == [(BATCH, Tally(50, {'path': 2}, {'format': 3}))]
    assert list(list_quarantined(later.directory)) == [Reject('refused', PORTAL, 'access.log', 0, 'Code: 117')]
    assert later.release() == 50
    assert list(list_quarantined(later.directory)) == []
    assert (later.balance.waiting, later.balance.quarantined) == (50, 0)
    assert stored(later) == [(BATCH, DAY['path'].to_list())]
    assert later.balance.bytes == 0


def test_a_batch_quarantined_before_a_crash_counts_once(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50))
    file = spool.oldest()
    assert file
    spool.quarantine(file.batches(spool.log)[0], 'Code: 117')
    later = after_a_crash(spool, tmp_path / 'later')
    file = later.oldest()
    assert file
    assert later.is_quarantined(BATCH)
    later.done(file, 50)
    balance = later.balance
    assert (balance.accepted, balance.stored, balance.waiting, balance.quarantined) == (50, 0, 0, 50)


def test_a_damaged_file_is_reported_and_quarantined(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50))
    file = spool.oldest()
    assert file
    text = bytearray(file.path.read_bytes())
    text[-1] ^= 1
    file.path.write_bytes(text)
    with pytest.raises(Exception, match='damaged after byte 0; restore it from a backup'):
        file.batches(spool.log)
    spool.set_aside(file)
    assert spool.oldest() is None
    assert (spool.balance.quarantined, spool.balance.accepted) == (50, 50)
    [aside] = spool.directory.glob('quarantine/*.damaged')
    assert aside.read_bytes() == text
    assert [(reject.reason, reject.origin) for reject in list_quarantined(spool.directory)] == [('damaged', str(aside))]


def rewrite(path: Path, head: bytes | None = None, body: bytes | None = None) -> None:
    """Replaces the header or the calls of a file's record, with a correct hash."""
    content = path.read_bytes()
    [record] = read_records(path)
    head = content[LENGTHS.size : record.start] if head is None else head
    body = content[record.start :] if body is None else body
    path.write_bytes(LENGTHS.pack(MAGIC, len(head), len(body), xxhash.xxh3_64_intdigest(head + body)) + head + body)


@pytest.mark.parametrize(
    'body', [b'', b'no arrow', ipc(DAY.head(3)), ipc(DAY.drop('path'))], ids=['none', 'other', 'fewer', 'column']
)
def test_invalid_calls_with_a_correct_hash_are_quarantined(tmp_path: Path, body: bytes) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50))
    file = spool.oldest()
    assert file
    rewrite(file.path, body=body)
    with pytest.raises(InputError, match=f'{file.path}: .* calls at byte '):
        file.batches(spool.log)
    spool.set_aside(file)
    assert (spool.balance.quarantined, spool.balance.accepted) == (50, 50)


def test_a_record_of_an_earlier_version_is_read_as_one_of_this_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There 0 is an unknown status or duration, and a later column is missing."""
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50))
    file = spool.oldest()
    assert file
    [record] = read_records(file.path)
    head = file.path.read_bytes()[LENGTHS.size : record.start]
    earlier = DAY.with_columns(
        status=pl.Series([200, 0] * 25, dtype=pl.UInt16), duration_ms=pl.Series([0] * 25 + [1] * 25, dtype=pl.UInt32)
    )
    rewrite(file.path, head.replace(b',"format":%d' % FORMAT, b''), ipc(earlier.drop('failed')))
    later = [
        Column('wait_ms', pl.UInt32(), False, '', nullable=True),
        Column('origin', pl.String(), True, ''),
        Column('n', pl.UInt8(), False, ''),
    ]
    monkeypatch.setattr('exporter.spool.segment.SPOOLED', [*SPOOLED, *later])
    monkeypatch.setattr('exporter.spool.segment.TYPES', TYPES | {column.name: column.type for column in later})
    [spooled] = after_a_crash(spool, tmp_path / 'later')._files[0].batches(spool.log)
    assert spooled.calls['status'].to_list() == [200, None] * 25
    assert spooled.calls['duration_ms'].to_list() == [None] * 25 + [1] * 25
    assert spooled.calls['wait_ms'].to_list() == [None] * 50
    assert spooled.calls['origin'].to_list() == [''] * 50
    assert spooled.calls['n'].to_list() == [0] * 50
    assert spooled.calls['failed'].to_list() == [0] * 50
    assert spooled.calls.drop('status', 'duration_ms', 'wait_ms', 'origin', 'n').equals(DAY.drop('status', 'duration_ms'))


def test_null_and_zero_are_kept(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    day = DAY.with_columns(status=pl.lit(None, pl.UInt16), duration_ms=pl.Series([None, 0] * 25, dtype=pl.UInt32))
    spool.append(day, {PORTAL: Tally(50)})
    spool.seal()
    file = spool.oldest()
    assert file
    [spooled] = file.batches(spool.log)
    assert spooled.calls.equals(day)
    spool.quarantine(spooled, 'Code: 117')
    spool.done(file, 50)
    spool.release()
    file = spool.oldest()
    assert file
    assert file.batches(spool.log)[0].calls.equals(day)


def test_a_new_column_raises_the_format_of_records() -> None:
    """Else a record of an earlier version, which lacks the column, would count as damaged."""
    assert (FORMAT, len(SPOOLED)) == (6, 30)


@pytest.mark.parametrize('head', [b'{}', b'no json', b'\xff', b'[' * 100_000])
@pytest.mark.parametrize('suffix', ['batch', 'open'])
def test_a_file_of_another_version_is_reported_and_left_unchanged(tmp_path: Path, head: bytes, suffix: str) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50))
    spool.close()
    [path] = spool.directory.glob('*.batch')
    rewrite(path, head=head)
    path = path.rename(path.with_suffix(f'.{suffix}'))
    content = path.read_bytes()
    with pytest.raises(InputError, match=f'{path}: written by another version') as error:
        opened(tmp_path / 'spool')
    assert '\n' not in str(error.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize('ended', [Spool.done, Spool.give_up, Spool.set_aside])
def test_a_removed_file_stays_removed_if_the_sync_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: Callable[[Spool, SpoolFile], None]
) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50))
    file = spool.oldest()
    assert file
    with monkeypatch.context() as broken, suppress(OSError):

        def failing(*_: object) -> None:
            raise OSError(5, 'Input/output error')

        broken.setattr(os, 'fsync', failing)
        ended(spool, file)
    assert not file.path.exists()
    assert (spool.oldest(), spool.balance.waiting) == (None, 0)


def test_a_full_spool_refuses_calls(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool', 60_000)
    for _ in range(10):
        try:
            spool.append(DAY, {PORTAL: Tally(50)})
        except SpoolFull as error:
            assert 'the spool is full' in str(error)
            assert 'USAGE_SPOOL_BYTES' in str(error)
            break
    accepted = spool.balance.accepted
    assert 0 < accepted < 500
    with pytest.raises(SpoolFull):
        spool.put(BATCH, DAY, Tally(50))
    spool.most_bytes = spool.balance.bytes
    assert not spool.has_room()
    spool.most_bytes = 60_000
    assert sum(len(paths) for _, paths in stored(spool)) == accepted
    spool.put(BATCH, DAY, Tally(50))


@pytest.mark.parametrize('call', ['pwrite', 'fdatasync'])
def test_a_record_that_the_disk_refuses_is_not_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    spool = opened(tmp_path / 'spool')
    spool.append(calls(PORTAL, 2), {PORTAL: Tally(2)})
    with monkeypatch.context() as broken:

        def full(*_: object) -> None:
            raise OSError(28, 'No space left on device')

        broken.setattr(os, call, full)
        for _ in range(3):
            with pytest.raises(OSError, match='No space left'):
                spool.append(calls(PORTAL, 3, first=2), {PORTAL: Tally(3)})
    spool.append(calls(PORTAL, 1, first=5), {PORTAL: Tally(1)})
    assert spool.balance.accepted == 3
    assert [paths for _, paths in stored(after_a_crash(spool, tmp_path / 'later'))] == [['/api/0', '/api/1'], ['/api/5']]
    assert [paths for _, paths in stored(spool)] == [['/api/0', '/api/1'], ['/api/5']]


def test_a_batch_that_the_disk_refuses_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened(tmp_path / 'spool')
    with monkeypatch.context() as broken:

        def full(*_: object) -> None:
            raise OSError(28, 'No space left on device')

        broken.setattr(os, 'fsync', full)
        with pytest.raises(OSError, match='No space left'):
            spool.put(BATCH, DAY, Tally(50))
        assert not spool.has_room()
    assert spool.has_room()
    assert spool.oldest() is None
    assert [path.name for path in spool.directory.iterdir() if path.suffix not in ('', '.lock')] == []
    assert spool.balance.accepted == 0


def test_keys_are_kept_as_long_as_their_calls_wait(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    key = IdempotencyKey('token', 'once', 'ff', {'accepted': 2})
    spool.append(calls(PORTAL, 2), {PORTAL: Tally(2)}, [key])
    assert spool.keys() == [key]
    later = after_a_crash(spool, tmp_path / 'later')
    assert later.keys() == [key]
    stored(later)
    assert later.keys() == []


def test_one_process_at_a_time_uses_a_spool(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    with pytest.raises(SettingsError, match='another usage-exporter uses this spool; stop it'):
        opened(tmp_path / 'spool')
    spool.close()
    opened(tmp_path / 'spool')


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.append(DAY, {PORTAL: Tally(50)})
    spool.put(BATCH, DAY, Tally(50))
    assert {path.stat().st_mode & 0o077 for path in spool.directory.rglob('*') if path.is_file()} == {0}
    assert spool.directory.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(('skipped', 'by_reason'), [(0, {}), (7, {'path': 7})])
def test_a_file_of_an_earlier_version_has_skipped_totals(tmp_path: Path, skipped: int, by_reason: dict[str, int]) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50, {}, {'format': 2}))
    file = spool.oldest()
    assert file
    [record] = read_records(file.path)
    head = file.path.read_bytes()[LENGTHS.size : record.start]
    assert b'"skipped":{}' in head
    rewrite(file.path, head.replace(b'"skipped":{}', b'"skipped":%d' % skipped))
    later = after_a_crash(spool, tmp_path / 'later')
    assert later.waiting() == [(BATCH, Tally(50, by_reason, {'format': 2}))]
    assert stored(later) == [(BATCH, DAY['path'].to_list())]


def test_calls_keep_the_counting_rules_that_counted_them(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.append(calls(PORTAL, 2), {PORTAL: Tally(2)})
    spool.put(BATCH, DAY, Tally(50))
    spool.seal()
    requests, log = (file.batches(spool.log)[0] for file in spool._files)
    assert (requests.header.rules, log.header.rules) == (VERSION, VERSION)
    [record] = read_records(spool._files[1].path)
    head = spool._files[1].path.read_bytes()[LENGTHS.size : record.start]
    rewrite(spool._files[1].path, head.replace(b',"rules":%d' % VERSION, b''))  # of an earlier program
    later = after_a_crash(spool, tmp_path / 'later')
    [spooled] = later._files[1].batches(later.log)
    assert spooled.header.rules == 1
    later.quarantine(spooled, 'Code: 117')
    later.done(later._files[1], 50)
    later.release()
    assert later._files[-1].batches(later.log)[0].header.rules == 1
