"""A call's way, from a source to the ledger: parse, enrich, store. One batch is enriched while the one before is stored."""

from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

import polars as pl

from exporter.enrich.enrichment import Enrichment
from exporter.ledger import Batch, Counts
from exporter.parse import Parsed
from exporter.rejected import Reject, Rejected
from exporter.writer import Writer


class RawBatch(NamedTuple):
    """What a source hands on: which batch, what its lines were parsed to, and the lines themselves, for those that are rejected."""

    batch: Batch
    parsed: Parsed
    lines: bytes


def run(batches: Iterable[RawBatch], enrichment: Enrichment, rejected: Rejected, writer: Writer) -> None:
    """Brings every batch to the database.

    Raises what a source, the engine or the disk raises; what was stored until then stays stored, and the next run finishes the job.
    """
    for batch, parsed, lines in batches:
        calls, skipped, refused = enrichment(parsed.calls)
        refused = pl.concat([parsed.rejected, refused])
        if len(refused):
            rejected.keep(batch.id, _rejects(batch, lines, refused))
        counts = Counts(len(calls), skipped, dict(Counter(refused['reason'])))
        batch_id = pl.lit(batch.id).cast(pl.Categorical(pl.Categories('batch_id')))
        writer.put(batch, calls.with_columns(batch_id=batch_id), counts)
    writer.wait()


def _rejects(batch: Batch, lines: bytes, refused: pl.DataFrame) -> Iterable[Reject]:
    texts = lines.split(b'\n')
    offsets = list(accumulate((len(text) + 1 for text in texts), initial=batch.start))
    for number, reason in refused.sort('line').iter_rows():
        text = texts[number].removesuffix(b'\r').decode(errors='surrogateescape')
        yield Reject(reason, batch.domain, batch.origin, offsets[number], text)
