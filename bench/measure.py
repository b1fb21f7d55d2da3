"""Runs a command and measures its cost."""

import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

SAMPLE = 0.02  # seconds between two samples of the memory
SEARCH = 10  # samples between two searches for child processes, because a search costs sixty times as much as a sample


class Cost(NamedTuple):
    """The cost of a process: seconds by the clock, CPU seconds, peak resident and peak anonymous memory in MiB."""

    wall: float
    cpu: float
    peak: float
    anonymous: float

    def __str__(self) -> str:
        return f'{self.wall:7.2f} s {self.cpu:7.2f} s CPU {self.peak:6.0f} MiB {self.anonymous:6.0f} MiB anonymous'


def run(command: Sequence[str | Path], out: Path, settings: Mapping[str, str] | None = None) -> Cost:
    """Runs a command to its end and writes its standard output to the file `out`. Raises CalledProcessError if it fails.

    The CPU seconds are those of user and system, with all child processes that the command waited for. Linux includes the
    caller's memory in the peak of a process that the caller starts, so the caller must stay small.
    """
    with out.open('wb') as file:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, env=os.environ | (settings or {}))
        anonymous = watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, anonymous / 1024)


def watch(process: int) -> int:
    """Waits for the end of a process. Returns the peak of the anonymous memory of it and its descendants in KiB.

    The kernel keeps no such peak, so this is the largest sample: a peak between two samples is missed.
    """
    descriptor = os.pidfd_open(process)
    try:
        peak, family = 0, [process]
        for sample in count():
            if select.select([descriptor], [], [], SAMPLE)[0]:
                break
            if sample % SEARCH == 0:
                family = [process, *descendants(process)]
            peak = max(peak, sum(map(anonymous_memory, family)))
    finally:
        os.close(descriptor)
    return peak


def anonymous_memory(process: int) -> int:
    """Returns the anonymous memory of a process in KiB: 0 if it ended."""
    try:
        status = Path(f'/proc/{process}/status').read_bytes()
    except OSError:
        return 0
    return int(status.partition(b'\nRssAnon:')[2].partition(b'kB')[0] or 0)


def descendants(process: int) -> Iterator[int]:
    """Returns the child processes of a process, their child processes, and so on."""
    children: dict[int, list[int]] = {}
    for folder in Path('/proc').iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / 'stat').read_bytes()
            except OSError:  # the process ended
                continue
            parent = int(stat.rpartition(b')')[2].split()[1])  # after the name, which may contain spaces and brackets
            children.setdefault(parent, []).append(int(folder.name))
    waiting = [process]
    while waiting:
        found = children.get(waiting.pop(), [])
        yield from found
        waiting += found


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
