"""Rejected input is kept exactly as it came, with where it came from, and for its owner only."""

import stat
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from exporter.rejected import Reject, Rejected


def reject(text: str, offset: int = 0) -> Reject:
    return Reject('format', 'data.example.org', 'access.log', offset, text)


@given(st.lists(st.binary(max_size=40).map(lambda line: reject(line.decode(errors='surrogateescape')))))
def test_what_is_kept_is_what_came(rejects: list[Reject]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        rejected = Rejected(Path(directory))
        rejected.keep('batch', rejects)
        assert list(rejected) == rejects


def test_a_batch_that_is_read_again_replaces_its_own_and_no_other(tmp_path: Path) -> None:
    rejected = Rejected(tmp_path)
    rejected.keep('a/log:1024/0-100', [reject('one'), reject('two')])
    rejected.keep('a/log:1024/100-200', [reject('three')])
    rejected.keep('a/log:1024/0-100', [reject('one again')])
    assert sorted(one.text for one in rejected) == ['one again', 'three']


def test_only_its_owner_may_look(tmp_path: Path) -> None:
    rejected = Rejected(tmp_path / 'new')
    rejected.keep('batch', [reject('a line with an address')])
    [file] = rejected.directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(rejected.directory.stat().st_mode) == 0o700


def test_no_rejects_are_none(tmp_path: Path) -> None:
    assert list(Rejected(tmp_path / 'nowhere')) == []


def test_a_write_that_was_interrupted_leaves_nothing_to_stumble_over(tmp_path: Path) -> None:
    rejected = Rejected(tmp_path)
    rejected.keep('batch', [reject('whole')])
    [file] = rejected.directory.iterdir()
    file.with_suffix('.draft').write_text('{"reason": "form')
    assert [one.text for one in rejected] == ['whole']
    rejected.keep('batch', [reject('whole again')])
    assert [one.text for one in rejected] == ['whole again']
    assert [one.name for one in rejected.directory.iterdir()] == [file.name]
