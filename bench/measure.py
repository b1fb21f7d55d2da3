"""Runs a command and measures its cost."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """The cost of a process: seconds by the clock, CPU seconds, peak resident memory in MiB."""

    wall: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f'{self.wall:7.2f} s {self.cpu:7.2f} s CPU {self.peak:6.0f} MiB'


def run(command: Sequence[str | Path], out: Path, settings: Mapping[str, str] | None = None) -> Cost:
    """Runs a command to its end and writes its standard output to the file `out`. Raises CalledProcessError if it fails.

    Linux includes the caller's memory in the peak of a process that the caller starts, so the caller must stay small.
    """
    with out.open('wb') as file:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, env=os.environ | (settings or {}))
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def read(*files: Path) -> None:
    """Reads files into the page cache, so that the first run is not slower than the others."""
    for path in files:
        with path.open('rb', buffering=0) as file:
            while file.read(1 << 24):
                pass


def drop_page_cache() -> bool:
    """Empties the page cache. Returns False if this user has no permission."""
    os.sync()
    try:
        Path('/proc/sys/vm/drop_caches').write_text('3')
    except OSError:
        return False
    return True
