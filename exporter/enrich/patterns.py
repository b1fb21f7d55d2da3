"""Builds and checks patterns from settings."""

import re
from collections.abc import Iterable

import polars as pl


def any_of(texts: Iterable[str]) -> str:
    """A pattern for texts in which * stands for any text; '' if there are none."""
    return '|'.join(f'^{".*".join(map(re.escape, text.split("*")))}$' for text in texts)


def parameter_pattern(names: tuple[str, ...]) -> str:
    """A pattern with the value of the first of these parameters of a query string as its group."""
    return rf'(?:^|&)(?:{"|".join(map(encodable, names))})=([^&#]+)'


def encodable(name: str) -> str:
    """A pattern for a name, of which each character may be percent-encoded: browsers write $ as %24."""
    encoded = [''.join(f'%{byte:02x}' for byte in character.encode()) for character in name]
    return ''.join(f'(?:{re.escape(character)}|(?i:{code}))' for character, code in zip(name, encoded, strict=True))


def compiles(pattern: str) -> bool:
    """Whether polars accepts a pattern: it is valid and not too large."""
    try:
        pl.Series([''], dtype=pl.String).str.contains(pattern)
    except pl.exceptions.ComputeError:
        return False
    return True
