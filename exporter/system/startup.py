"""All optimizations of the start and of memory: allocators, garbage collector, and imports that the program does not need.

The gains were measured on two processors; docs/performance.md tells how.
"""

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.util import LazyLoader, find_spec, module_from_spec
from threading import get_ident
from types import ModuleType


def tune_process() -> None:
    """Tunes polars' allocator and the garbage collector. Call it before polars is imported."""
    # Polars keeps freed memory for two seconds, because the next chunk needs it again: 10 % of an import's time.
    os.environ.setdefault('_RJEM_MALLOC_CONF', 'oversize_threshold:0,dirty_decay_ms:2000,muzzy_decay_ms:0')
    # The objects of hundreds of modules stay: to search them for garbage, also at exit, adds 0.1 s to a report.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)


@contextmanager
def lean_engine() -> Iterator[None]:
    """Tunes the embedded engine, which is to be imported within the block."""
    # One heap for all of its threads: each insert starts new threads, and heaps of their own take up to 200 MB more.
    os.environ.setdefault('JE_MALLOC_CONF', 'percpu_arena:disabled,narenas:1')
    with without_module('pyarrow'):  # it imports pyarrow and numpy for result formats that are not used: 50 ms, 40 MB
        yield


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
