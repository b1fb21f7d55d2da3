"""Rejects are kept unchanged, with their origin, within limits, and for the owner only."""

import os
import stat
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.reject import Reject
from exporter.store.rejects import RejectStore


def reject(text: str, offset: int = 0) -> Reject:
    return Reject('format', 'data.example.org', 'access.log', offset, text)


@given(st.lists(st.binary(max_size=40).map(lambda line: reject(line.decode(errors='surrogateescape')))))
def test_rejects_are_kept_unchanged(rejects: list[Reject]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        rejected = RejectStore(Path(directory))
        rejected.keep('batch', rejects)
        assert list(rejected) == rejects


def test_a_batch_read_again_replaces_only_its_own_rejects(tmp_path: Path) -> None:
    rejected = RejectStore(tmp_path)
    rejected.keep('a/log:1024/0-100', [reject('one'), reject('two')])
    rejected.keep('a/log:1024/100-200', [reject('three')])
    rejected.keep('a/log:1024/0-100', [reject('one again')])
    assert sorted(kept.text for kept in rejected) == ['one again', 'three']


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    rejected = RejectStore(tmp_path / 'new')
    rejected.keep('batch', [reject('a line with an address')])
    [file] = rejected.directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(rejected.directory.stat().st_mode) == 0o700


def test_a_missing_directory_has_no_rejects(tmp_path: Path) -> None:
    assert list(RejectStore(tmp_path / 'nowhere')) == []


def test_an_interrupted_write_is_ignored(tmp_path: Path) -> None:
    rejected = RejectStore(tmp_path)
    rejected.keep('batch', [reject('whole')])
    [file] = rejected.directory.iterdir()
    file.with_name(f'{file.name}.draft').write_text('{"reason": "form')
    assert [kept.text for kept in rejected] == ['whole']
    rejected.keep('batch', [reject('whole again')])
    assert [kept.text for kept in rejected] == ['whole again']
    assert [path.name for path in rejected.directory.iterdir()] == [file.name]


def texts(rejected: RejectStore) -> list[str]:
    return [kept.text for kept in rejected]


def size(rejected: RejectStore) -> int:
    return sum(path.stat().st_size for path in rejected.directory.iterdir())


@pytest.mark.parametrize('another_process', [False, True])
def test_a_full_store_deletes_the_oldest_and_logs_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, another_process: bool
) -> None:
    rejected = RejectStore(tmp_path, 2_000)
    for number in range(40):
        if another_process:
            rejected = RejectStore(tmp_path, 2_000)
        rejected.keep(f'batch {number}', [reject(f'{number}')])
        assert size(rejected) <= 2_000
    kept = texts(rejected)
    assert kept == [str(number) for number in range(40 - len(kept), 40)]
    assert len(kept) > 5
    assert len(caplog.messages) == 40 - len(kept)
    assert caplog.messages[0].startswith('rejected input: deleted the rejects of the 1 oldest batches')


def test_a_batch_read_again_takes_its_space_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rejected = RejectStore(tmp_path, 1_000)
    for _ in range(40):
        rejected.keep('batch', [reject('again')])
        rejected.keep('another', [reject('again')])
    assert (len(texts(rejected)), caplog.messages) == (2, [])


def test_the_first_rejects_of_a_too_large_batch_are_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rejected = RejectStore(tmp_path, 2_000)
    rejected.keep('earlier', [reject('earlier')])
    rejected.keep('batch', [reject(f'{number}') for number in range(1000)])
    kept = texts(rejected)
    assert kept == [str(number) for number in range(len(kept))]
    assert 5 < len(kept) < 30
    assert size(rejected) <= 2_000
    assert f'discarded {1000 - len(kept)} lines of one batch' in caplog.messages[0]


def test_rejects_are_kept_for_the_configured_days(tmp_path: Path) -> None:
    rejected = RejectStore(tmp_path)
    for age in (31, 29, 0):
        rejected.keep(f'{age} days', [reject(f'{age}')])
        then = time.time() - age * 86_400
        path = max(rejected.directory.iterdir(), key=lambda path: path.stat().st_mtime)
        os.utime(path, (then, then))
    assert texts(RejectStore(tmp_path, days=60)) == ['31', '29', '0']
    rejected = RejectStore(tmp_path, days=30)
    assert texts(rejected) == ['29', '0']
    rejected.remove_old()
    assert len(list(rejected.directory.iterdir())) == 2
    RejectStore(tmp_path).keep('of an import while serve runs', [reject('imported')])
    path = max(rejected.directory.iterdir(), key=lambda path: path.stat().st_mtime)
    os.utime(path, (then - 31 * 86_400, then - 31 * 86_400))
    rejected.remove_old()
    assert not path.exists()
    RejectStore(tmp_path, days=1).keep('one more', [reject('one more')])
    assert texts(RejectStore(tmp_path)) == ['0', 'one more']


def test_the_remaining_rejects_of_a_batch_keep_their_age(tmp_path: Path) -> None:
    rejected = RejectStore(tmp_path)
    rejected.keep('batch', [reject('one'), reject('two')])
    [kept] = rejected.batches()
    os.utime(kept.path, (1e9, 1e9))
    rejected.replace(kept, kept.rejects[1:])
    assert texts(rejected) == ['two']
    assert kept.path.stat().st_mtime == 1e9
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    rejected.replace(kept, [])
    assert list(rejected.directory.iterdir()) == []


def test_the_rejects_of_a_batch_can_be_removed(tmp_path: Path) -> None:
    rejected = RejectStore(tmp_path / 'new')
    rejected.remove('none')
    rejected.keep('one', [reject('one')])
    rejected.keep('two', [reject('two')])
    rejected.remove('one')
    assert texts(rejected) == texts(RejectStore(tmp_path / 'new')) == ['two']
