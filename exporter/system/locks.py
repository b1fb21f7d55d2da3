"""Locks between the processes of one host that store calls and those that delete them."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.errors import EngineError, InputError
from exporter.system.files import hold

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
    with _nobody_storing(data_dir, time.monotonic() + PATIENCE):
        yield


def pulling_lock(data_dir: Path, domain: str) -> Path:
    """The file that a pull of a portal locks."""
    return data_dir / f'pulling-{domain}'


@contextmanager
def pulling(data_dir: Path, domain: str) -> Iterator[None]:
    """A lock: two pulls of a portal would both take an hour for missing.

    Raises InputError if another process holds it, OSError.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = hold(pulling_lock(data_dir, domain))
    except BlockingIOError:
        raise InputError(f'{domain}: another pull is under way', 'wait until it ends, then run the command again') from None
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def nothing_waiting(data_dir: Path, serving: bool) -> Iterator[None]:
    """Like `nobody_storing`, when all calls that were accepted before are stored. `serve` stores those of meanwhile afterwards.

    Waits up to 10 seconds until `serve` has stored them, if it runs (`serving`). Raises EngineError if calls still wait, OSError.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        with _nobody_storing(data_dir, deadline):
            if not any(path.suffix in ('.batch', '.open') for path in (data_dir / 'spool').rglob('*')):
                yield
                return
        if time.monotonic() > deadline or not serving:
            raise EngineError(
                f'{data_dir / "spool"}: accepted calls wait here, or in quarantine',
                'let serve store them, then run the command again',
            )
        time.sleep(PAUSE)


@contextmanager
def serve_stays(data_dir: Path) -> Iterator[bool]:
    """Yields whether `serve` runs with this data directory. If it does not, it cannot start meanwhile. Raises OSError."""
    spool = data_dir / 'spool'
    if not spool.exists():
        yield False
        return
    try:
        lock = hold(spool / 'lock')
    except BlockingIOError:
        yield True
        return
    try:
        yield False
    finally:
        os.close(lock)


@contextmanager
def _nobody_storing(data_dir: Path, deadline: float) -> Iterator[None]:
    with _lock_file(data_dir) as lock:
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
def _lock_file(data_dir: Path) -> Iterator[int]:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(data_dir / 'storing', os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)
