"""Files that last, whole or not there at all, their names too; and files that one process has to itself."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Writes a file that is there whole, and on the disk, or not at all. Raises OSError."""
    draft = path.with_suffix('.draft')
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        error.filename = error.filename or str(path)  # a full disk names none
        raise
    sync(path.parent)


def sync(directory: Path) -> None:
    """Brings the names in a directory to the disk. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hold(path: Path) -> int:
    """Keeps other processes from a file, which is made, for as long as the descriptor that this gives is open.

    Raises BlockingIOError where another one keeps it, OSError.
    """
    held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held
