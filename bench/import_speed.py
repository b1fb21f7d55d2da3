"""Compares `usage-exporter import` with GoAccess, DuckDB and another checkout, in turn, on the same log.

Measures the package `exporter` that this interpreter imports: that of PYTHONPATH, or else the installed one.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

import inputs
from measure import Cost, read, run

# The same as the script usage-exporter. -P: the current folder must not precede PYTHONPATH.
EXPORTER = [sys.executable, '-P', '-c', 'from exporter.cli import main; main()']
DUCKDB = [
    sys.executable,
    '-P',
    '-c',
    'import sys, duckdb\n'
    'with duckdb.connect(sys.argv[1], config={"threads": 2}) as database:\n'
    '    database.execute("SET enable_progress_bar = false")\n'
    '    print(database.execute(sys.argv[2], sys.argv[3:]).fetchone()[0])',
]
# As CSV with spaces, because regexp_extract takes three times as much CPU time.
LOAD = r"""
CREATE TABLE calls AS
SELECT
    address,
    "user",
    strptime(moment || zone, '[%d/%b/%Y:%H:%M:%S%z]') AS "timestamp",
    split_part(request, ' ', 1) AS method,
    split_part(request, ' ', 2) AS path,
    status,
    bytes,
    referrer,
    agent
FROM read_csv(
    ?, auto_detect = false, header = false, delim = ' ', quote = '"', escape = '\', nullstr = '-',
    columns = {
        'address': 'VARCHAR', 'identity': 'VARCHAR', 'user': 'VARCHAR', 'moment': 'VARCHAR', 'zone': 'VARCHAR',
        'request': 'VARCHAR', 'status': 'USMALLINT', 'bytes': 'UBIGINT', 'referrer': 'VARCHAR', 'agent': 'VARCHAR'
    }
)
"""


@dataclass
class Program:
    """A program of the comparison, and the cost of each of its runs.

    `run` gives it the log, the geolocation database and a folder for results, and returns the cost and the outcome of the lines.
    """

    name: str
    run: Callable[[Path, Path, Path], tuple[Cost, str]]
    costs: list[Cost] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """Divides a figure of one program by that of another, pair by pair; a difference is shown in percent."""

    dividend: Program
    divisor: Program
    figure: Literal['wall', 'cpu']
    difference: bool = False

    def __str__(self) -> str:
        unit = 'CPU' if self.figure == 'cpu' else 'by the clock'
        return f'{self.dividend.name} {"against" if self.difference else "/"} {self.divisor.name}, {unit}'

    def ratios(self) -> list[float]:
        """Returns the ratio of each pair."""
        pairs = zip(self.dividend.costs, self.divisor.costs, strict=True)
        return [getattr(dividend, self.figure) / getattr(divisor, self.figure) for dividend, divisor in pairs]

    def text(self, ratio: float) -> str:
        """Returns a ratio as it is printed."""
        return f'{ratio - 1:+.1%}' if self.difference else f'{ratio:.2f}'


class GoAccess(NamedTuple):
    """A GoAccess program; without `jobs`, it runs without that option."""

    path: str
    version: str
    jobs: int | None = None

    @property
    def name(self) -> str:
        """The name in the output."""
        return f'GoAccess {self.version}' + (f' --jobs={self.jobs}' if self.jobs is not None else '')


class SetJobs(argparse.Action):
    """Sets the jobs of the GoAccess that precedes the option."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: object) -> None:
        """Replaces the last GoAccess of the command line by one with jobs."""
        if not namespace.goaccess:
            parser.error('--goaccess-jobs must follow the --goaccess that it applies to')
        goaccess: GoAccess = namespace.goaccess[-1]
        if tuple(map(int, goaccess.version.split('.'))) < (1, 9):
            parser.error(f'{goaccess.path} is {goaccess.name}: only version 1.9 or later has jobs')
        namespace.goaccess[-1] = goaccess._replace(jobs=values)


