"""Finds the names that a log may have after a rotation, and the former targets of a link."""

import glob
import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

COMPRESSED = r'(?:\.(?:gz|bz2|xz|zst))?'
NUMBERS = r'[-._](?:\d+(?:[-._:T]\d+)*Z?|old|prev|bak)'  # .1, -20261102, .2026-11-02_15, after a complete name
DATE = r'(?:(?:19|20)\d\d(?:[-._:T]?\d\d){1,5}(?:[-._]\d+)?Z?|\d\d[-._]?\d\d[-._]?(?:19|20)\d\d|1\d{9}(?:\d{3})?)'
WITHIN = rf'(?:[-._]{DATE}|\.\d\d?)'  # before the extension; -1 and .8080 may be names of other logs
HOPS = 40  # links from one to the next, as many as Linux follows


@lru_cache(4_096)
def rotated(name: str) -> re.Pattern[str]:
    """Returns a pattern of the names of a rotated log; it also matches the log's own name."""
    path = Path(name)
    forms = [f'{re.escape(name)}(?:{NUMBERS})?{COMPRESSED}']
    if path.suffix:
        forms.append(f'{re.escape(path.stem)}{WITHIN}{re.escape(path.suffix)}{COMPRESSED}')
    return re.compile('|'.join(forms))


class Listing:
    """The names in directories. Each directory is read once, so make a new Listing for each poll."""

    def __init__(self) -> None:
        self._names = dict[Path, list[str]]()

    def beside(self, log: Path) -> Iterator[Path]:
        """Yields the possible rotated files of the log in its directory, in the order of their names."""
        names = self._in(log.parent)
        pattern, start = rotated(log.name), log.stem
        for name in takewhile(lambda name: name.startswith(start), names[bisect_left(names, start) :]):
            if name != log.name and pattern.fullmatch(name):
                yield log.parent / name

    def _in(self, directory: Path) -> list[str]:
        if directory not in self._names:
            try:
                self._names[directory] = sorted(path.name for path in directory.iterdir())
            except OSError:  # the log itself reports the error
                self._names[directory] = []
        return self._names[directory]


def link_chain(path: Path) -> Iterator[Path]:
    """Yields the path, then each link target in turn."""
    for _ in range(HOPS):
        yield path
        try:
            path = path.parent / path.readlink()
        except OSError:  # not a link
            return


def targets_between(old_path: str, new_path: str) -> list[str]:
    """Returns the possible link targets between two paths: they differ in numbers only, which lie between those of both."""
    old_parts, new_parts = re.split(r'(\d+)', old_path), re.split(r'(\d+)', new_path)
    if old_parts[::2] != new_parts[::2]:
        return []
    parts = [
        (old_part if old_part == new_part else r'\d+', old_part if old_part == new_part else '[0-9]*')
        for old_part, new_part in zip(old_parts, new_parts, strict=True)
    ]
    pattern = re.compile(''.join(re.escape(part) if part != r'\d+' else part for part, _ in parts))
    paths = glob.glob(''.join(glob.escape(part) if part != '[0-9]*' else part for _, part in parts))  # noqa: PTH207
    return sorted(name for name in paths if pattern.fullmatch(name) and _numbers(old_path) < _numbers(name) < _numbers(new_path))


def _numbers(path: str) -> list[int]:
    return [int(number) for number in re.findall(r'\d+', path)]
