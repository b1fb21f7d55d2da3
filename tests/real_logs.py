"""The real access logs of tests/data/logs.tar.gz, each with the values that are right; its README says how they were made."""

import json
import tarfile
from functools import cache
from typing import Any

from files import DATA


@cache
def _files() -> dict[str, bytes]:
    with tarfile.open(DATA / 'logs.tar.gz') as archive:
        return {member.name.removeprefix('logs/'): archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def names() -> list[str]:
    """The names of the logs, sorted."""
    return sorted(name.removesuffix('.log') for name in _files() if name.endswith('.log'))


def read_bytes(name: str) -> bytes:
    return _files()[f'{name}.log']


def read_lines(name: str) -> list[str]:
    """The lines of a log; bytes that are not UTF-8 are U+FFFD, as in an import."""
    return read_bytes(name).decode(errors='replace').removesuffix('\n').split('\n')


def read_truth(name: str) -> list[dict[str, Any]]:
    """An object for each line that is of a call."""
    return json.loads(_files()[f'{name}.truth.json'])  # type: ignore[no-any-return]
