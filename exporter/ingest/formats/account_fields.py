"""Finds the field of a log that `field:NAME` in the setting `accounts` names; pure."""

import re
from collections.abc import Callable, Iterable, Mapping

import polars as pl

from exporter.config import ACCOUNT_FIELD

# What notations put around the name of a header, a cookie or another value, in lower case and with - for _.
AROUND = re.compile(
    r'(?:(?:sent-|upstream-)?http-|(?:upstream-)?cookie-|arg-)(.+)'  # nginx: $http_x_api_key, $cookie_session
    r'|\{([^}]+)\}(?:[iocnex]|\^t[io])'  # Apache: %{X-Api-Key}i, %{session}C, %{user}n, %{USER}e, %{SSL_CLIENT_S_DN_CN}x
    r'|\w+\(([^)]+)\)'  # W3C: cs(X-Api-Key)
)


def find_field(source: str, names: Iterable[str]) -> str | None:
    """Returns the first of the logged names that `field:NAME` means; None if there is none.

    NAME is a logged name as the notation has it, or the name of a header or cookie without what the notation puts around it.
    Upper and lower case are equal, and so are - and _.
    """
    wanted, names = _plain(source.removeprefix(ACCOUNT_FIELD)), list(names)
    return next((name for read in (_plain, _bare) for name in names if read(name) == wanted), None)


def _plain(name: str) -> str:
    return name.lstrip('$%').lower().replace('_', '-')


def _bare(name: str) -> str:
    match = AROUND.fullmatch(_plain(name))
    return match[match.lastindex or 0] if match else ''


def with_columns(read: Callable[[pl.Series], pl.DataFrame], columns: Mapping[str, str]) -> Callable[[pl.Series], pl.DataFrame]:
    """Returns a function that reads as `read`, and gives columns also under other names."""
    if not columns:
        return read

    def read_with(texts: pl.Series) -> pl.DataFrame:
        fields = read(texts)
        return fields.with_columns(fields[column].alias(name) for name, column in columns.items())

    return read_with
