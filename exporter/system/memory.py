"""Reads how much memory this process uses."""

import re
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

PEAK = re.compile(rb'^VmHWM:\s*(\d+) kB', re.MULTILINE)


def peak_memory() -> int:
    """The most resident memory that this process had so far, in bytes, with the pages of files that it mapped.

    getrusage(2) also counts the process that started this one.
    """
    peak = PEAK.search(Path('/proc/self/status').read_bytes())
    return 1024 * (int(peak[1]) if peak else getrusage(RUSAGE_SELF).ru_maxrss)
