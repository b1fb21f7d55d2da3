"""Locks between the processes of one host that store calls and those that delete them."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.errors import EngineError
from exporter.system.files import hold

SERVING = 'serving'  # the file in the data directory with the address that serve listens on
PATIENCE = 10  # seconds to wait for storing processes
PAUSE = 0.05  # seconds between two tries


@contextmanager
def storing(data_dir: Path) -> Iterator[None]:
    """A shared lock for storing calls. Waits while another process deletes calls. Raises OSError."""
    with _lock_file(data_dir) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def nobody_storing(data_dir: Path) -> Iterator[None]:
    """An exclusive lock for deleting calls: no process stores calls meanwhile.

    Waits up to 10 seconds for storing processes, then raises EngineError. Raises OSError.
    """
    with _lock_file(data_dir) as lock:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EngineError(
                        f'{data_dir}: another process is storing calls', 'wait until it ends, then run the command again'
                    ) from None
                time.sleep(PAUSE)
        yield


@contextmanager
def nobody_serving(data_dir: Path) -> Iterator[None]:
    """A lock for deleting calls: `serve` cannot start, and no accepted call can be stored afterwards.

    Raises EngineError if serve runs or the spool holds calls, OSError.
    """
    spool = data_dir / 'spool'
    if not spool.exists():
        yield
        return
    try:
        lock = hold(spool / 'lock')
    except BlockingIOError:
        raise EngineError(f'{data_dir}: usage-exporter serve is running', 'stop it, then run the command again') from None
    try:
        if any(path.suffix in ('.batch', '.open') for path in spool.rglob('*')):
            raise EngineError(f'{spool}: accepted calls wait here, or in quarantine', 'let serve store them, then stop it')
        yield
    finally:
        os.close(lock)


@contextmanager
def _lock_file(data_dir: Path) -> Iterator[int]:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(data_dir / 'storing', os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)
