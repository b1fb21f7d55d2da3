"""Keeps apart, on one host, who stores calls and who takes them back."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.errors import EngineError
from exporter.system.files import hold

SERVING = 'serving'  # the file in the data directory that says where serve listens
PATIENCE = 10  # seconds to wait for those who are storing
PAUSE = 0.05  # seconds between two tries


@contextmanager
def storing(data_dir: Path) -> Iterator[None]:
    """Held by whoever stores calls; any number may at a time. Waits while calls are taken back. Raises OSError."""
    with _held(data_dir) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def nobody_storing(data_dir: Path) -> Iterator[None]:
    """Held by whoever takes calls back: nobody stores any meanwhile.

    Waits ten seconds for those who are storing. Raises EngineError where they go on, OSError.
    """
    with _held(data_dir) as lock:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise EngineError(
                        f'{data_dir}: another process is storing calls', 'wait until it ends, then run the command again'
                    ) from None
                time.sleep(PAUSE)
        yield


@contextmanager
def nobody_serving(data_dir: Path) -> Iterator[None]:
    """Held by whoever takes calls back, so that nothing that `serve` has accepted comes after it.

    Raises EngineError where serve runs, or where calls still wait for it, OSError.
    """
    spool = data_dir / 'spool'
    if not spool.exists():
        yield
        return
    try:
        held = hold(spool / 'lock')
    except BlockingIOError:
        raise EngineError(f'{data_dir}: usage-exporter serve is running', 'stop it, then run the command again') from None
    try:
        if any(path.suffix in ('.batch', '.open') for path in spool.rglob('*')):
            raise EngineError(f'{spool}: accepted calls wait here, or in quarantine', 'let serve store them, then stop it')
        yield
    finally:
        os.close(held)


@contextmanager
def _held(data_dir: Path) -> Iterator[int]:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(data_dir / 'storing', os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)