def find_goaccess(name: str) -> GoAccess:
    """Returns the GoAccess with this path, or with this name on PATH, and its version."""
    path = shutil.which(name)
    if not path:
        raise argparse.ArgumentTypeError(f'cannot find the program {name}')
    output = subprocess.run([path, '--version'], capture_output=True, text=True, check=False).stdout
    found = re.search(r'GoAccess - (\d+(?:\.\d+)*)', output)
    if not found:
        raise argparse.ArgumentTypeError(f'{path} is not GoAccess')
    return GoAccess(path, found[1])


def find_checkout(folder: str) -> Path:
    """Returns the absolute path of a checkout."""
    path = Path(folder).resolve()
    if not (path / 'exporter' / 'cli.py').exists():
        raise argparse.ArgumentTypeError(f'{path} is not a checkout of usage-exporter')
    return path


def measured_checkout() -> Path:
    """Returns the folder that contains the package `exporter` which this interpreter imports."""
    package = find_spec('exporter')
    if not package or not package.origin:
        raise SystemExit('usage-exporter is not installed: install it, or set PYTHONPATH to a checkout')
    return Path(package.origin).parents[1]


def new_path(folder: Path, name: str) -> Path:
    """Returns the path of a new database.

    Moves the database of the previous run away instead of deleting it: for a minute after many files are deleted, ext4 creates
    files more slowly.
    """
    path = folder / name
    if path.exists():
        path.rename(folder / f'{name}-{len(list(folder.glob(f"{name}-*")))}')
    return path


def import_log(checkout: Path, name: str, log: Path, places: Path, folder: Path, options: Sequence[str] = ()) -> tuple[Cost, str]:
    """Imports the log into a new embedded database with the code of a checkout. Returns the cost and the outcome of the lines."""
    database = new_path(folder, name)
    settings = {
        'PYTHONPATH': os.pathsep.join(filter(None, (str(checkout), os.environ.get('PYTHONPATH')))),
        'USAGE_DATA_DIR': str(database),
        'USAGE_CLICKHOUSE_URL': f'chdb://{database}/clickhouse',
        'USAGE_GEO_DATABASE': str(places),
        'USAGE_TIMEZONE': 'Europe/Paris',
    }
    out = folder / f'{name}.json'
    cost = run([*EXPORTER, 'import', log, '--domain', 'data.example.org', '--format', 'json', *options], out, settings)
    result = json.loads(out.read_text())
    return cost, f'{result["stored"]:,} of {result["read"]:,} lines stored'


def load_log(log: Path, _: Path, folder: Path) -> tuple[Cost, str]:
    """Loads the log into one table of a new DuckDB database, without enrichment: the least that storing the calls costs."""
    database, out = new_path(folder, 'duckdb'), folder / 'duckdb.out'
    cost = run([*DUCKDB, database, LOAD, log], out)
    return cost, f'{int(out.read_text()):,} lines stored'


def count_log(goaccess: GoAccess, log: Path, places: Path, folder: Path) -> tuple[Cost, str]:
    """Lets GoAccess count the log. Returns the cost and the counts."""
    out = folder / 'goaccess.json'
    flags = ['--no-global-config', '--no-progress', '--log-format=COMBINED', f'--geoip-database={places}']
    if goaccess.jobs is not None:
        flags.append(f'--jobs={goaccess.jobs}')
    cost = run([goaccess.path, log, *flags, '-o', out], folder / 'goaccess.out')
    result = json.loads(out.read_text())
    countries = sum(len(continent.get('items', [])) for continent in result.get('geolocation', {'data': []})['data'])
    if not countries:
        raise SystemExit('GoAccess located nothing: it was built without GeoIP, the comparison would not be fair')
    counted = result['general']
    return cost, f'{counted["valid_requests"]:,} of {counted["total_requests"]:,} lines counted, {countries} countries'


