"""HTTP connections over the Unix socket at which `serve` lets commands use its embedded database."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from urllib3 import HTTPConnectionPool, PoolManager
from urllib3.connection import HTTPConnection

SOCKET = 'serve.sock'  # beside the files of the database


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Yields a name for a socket that is short enough: a path may have at most 107 bytes, and directories may be deeper."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        yield f'/proc/self/fd/{directory}/{path.name}'
    finally:
        os.close(directory)


def is_open(path: Path) -> bool:
    """Whether a process listens at a socket. Raises PermissionError if this user may not open it."""
    if not path.exists():
        return False
    with short_path(path) as name, socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(name)
        except ConnectionRefusedError:  # of a process that was killed
            return False
    return True


class _Connection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__('localhost')
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        with short_path(self.path) as name:
            self.sock.connect(name)


class _Pool(HTTPConnectionPool):
    def __init__(self, path: Path) -> None:
        super().__init__('localhost', maxsize=8)
        self.path = path

    def _new_conn(self) -> HTTPConnection:
        return _Connection(self.path)


class UnixPoolManager(PoolManager):
    """Connects to one Unix socket, whatever the host of a URL is."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def _new_pool(self, *_: object, **__: object) -> HTTPConnectionPool:
        return _Pool(self.path)
