"""Keeps the memory of a worker small; it is the first module that conftest.py imports."""

import ctypes
from contextlib import suppress

import exporter.cli  # noqa: F401  # before polars and the first thread: it tunes the allocators


def trim() -> None:
    """Gives the free memory of the C library's heap back to the system."""
    with suppress(AttributeError, OSError):  # not every C library has it
        ctypes.CDLL(None).malloc_trim(0)
