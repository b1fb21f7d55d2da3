"""Which names a log may have after it was rotated, and which files a link may have led to."""

import glob
import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

PACKED = r'(?:\.(?:gz|bz2|xz|zst))?'
NUMBERS = r'[-._](?:\d+(?:[-._:T]\d+)*Z?|old|prev|bak)'  # .1, -20261102, .2026-11-02_15, behind a whole name
DATE = r'(?:(?:19|20)\d\d(?:[-._:T]?\d\d){1,5}(?:[-._]\d+)?Z?|\d\d[-._]?\d\d[-._]?(?:19|20)\d\d|1\d{9}(?:\d{3})?)'
WITHIN = rf'(?:[-._]{DATE}|\.\d\d?)'  # before the extension; -1 and .8080 may be names of other logs
HOPS = 40  # links from one to the next, as many as Linux follows


@lru_cache(4_096)
def rotated(name: str) -> re.Pattern[str]:
    """Fits the names, the log's own too, that a log of this name is rotated to."""
    path = Path(name)
    forms = [f'{re.escape(name)}(?:{NUMBERS})?{PACKED}']
    if path.suffix:
        forms.append(f'{re.escape(path.stem)}{WITHIN}{re.escape(path.suffix)}{PACKED}')
    return re.compile('|'.join(forms))


class Listing:
    """The names in directories, each directory read once: make a new one for each look."""

    def __init__(self) -> None:
        self._names = dict[Path, list[str]]()

    def beside(self, log: Path) -> Iterator[Path]:
        """The files in the log's directory that it may have been rotated to, in the order of their names."""
        names = self._in(log.parent)
        fits, start = rotated(log.name), log.stem
        for name in takewhile(lambda name: name.startswith(start), names[bisect_left(names, start) :]):
            if name != log.name and fits.fullmatch(name):
                yield log.parent / name

    def _in(self, directory: Path) -> list[str]:
        if directory not in self._names:
            try:
                self._names[directory] = sorted(path.name for path in directory.iterdir())
            except OSError:  # what cannot be listed is said of the log itself
                self._names[directory] = []
        return self._names[directory]


def hops(path: Path) -> Iterator[Path]:
    """The path, and where links lead from it, one after the other."""
    for _ in range(HOPS):
        yield path
        try:
            path = path.parent / path.readlink()
        except OSError:  # this is no link
            return


def between(before: str, now: str) -> list[str]:
    """The files that a link may have led to in between: only numbers differ in their paths, and lie between those of both."""
    old, new = re.split(r'(\d+)', before), re.split(r'(\d+)', now)
    if old[::2] != new[::2]:
        return []
    parts = [(one if one == other else r'\d+', one if one == other else '[0-9]*') for one, other in zip(old, new, strict=True)]
    fits = re.compile(''.join(re.escape(part) if part != r'\d+' else part for part, _ in parts))
    found = glob.glob(''.join(glob.escape(part) if part != '[0-9]*' else part for _, part in parts))  # noqa: PTH207
    return sorted(name for name in found if fits.fullmatch(name) and _numbers(before) < _numbers(name) < _numbers(now))


def _numbers(path: str) -> list[int]:
    return [int(number) for number in re.findall(r'\d+', path)]
