"""Loads libraries without what they bring along and the program never asks for: it would start later."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.util import LazyLoader, find_spec, module_from_spec
from threading import get_ident
from types import ModuleType


def load_when_used(package: ModuleType, name: str) -> None:
    """Lets a module of a package load when something of it is first asked for, if it ever is."""
    full = f'{package.__name__}.{name}'
    if full not in sys.modules and (spec := find_spec(full)) and spec.loader:
        spec.loader = LazyLoader(spec.loader)
        module = sys.modules[full] = module_from_spec(spec)
        spec.loader.exec_module(module)
        setattr(package, name, module)


@contextmanager
def not_found(module: str) -> Iterator[None]:
    """What this thread loads within it does not find a module, and does without."""
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
