"""Compares `usage-exporter import` with GoAccess, in turn, on the same log and geolocation database."""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

import inputs
from measure import Cost, read, run

OURS = [sys.executable, '-c', 'from exporter.cli import main; main()']  # same as the script usage-exporter


def ours(log: Path, places: Path, folder: Path) -> tuple[Cost, str]:
    """Imports the log into a new embedded database. Returns the cost and the outcome of the lines.

    Moves the database of the previous run away instead of deleting it: for a minute after many files are deleted, ext4 creates
    files more slowly.
    """
    database = folder / 'ours'
    if database.exists():
        database.rename(folder / f'ours-{len(list(folder.glob("ours-*")))}')
    settings = {
        'USAGE_DATA_DIR': str(database),
        'USAGE_CLICKHOUSE_URL': f'chdb://{database}/clickhouse',
        'USAGE_GEO_DATABASE': str(places),
        'USAGE_TIMEZONE': 'Europe/Paris',
    }
    out = folder / 'ours.json'
    cost = run([*OURS, 'import', log, '--domain', 'data.example.org', '--format', 'json'], out, settings)
    result = json.loads(out.read_text())
    return cost, f'{result["stored"]:,} of {result["read"]:,} lines stored'


def goaccess(log: Path, places: Path, folder: Path) -> tuple[Cost, str]:
    """Lets GoAccess count the log. Returns the cost and the counts."""
    out = folder / 'goaccess.json'
    flags = ['--no-global-config', '--no-progress', '--log-format=COMBINED', f'--geoip-database={places}']
    cost = run(['goaccess', log, *flags, '-o', out], folder / 'goaccess.out')
    result = json.loads(out.read_text())
    countries = sum(len(continent.get('items', [])) for continent in result.get('geolocation', {'data': []})['data'])
    if not countries:
        raise SystemExit('GoAccess located nothing: it was built without GeoIP, the comparison would not be fair')
    counted = result['general']
    return cost, f'{counted["valid_requests"]:,} of {counted["total_requests"]:,} lines counted, {countries} countries'


def compare(log: Path, places: Path, folder: Path, pairs: int) -> None:
    """Prints each pair and the medians. The order alternates from pair to pair, because the previous run affects the next one."""
    read(log, places)
    print(f'{log.name}: {log.stat().st_size / 1e6:,.0f} MB; {places.name}')
    programs = {'usage-exporter': ours, 'goaccess': goaccess}
    if not shutil.which('goaccess'):
        print('GoAccess is not installed: no comparison')
        del programs['goaccess']
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    for pair in range(pairs):
        for name in list(programs)[:: -1 if pair % 2 else 1]:
            cost, result = programs[name](log, places, folder)
            costs[name].append(cost)
            print(f'{name:16}{cost}   {result}', flush=True)
        if len(costs) == 2:
            print(f'{"ratio":16}{costs["goaccess"][-1].wall / costs["usage-exporter"][-1].wall:7.2f}')
    for name, found in costs.items():
        print(f'{name:16}{Cost(*map(median, zip(*found, strict=True)))}   median of {pairs}')
    if len(costs) == 2:
        ratios = [b.wall / a.wall for a, b in zip(costs['usage-exporter'], costs['goaccess'], strict=True)]
        print(f'{"ratio":16}{median(ratios):7.2f}   median; {min(ratios):.2f} to {max(ratios):.2f}')


def main() -> None:
    """Runs the comparison. With `--keep`, the last database stays in that folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--lines', type=int, default=1_000_000)
    parser.add_argument('--pairs', type=int, default=3)
    parser.add_argument('--keep', type=Path, help='where the last database stays, for storage.py')
    options = parser.parse_args()
    log, places = inputs.log(options.lines), inputs.geo_database()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        compare(log, places, options.keep.absolute(), options.pairs)
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(log, places, Path(folder), options.pairs)


if __name__ == '__main__':
    main()
