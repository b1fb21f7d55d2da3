"""Takes the outer layer off lines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Wrapper:
    """One."""

    name: str
    matches: Callable[[Sequence[str]], bool]
    unwrap: Callable[[pl.Series], pl.DataFrame]


WRAPPERS: Mapping[str, Wrapper] = {}
