"""Durable file writes, and lock files."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Writes a file atomically, with this mode, and syncs it and its directory.

    Raises OSError, and then leaves an existing file unchanged.
    """
    draft = path.with_name(f'{path.name}.draft')
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), 'wb') as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        error.filename = error.filename or str(path)  # missing if the disk is full
        raise
    sync(path.parent)


def sync(directory: Path) -> None:
    """Syncs a directory: new, renamed and removed names survive a crash. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hold(path: Path) -> int:
    """Creates and locks a file; returns the descriptor, which holds the lock until it is closed.

    Raises BlockingIOError if another process holds the lock, OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
