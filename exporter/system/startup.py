"""All optimizations of the start and of memory: allocators, garbage collector, and imports that the program does not need.

The gains were measured on two processors; docs/performance.md tells how.
"""

import atexit
import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.util import LazyLoader, find_spec, module_from_spec
from pathlib import Path
from threading import get_ident
from types import ModuleType

M_ARENA_MAX = -8  # parameter of mallopt(3)
MADV_DONTNEED = 4  # advice of madvise(2)


def tune_process() -> None:
    """Tunes the allocators, polars and the garbage collector. Call it before polars is imported."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, 'mallopt'):  # glibc
        libc.mallopt(M_ARENA_MAX, 1)  # one heap for all threads: 15 MB of an import
    # One heap as well; and freed memory is kept for two seconds, because the next chunk needs it again: to free it at once saves
    # 42 MB and costs 27 % of an import's CPU time.
    os.environ.setdefault('_RJEM_MALLOC_CONF', 'narenas:1,oversize_threshold:0,dirty_decay_ms:2000,muzzy_decay_ms:0')
    # An import has a thread for each of its parts. More of them in polars take 20 MB, and their waking 5 % of its CPU time.
    os.environ.setdefault('POLARS_MAX_THREADS', '1')
    # The objects of hundreds of modules stay: to search them for garbage, also at exit, adds 0.1 s to a report.
    gc.set_threshold(250_000)
    atexit.register(gc.freeze)


@contextmanager
def lean_engine() -> Iterator[None]:
    """Tunes the embedded engine, which is to be imported within the block."""
    # One heap for all of its threads: each insert starts new threads, and heaps of their own take up to 200 MB more.
    os.environ.setdefault('JE_MALLOC_CONF', 'percpu_arena:disabled,narenas:1')
    with without_module('pyarrow'):  # it imports pyarrow and numpy for result formats that are not used: 50 ms, 40 MB
        yield


def release_code(library: str) -> None:
    """Gives back the memory of a shared library's code and constants. What is used again is mapped again, from the page cache.

    Most of the embedded engine's are used at its start only: 90 MB of an import.
    """
    libc = ctypes.CDLL(None)
    for mapping in Path('/proc/self/maps').read_text().splitlines():
        addresses, access, offset, *_ = mapping.split()
        # the first segment holds constants; a later one that is read-only may hold addresses that the loader wrote
        if library in mapping and (access == 'r-xp' or (access == 'r--p' and int(offset, 16) == 0)):
            start, end = (int(address, 16) for address in addresses.split('-'))
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)


def load_when_used(package: ModuleType, name: str) -> None:
    """Delays the import of a package's module until one of its attributes is first used."""
    full_name = f'{package.__name__}.{name}'
    if full_name not in sys.modules and (spec := find_spec(full_name)) and spec.loader:
        spec.loader = LazyLoader(spec.loader)
        module = sys.modules[full_name] = module_from_spec(spec)
        spec.loader.exec_module(module)
        setattr(package, name, module)


@contextmanager
def without_module(module: str) -> Iterator[None]:
    """Hides a module from imports of this thread within the block; libraries for which it is optional do without it."""
    thread = get_ident()

    class Finder(MetaPathFinder):
        def find_spec(self, name: str, *_: object) -> None:
            if name == module and get_ident() == thread:
                raise ModuleNotFoundError(name=name)

    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
