"""Faster start-up: delays or prevents imports that libraries make and this program does not need."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.util import LazyLoader, find_spec, module_from_spec
from threading import get_ident
from types import ModuleType


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
