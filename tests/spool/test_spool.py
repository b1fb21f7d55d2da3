"""The spool: what it accepted is there after a crash, in order and whole; what it did not accept is not."""

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
from exporter.model.reject import Reject
from exporter.model.tally import Tally
from exporter.spool.quarantine import in_quarantine
from exporter.spool.segment import LENGTHS, MAGIC, IdempotencyKey, Spooled, frames
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
    """The spool as another process finds it that starts after this one was killed."""
    shutil.copytree(spool.directory, to)
    return opened(to)


def stored(spool: Spool) -> list[tuple[Batch, list[str]]]:
    """All that the spool hands out, oldest first."""
    spool.seal()
    found = list[tuple[Batch, list[str]]]()
    while file := spool.oldest():
        found += [(part.batch, part.calls['path'].to_list()) for part in file.parts(spool.log)]
        spool.done(file)
    return found


def test_a_batch_keeps_its_identity_its_calls_and_its_counts(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50, {'path': 3}, {'format': 2}))
    spool = after_a_crash(spool, tmp_path / 'later')
    file = spool.oldest()
    assert file
    [part] = file.parts(spool.log)
    assert part.batch == BATCH
    assert part.tally == Tally(50, {'path': 3}, {'format': 2})
    assert part.calls.equals(DAY)
    assert part.calls.schema == DAY.schema
    assert (part.header.key_id, part.header.geo_date) == ('key', None)
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
    mine, other = file.parts(spool.log)
    assert (mine.batch.domain, mine.calls['path'].to_list()) == (PORTAL, [f'/api/{n}' for n in range(5)])
    assert (mine.tally, mine.rejects) == (Tally(5, {'path': 4}), [])
    assert (other.batch.domain, len(other.calls), other.rejects) == (OTHER, 1, [reject])
    again = after_a_crash(spool, tmp_path / 'later').oldest()
    assert again
    assert [part.batch for part in again.parts(spool.log)] == [mine.batch, other.batch]


def test_what_is_stored_under_a_name_never_changes(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.append(calls(PORTAL, 2), {PORTAL: Tally(2)})
    spool.seal()
    spool.append(calls(PORTAL, 2, first=2), {PORTAL: Tally(2)})
    first, second = stored(after_a_crash(spool, tmp_path / 'later'))
    assert first[0].id != second[0].id
    assert (len(first[1]), len(second[1])) == (2, 2)


def test_two_spools_never_name_a_batch_alike(tmp_path: Path) -> None:
    assert opened(tmp_path / 'a').log != opened(tmp_path / 'b').log


@pytest.mark.slow
@settings(max_examples=60)
@given(cut=st.floats(0, 1, exclude_max=True), flip=st.booleans())
def test_of_a_segment_that_a_crash_cut_all_that_was_acknowledged_is_there(
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
    found = opened(later)
    assert found.balance.waiting == 2
    assert [paths for _, paths in stored(found)] == [['/api/0', '/api/1']]


def test_batches_come_out_in_the_order_in_which_they_were_accepted(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.append(calls(PORTAL, 1), {PORTAL: Tally(1)})
    spool.put(BATCH, calls(PORTAL, 1, first=1), Tally(1))
    spool.put(Batch(PORTAL, 'access_log', 'abc:1024', 5_000, 5_100), calls(PORTAL, 1, first=2), Tally(1))
    assert [paths for _, paths in stored(after_a_crash(spool, tmp_path / 'later'))] == [['/api/0'], ['/api/1'], ['/api/2']]
    assert [paths for _, paths in stored(spool)] == [['/api/0'], ['/api/1'], ['/api/2']]


def test_a_large_segment_is_sealed_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('exporter.spool.spool.SEGMENT', 1)
    spool = opened(tmp_path / 'spool')
    spool.append(DAY, {PORTAL: Tally(50)})
    spool.append(DAY, {PORTAL: Tally(50)})
    assert spool.oldest()


@pytest.mark.parametrize('call', ['ftruncate', 'open'])  # before and after the segment has its last name
def test_what_fails_when_a_segment_is_sealed_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
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


def test_calls_are_accounted_for_wherever_they_are(tmp_path: Path) -> None:
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
    spool.refuse(file.parts(spool.log)[0], 'Code: 117')
    assert spool.balance.accepted == 54
    spool.done(file, 50)
    balance = spool.balance
    assert (balance.accepted, balance.stored, balance.waiting, balance.quarantined) == (54, 4, 0, 50)
    later = after_a_crash(spool, tmp_path / 'later')
    assert (later.balance.accepted, later.balance.quarantined) == (50, 50)
    assert later.balance.bytes == balance.bytes > 0
    assert later.waiting() == [(BATCH, Tally(50, {'path': 2}, {'format': 3}))]
    assert list(in_quarantine(later.directory)) == [Reject('refused', PORTAL, 'access.log', 0, 'Code: 117')]
    assert later.release() == 50
    assert list(in_quarantine(later.directory)) == []
    assert (later.balance.waiting, later.balance.quarantined) == (50, 0)
    assert stored(later) == [(BATCH, DAY['path'].to_list())]
    assert later.balance.bytes == 0


def test_a_batch_that_is_refused_again_after_a_crash_is_accounted_for_once(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50))
    file = spool.oldest()
    assert file
    spool.refuse(file.parts(spool.log)[0], 'Code: 117')
    later = after_a_crash(spool, tmp_path / 'later')
    file = later.oldest()
    assert file
    assert later.is_quarantined(BATCH)
    later.done(file, 50)
    balance = later.balance
    assert (balance.accepted, balance.stored, balance.waiting, balance.quarantined) == (50, 0, 0, 50)


def test_a_damaged_file_is_told_and_set_aside(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50))
    file = spool.oldest()
    assert file
    text = bytearray(file.path.read_bytes())
    text[-1] ^= 1
    file.path.write_bytes(text)
    with pytest.raises(Exception, match='damaged after byte 0; restore it from a backup'):
        file.parts(spool.log)
    spool.set_aside(file)
    assert spool.oldest() is None
    assert (spool.balance.quarantined, spool.balance.accepted) == (50, 50)
    [aside] = spool.directory.glob('quarantine/*.damaged')
    assert aside.read_bytes() == text
    assert [(reject.reason, reject.origin) for reject in in_quarantine(spool.directory)] == [('damaged', str(aside))]


def rewritten(path: Path, head: bytes | None = None, body: bytes | None = None) -> None:
    """Puts another header or other calls into the frame of a file, under a hash that is right."""
    content = path.read_bytes()
    [frame] = frames(path)
    head = content[LENGTHS.size : frame.start] if head is None else head
    body = content[frame.start :] if body is None else body
    path.write_bytes(LENGTHS.pack(MAGIC, len(head), len(body), xxhash.xxh3_64_intdigest(head + body)) + head + body)


@pytest.mark.parametrize(
    'body', [b'', b'no arrow', ipc(DAY.head(3)), ipc(DAY.drop('path'))], ids=['none', 'other', 'fewer', 'column']
)
def test_what_holds_no_calls_is_set_aside_also_where_its_hash_is_right(tmp_path: Path, body: bytes) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50))
    file = spool.oldest()
    assert file
    rewritten(file.path, body=body)
    with pytest.raises(InputError, match=f'{file.path}: .* calls at byte '):
        file.parts(spool.log)
    spool.set_aside(file)
    assert (spool.balance.quarantined, spool.balance.accepted) == (50, 50)


