"""Connections over a Unix socket: any path, and whether a process listens there."""

from pathlib import Path

import pytest

from exporter.server.database_socket import listen
from exporter.store.unix_socket import SOCKET, is_open


@pytest.mark.parametrize('depth', [0, 3])
def test_a_path_of_any_length_is_reached(tmp_path: Path, depth: int) -> None:
    directory = tmp_path.joinpath(*['d' * 100] * depth)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / SOCKET
    assert not is_open(path)
    with listen(path) as listening:
        assert is_open(path)
        assert path.stat().st_mode & 0o777 == 0o600
        listening.accept()[0].close()
    assert not is_open(path)  # the file of a process that was killed
    with listen(path):
        assert is_open(path)