def choose(baseline: Path | None, goaccess_programs: list[GoAccess]) -> tuple[list[Program], list[Comparison]]:
    """Returns the programs and what is compared. Prints where each program is, and which are missing."""
    checkout = measured_checkout()
    ours = Program('usage-exporter', partial(import_log, checkout, 'ours'))
    programs, comparisons = [ours], []
    print(f'{ours.name}: {checkout}')
    if baseline:
        other = Program('baseline', partial(import_log, baseline, 'baseline'))
        programs.append(other)
        comparisons += [Comparison(ours, other, 'wall', difference=True), Comparison(ours, other, 'cpu', difference=True)]
        print(f'{other.name}: {baseline}')
        if baseline == checkout:
            print('The baseline is the same checkout, so every difference is noise. To measure another one, set PYTHONPATH.')
        for folder in (checkout, baseline):  # or the first run of a checkout would compile it
            subprocess.run([sys.executable, '-m', 'compileall', '-q', folder / 'exporter'], check=True)
    if find_spec('duckdb'):
        other = Program(f'DuckDB {version("duckdb")}', load_log)
        programs.append(other)
        comparisons.append(Comparison(ours, other, 'cpu'))
    else:
        print('DuckDB is not installed: no comparison with it')
    if not goaccess_programs and shutil.which('goaccess'):
        goaccess_programs = [find_goaccess('goaccess')]
    for goaccess in goaccess_programs:
        other = Program(goaccess.name, partial(count_log, goaccess))
        programs.append(other)
        comparisons.append(Comparison(other, ours, 'wall'))
        print(f'{other.name}: {goaccess.path}')
    if not goaccess_programs:
        print('GoAccess is not installed: no comparison with it')
    return programs, comparisons


def compare(programs: list[Program], comparisons: list[Comparison], log: Path, places: Path, folder: Path, pairs: int) -> None:
    """Prints each pair and the medians. The order alternates from pair to pair, because the previous run affects the next one."""
    read(log, places)
    print(f'{log.name}: {log.stat().st_size / 1e6:,.0f} MB; {places.name}')
    width = max(len(program.name) for program in programs)
    indent = max(len(str(comparison)) for comparison in comparisons)
    for pair in range(pairs):
        for program in programs[:: -1 if pair % 2 else 1]:
            cost, result = program.run(log, places, folder)
            program.costs.append(cost)
            print(f'{program.name:{width}} {cost}   {result}', flush=True)
        for comparison in comparisons:
            print(f'{comparison!s:{indent}} {comparison.text(comparison.ratios()[-1]):>7}')
    print(f'median of {pairs}:')
    for program in programs:
        print(f'{program.name:{width}} {Cost(*map(median, zip(*program.costs, strict=True)))}')
    for comparison in comparisons:
        middle, least, most = (comparison.text(choice(comparison.ratios())) for choice in (median, min, max))
        print(f'{comparison!s:{indent}} {middle:>7}   {least} to {most}')


def main() -> None:
    """Runs the comparison. With `--keep`, the last database stays in that folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--lines', type=int, default=1_000_000)
    parser.add_argument('--pairs', type=int, default=3)
    parser.add_argument('--keep', type=Path, help='where the last database stays, for storage.py')
    parser.add_argument('--baseline', type=find_checkout, metavar='FOLDER', help='compare with this checkout of usage-exporter')
    parser.add_argument(
        '--goaccess',
        type=find_goaccess,
        action='append',
        default=[],
        metavar='PATH',
        help='compare with this GoAccess instead of the one on PATH; may be repeated',
    )
    parser.add_argument(
        '--goaccess-jobs',
        type=int,
        action=SetJobs,
        default=argparse.SUPPRESS,
        metavar='N',
        help='parsing threads of the GoAccess before this option; GoAccess 1.9 or later',
    )
    options = parser.parse_args()
    programs, comparisons = choose(options.baseline, options.goaccess)
    log, places = inputs.log(options.lines), inputs.geo_database()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        compare(programs, comparisons, log, places, options.keep.absolute(), options.pairs)
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(programs, comparisons, log, places, Path(folder), options.pairs)


if __name__ == '__main__':
    main()
