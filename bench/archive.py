"""Measures `archive` over 24 months of calls of 5,000 data sets: writing one month, and checking the archives of all."""

import argparse
import sys
import tempfile
from datetime import UTC, date, datetime, time
from multiprocessing import get_context
from pathlib import Path

from measure import run

from exporter.archive.month import before
from exporter.store import schema
from exporter.store.clickhouse import connect

PROGRAM = [sys.executable, '-c', 'from exporter.cli import main; main()', 'archive']
DOMAIN, ZONE = 'data.paris.example', 'Europe/Paris'
MONTHS = 24
AT_ONCE = 1_000_000  # calls per INSERT
# Zipf's law for data sets, squares for visitors; a third of the calls are downloads; a batch has 100,000 calls
FILL = """
INSERT INTO calls (timestamp, domain, timezone, day, hour, user_id, visitor, device, client, browser, os, country, city, latitude,
    longitude, method, path, dataset_id, action, file, status, bytes, duration_ms, batch_id)
WITH
    sipHash64(number) AS drawn,
    (drawn % 1000003) / 1000003 AS chance,
    toUInt64(pow({datasets}, chance)) AS dataset,
    toUInt64(pow((intDiv(drawn, 1000003) % 1000003) / 1000003, 2) * 300000) AS who,
    toDateTime({start} + toUInt64(number / {calls} * {seconds}), 'UTC') AS t
SELECT
    t, '{domain}', '{zone}', toDate(t, '{zone}'), toDateTime(toStartOfHour(t, '{zone}'), 'UTC'),
    if(who % 10 = 0, 'account' || toString(who), ''), sipHash64(who), 'desktop', if(who % 20 = 7, 'crawler', 'browser'),
    'Firefox', 'Linux', 'FR', '', 46, 2, 'GET', '/api/' || toString(dataset), 'dataset-' || toString(dataset),
    if(drawn % 3 = 0, 'download', 'query'), if(drawn % 3 = 0, 1 + dataset % 1000, 0), 200, 1000, 10,
    '{domain}/log/' || toString(intDiv(number, 100000))
FROM numbers({first}, {size})
"""
LEDGER = """
INSERT INTO batches (batch_id, state, at, domain, source, log, start, end, stored, first_timestamp, last_timestamp, rules)
SELECT batch_id, 'done', max(timestamp), domain, 'access_log', 'log', 0, 1, count(), min(timestamp), max(timestamp), 2
FROM calls GROUP BY domain, batch_id
"""


def fill(path: str, calls: int, datasets: int) -> None:
    """Makes the calls of the last 24 whole months, in order of time, and merges the parts, as ClickHouse would within a day."""
    database = connect(f'chdb://{path}')
    schema.apply(database)
    days = last_months()[0], datetime.now(UTC).date().replace(day=1)
    start, end = (int(datetime.combine(day, time(), UTC).timestamp()) for day in days)
    for first in range(0, calls, AT_ONCE):
        numbers = {'first': first, 'size': min(AT_ONCE, calls - first), 'start': start, 'seconds': end - start}
        database.command(FILL.format(domain=DOMAIN, zone=ZONE, calls=calls, datasets=datasets, **numbers))
    database.command(LEDGER)
    for table in ('calls', 'days', 'months'):
        database.command(f'OPTIMIZE TABLE {table} FINAL')
    database.close()


def last_months() -> list[date]:
    """The first days of the last 24 whole months."""
    months = [before(datetime.now(UTC).date().replace(day=1))]
    while len(months) < MONTHS:
        months.insert(0, before(months[0]))
    return months


def main() -> None:
    """Prints the cost of a month's archive and of the check of all archives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--calls', type=int, default=10_000_000)
    parser.add_argument('--datasets', type=int, default=5_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        child = get_context('spawn').Process(target=fill, args=(f'{folder}/clickhouse', given.calls, given.datasets))
        child.start()
        child.join()
        output, published = Path(folder, 'output'), Path(folder, 'published')
        settings = {'USAGE_DATA_DIR': folder, 'USAGE_TIMEZONE': ZONE}
        for month in last_months():
            cost = run([*PROGRAM, '--month', f'{month:%Y-%m}', '-o', published], output, settings)
        rows = (published / f'{month:%Y-%m}.csv').read_bytes().count(b'\n') - 1
        print(f'archive of the last month, {rows:,} data sets: {cost}')
        print(f'check of {MONTHS} months:                      {run([*PROGRAM, "--check", published], output, settings)}')
        print(output.read_text().strip())


if __name__ == '__main__':
    main()
