"""Files are written whole or not at all."""

import os
from pathlib import Path

import pytest

from exporter.system.files import write


def test_a_file_is_replaced_atomically(tmp_path: Path) -> None:
    write(tmp_path / 'a', b'old')
    write(tmp_path / 'a', b'new')
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [('a', b'new')]
    assert (tmp_path / 'a').stat().st_mode & 0o777 == 0o600


def test_a_file_can_be_for_everybody_whatever_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        write(tmp_path / 'a', b'public', 0o644)
    finally:
        os.umask(previous)
    assert (tmp_path / 'a').stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize('call', ['fsync', 'write'])
def test_a_failed_write_leaves_the_file_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    write(tmp_path / 'a', b'old')

    def full(*_: object) -> None:
        raise OSError(28, 'No space left on device')

    if call == 'write':
        monkeypatch.setattr(os, 'fdopen', full)
    else:
        monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space left') as error:
        write(tmp_path / 'a', b'new')
    assert error.value.filename == str(tmp_path / 'a')
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [('a', b'old')]
