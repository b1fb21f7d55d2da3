"""Stores hours of a pulled source together, and replaces their earlier revisions.

A source may give other rows the next time, so a token alone does not make a repeated insert right. Instead, an hour whose batch
was begun and is not done is replaced like one that changed. Each step can be repeated; the ledger's row `begun` of the new
revision, which comes first, remains until all of them are done.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from exporter.model.batch import Batch
from exporter.model.call import categorical
from exporter.model.tally import Tally
from exporter.store.ledger import Ledger
from exporter.store.native import encode_block
from exporter.store.rollups import delete, of_batches, refuse_unfinished, repair
from exporter.system.locks import nobody_storing, storing

Hour = tuple[Batch, pl.DataFrame, Tally]  # `calls` has all columns of a call except `batch_id`


def store_hours(ledger: Ledger, data_dir: Path, hours: Sequence[Hour], replaced: Collection[Batch]) -> None:
    """Stores hours of one portal. `replaced` are the earlier batches of the same hours that are done or begun.

    Raises InputError if something has to be replaced while another batch of the portal is unfinished, EngineError, OSError.
    """
    batches = [batch for batch, _, _ in hours]
    if replaced:
        domain, ids = batches[0].domain, {batch.id for batch in replaced}
        with nobody_storing(data_dir):
            refuse_unfinished(ledger.database, domain, ids, batches[0].log)  # those of this log are never inserted again
            ledger.begin_hours(batches)
            delete(ledger.database, 'calls', of_batches(domain, ids))
            repair(ledger.database, domain)
            ledger.forget(replaced)
    with storing(data_dir):
        if not replaced:
            ledger.begin_hours(batches)
        _insert(ledger, hours)
        times = [(calls['timestamp'].min(), calls['timestamp'].max()) for _, calls, _ in hours]
        results = [(batch, tally, *bounds) for (batch, _, tally), bounds in zip(hours, times, strict=True)]
        ledger.hours_done(results)  # type: ignore[arg-type]


def _insert(ledger: Ledger, hours: Sequence[Hour]) -> None:
    """Inserts the calls of all hours as one block: an insert of its own for each would make ClickHouse merge more."""
    calls = pl.concat(
        [
            calls.with_columns(batch_id=pl.lit(batch.id).cast(categorical('batch_id')))
            for batch, calls, _ in hours
            if not calls.is_empty()
        ]
        or [pl.DataFrame()]
    )
    if calls.is_empty():
        return
    descriptor = os.memfd_create('hours')
    try:
        with open(descriptor, 'wb', closefd=False) as file:
            file.writelines(encode_block(calls))
        token = f'{hours[0][0].id} to {hours[-1][0].id}'
        ledger.database.insert_file('calls', calls.columns, Path(f'/proc/self/fd/{descriptor}'), token)
    finally:
        os.close(descriptor)
