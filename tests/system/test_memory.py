"""The peak of the memory is that of this process alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.system import memory
from exporter.system.memory import peak_memory

MB = 1 << 20
# Takes 100 MB and frees them, before or while its child runs; prints the peaks of both.
PROGRAM = """
import subprocess, sys
from exporter.system.memory import peak_memory
block = b'x' * (100 << 20)
peaks = [peak_memory()]
if sys.argv[1:]:
    print(subprocess.run([sys.executable, '-c', sys.argv[1]], capture_output=True, text=True, check=True).stdout)
del block
peaks.append(peak_memory())
print(*peaks)
"""


def peaks(*arguments: str) -> list[int]:
    process = subprocess.run([sys.executable, '-c', PROGRAM, *arguments], capture_output=True, text=True, check=True)
    return list(map(int, process.stdout.split()))


def test_freed_memory_counts() -> None:
    with_block, later = peaks()
    assert all(100 * MB < peak < 200 * MB for peak in (with_block, later))


def test_the_memory_of_the_parent_does_not_count() -> None:
    child, *_ = peaks('from exporter.system.memory import peak_memory; print(peak_memory())')
    assert 5 * MB < child < 60 * MB


def test_a_kernel_without_this_number_has_that_of_getrusage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / 'status').write_text('VmRSS: 5 kB\n')
    monkeypatch.setattr(memory, 'Path', lambda _: tmp_path / 'status')
    assert peak_memory() > 5 * MB
