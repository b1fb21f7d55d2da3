"""Keeps the memory of a worker small; it is the first module that conftest.py imports.

The engine starts threads for each query, and the C library gives each thread a heap. With one heap for all of them, a worker
needs 200 MB less. The setting must be made before the first thread starts, and processes that tests start do not inherit it.
"""

import ctypes
from contextlib import suppress

import exporter.cli  # noqa: F401  # before polars: it says how polars gives memory back

M_ARENA_MAX = -8  # of malloc.h

with suppress(AttributeError, OSError):  # not every C library has it
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def trim() -> None:
    """Gives the free memory of the C library's heap back to the system."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