@pytest.mark.parametrize('head', [b'{}', b'no json', b'\xff', b'[' * 100_000])
@pytest.mark.parametrize('suffix', ['batch', 'open'])
def test_what_another_version_wrote_is_told_and_left_as_it_is(tmp_path: Path, head: bytes, suffix: str) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50))
    spool.close()
    [path] = spool.directory.glob('*.batch')
    rewritten(path, head=head)
    path = path.rename(path.with_suffix(f'.{suffix}'))
    content = path.read_bytes()
    with pytest.raises(InputError, match=f'{path}: written by another version') as error:
        opened(tmp_path / 'spool')
    assert '\n' not in str(error.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize('ended', [Spool.done, Spool.give_up, Spool.set_aside])
def test_what_is_let_go_of_is_not_looked_for_again_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: Callable[[Spool, Spooled], None]
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


def test_it_takes_no_more_than_it_may(tmp_path: Path) -> None:
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
    assert not spool.takes()
    spool.most_bytes = 60_000
    assert sum(len(paths) for _, paths in stored(spool)) == accepted
    spool.put(BATCH, DAY, Tally(50))


@pytest.mark.parametrize('call', ['pwrite', 'fdatasync'])
def test_what_the_disk_does_not_take_is_not_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
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


def test_a_batch_that_the_disk_does_not_take_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened(tmp_path / 'spool')
    with monkeypatch.context() as broken:

        def full(*_: object) -> None:
            raise OSError(28, 'No space left on device')

        broken.setattr(os, 'fsync', full)
        with pytest.raises(OSError, match='No space left'):
            spool.put(BATCH, DAY, Tally(50))
        assert not spool.takes()
    assert spool.takes()
    assert spool.oldest() is None
    assert [path.name for path in spool.directory.iterdir() if path.suffix not in ('', '.lock')] == []
    assert spool.balance.accepted == 0


def test_keys_are_known_as_long_as_their_calls_wait(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    key = IdempotencyKey('token', 'once', 'ff', {'accepted': 2})
    spool.append(calls(PORTAL, 2), {PORTAL: Tally(2)}, [key])
    assert spool.keys() == [key]
    later = after_a_crash(spool, tmp_path / 'later')
    assert later.keys() == [key]
    stored(later)
    assert later.keys() == []


def test_one_process_uses_it_at_a_time(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    with pytest.raises(SettingsError, match='another usage-exporter uses this spool; stop it'):
        opened(tmp_path / 'spool')
    spool.close()
    opened(tmp_path / 'spool')


def test_its_files_are_its_owners_only(tmp_path: Path) -> None:
    spool = opened(tmp_path / 'spool')
    spool.append(DAY, {PORTAL: Tally(50)})
    spool.put(BATCH, DAY, Tally(50))
    assert {path.stat().st_mode & 0o077 for path in spool.directory.rglob('*') if path.is_file()} == {0}
    assert spool.directory.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(('skipped', 'by_reason'), [(0, {}), (7, {'path': 7})])
def test_a_file_of_an_earlier_version_knows_no_reasons_of_skipping(
    tmp_path: Path, skipped: int, by_reason: dict[str, int]
) -> None:
    spool = opened(tmp_path / 'spool')
    spool.put(BATCH, DAY, Tally(50, {}, {'format': 2}))
    file = spool.oldest()
    assert file
    [frame] = frames(file.path)
    head = file.path.read_bytes()[LENGTHS.size : frame.start]
    assert b'"skipped":{}' in head
    rewritten(file.path, head.replace(b'"skipped":{}', b'"skipped":%d' % skipped))
    later = after_a_crash(spool, tmp_path / 'later')
    assert later.waiting() == [(BATCH, Tally(50, by_reason, {'format': 2}))]
    assert stored(later) == [(BATCH, DAY['path'].to_list())]
