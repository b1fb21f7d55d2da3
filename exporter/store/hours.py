"""Stores hours of a pulled source together, and finds what changed hours add to the stored ones.

A source may give other rows the next time, so a token alone does not make a repeated insert right: the journal keeps the rows.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from exporter.model.batch import Batch
from exporter.model.call import TIMESTAMP, categorical
from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse
from exporter.store.hour_journal import StoredHour, store_durably
from exporter.store.ledger import Ledger
from exporter.store.native import encode_block

Hour = tuple[Batch, pl.DataFrame, Tally]  # `calls` has all columns of a call except `batch_id`

# What a source says of a call. The other columns follow from these, by settings and data that change.
OWN = {
    'timestamp': TIMESTAMP, 'user_id': pl.String(), 'visitor': pl.UInt64(), 'path': pl.String(), 'dataset_id': pl.String(),
    'failed': pl.UInt8(), 'bytes': pl.UInt64(), 'duration_ms': pl.UInt32(),
}  # fmt: skip
SELECTED = {'timestamp': 'toUnixTimestamp64Milli(timestamp) AS timestamp'}


def store_hours(ledger: Ledger, data_dir: Path, hours: Sequence[Hour], replaced: Collection[Batch]) -> None:
    """Stores hours of one portal. `replaced` are batches of the same hours, done or begun, whose calls are deleted.

    All calls are one block: an insert for each hour would make ClickHouse merge more. Raises the errors of `store_durably`.
    """
    stored, parts = list[StoredHour](), list[pl.DataFrame]()
    for batch, calls, tally in hours:
        first, last = calls['timestamp'].min(), calls['timestamp'].max()
        stored.append(StoredHour(batch, tally, first, last))  # type: ignore[arg-type]
        if not calls.is_empty():
            parts.append(calls.with_columns(batch_id=pl.lit(batch.id).cast(categorical('batch_id'))))
    calls = pl.concat(parts) if parts else pl.DataFrame()
    store_durably(ledger, data_dir, stored, tuple(replaced), calls.columns, encode_block(calls) if parts else ())


def added_calls(database: ClickHouse, hours: Mapping[int, tuple[Collection[Batch], pl.DataFrame]]) -> dict[int, pl.DataFrame]:
    """Returns the calls that are not stored yet, of those hours in which all stored calls are still there.

    `hours` has the stored batches and all calls of each hour, by its start. Calls are compared as the source gives them, equal
    ones by their number. Raises EngineError.
    """
    added = dict[int, pl.DataFrame]()
    for start, (batches, calls) in hours.items():
        stored, now = _numbered(_stored_calls(database, start, batches)), _numbered(calls)
        if stored.join(now, on=stored.columns, how='anti', nulls_equal=True).is_empty():
            new = now.with_row_index('row').join(stored, on=stored.columns, how='anti', nulls_equal=True)
            added[start] = calls[new['row'].sort()]
    return added


def _stored_calls(database: ClickHouse, start: int, batches: Collection[Batch]) -> pl.DataFrame:
    day, domain = datetime.fromtimestamp(start, UTC).date(), next(iter(batches)).domain
    columns = ', '.join(
        SELECTED.get(name, f'toString({name}) AS {name}' if kind == pl.String else name) for name, kind in OWN.items()
    )
    rows = database.query(
        f"""
        SELECT {columns} FROM calls
        WHERE domain = {{domain:String}} AND day BETWEEN {{first:Date}} AND {{last:Date}} AND batch_id IN {{ids:Array(String)}}
        """,
        {'domain': domain, 'first': day - timedelta(1), 'last': day + timedelta(1), 'ids': [batch.id for batch in batches]},
    )
    return pl.DataFrame(rows, OWN | {'timestamp': pl.Int64()}).with_columns(pl.col('timestamp').cast(TIMESTAMP))


def _numbered(calls: pl.DataFrame) -> pl.DataFrame:
    """What the source says of each call, and how many equal calls are before it."""
    return calls.select(pl.col(name).cast(kind) for name, kind in OWN.items()).with_columns(
        pl.int_range(pl.len()).over(list(OWN)).alias('copy')
    )
