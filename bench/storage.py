"""Measures the disk space of a call, by column.

usage: storage.py PATH (of an embedded database; import_speed.py --keep FOLDER leaves one at FOLDER/ours/clickhouse)
"""

import sys

from exporter.store.clickhouse import connect

TABLES = """
SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts
FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY bytes DESC
"""
COLUMNS = """
SELECT column, sum(column_data_compressed_bytes) AS compressed, sum(column_data_uncompressed_bytes) AS plain
FROM system.parts_columns WHERE active AND database = currentDatabase() AND table = 'calls'
GROUP BY column ORDER BY compressed DESC
"""


def main(path: str) -> None:
    """Prints the tables as the import left them, then the columns of `calls` after a merge."""
    database = connect(f'chdb://{path}')
    for table in database.query(TABLES):
        print(f'{table["table"]:16}{table["rows"]:12,} rows {table["bytes"]:14,} bytes in {table["parts"]} parts')
    database.command('OPTIMIZE TABLE calls FINAL')
    calls, located = database.query("SELECT count() AS calls, countIf(city != '') AS located FROM calls")[0].values()
    columns = database.query(COLUMNS)
    database.close()
    print(f'{calls:,} calls, {located:,} of them located to a city; merged, bytes a call:')
    for column in columns:
        print(f'{column["column"]:16}{column["compressed"] / calls:8.2f}   of {column["plain"] / calls:6.1f}')
    print(f'{"all":16}{sum(column["compressed"] for column in columns) / calls:8.2f}')


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
