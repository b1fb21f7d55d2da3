"""Hostile inputs of every kind: the program does not crash, and accounts for each of them."""

import re
import subprocess
import sys

import pytest
from files import ROOT

pytestmark = pytest.mark.slow
HOSTILE = ROOT / 'bench' / 'hostile.py'
INPUTS = 6_000


def test_no_hostile_input_is_a_crash_or_unaccounted_for() -> None:
    process = subprocess.run(
        [sys.executable, HOSTILE, '--inputs', str(INPUTS), '--seed', 'always the same'],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr
    kinds = re.findall(r'^(\w+): ([\d,]+) inputs', process.stdout, re.MULTILINE)
    assert sum(int(number.replace(',', '')) for _, number in kinds) == INPUTS
    assert process.stdout.endswith(f'{INPUTS:,} inputs, 0 faults\n')
