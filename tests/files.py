"""Where the files are that the tests read."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT / 'tests' / 'data'
