"""A call's way, from a source to the ledger: parse, enrich, store. One batch is enriched while the one before is stored."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

import polars as pl

from exporter.call import words
from exporter.enrich.enrichment import Enrichment
from exporter.ledger import Batch, Counts
from exporter.parse import Parsed
from exporter.rejected import Reject, Rejected
from exporter.writer import Writer


class RawPiece(NamedTuple):
    """Parsed lines, and for those that are rejected the lines themselves and at which byte of the log they begin."""

    parsed: Parsed
    start: int = 0
    lines: bytes = b''


class RawBatch(NamedTuple):
    """What a source hands on."""

    batch: Batch
    pieces: list[RawPiece]


def run(batches: Iterable[RawBatch], enrichment: Enrichment, rejected: Rejected, writer: Writer) -> None:
    """Brings every batch to the database.

    Raises what a source, the engine or the disk raises; what was stored until then stays stored, and the next run goes on.
    """
    for batch, pieces in batches:
        calls, skipped, rejects = [], 0, list[Reject]()
        for piece in pieces:
            enriched = enrichment(piece.parsed.calls)
            calls.append(enriched.calls)
            skipped += enriched.skipped
            rejects += _rejects(batch, piece, pl.concat([piece.parsed.rejected, enriched.rejected]))
        if rejects:
            rejected.keep(batch.id, rejects)
        counts = Counts(sum(map(len, calls)), skipped, Counter(reject.reason for reject in rejects))
        writer.put(batch, pl.concat(calls).with_columns(batch_id=pl.lit(batch.id).cast(words('batch_id'))), counts)
    writer.wait()


def _rejects(batch: Batch, piece: RawPiece, refused: pl.DataFrame) -> Iterator[Reject]:
    if refused.is_empty():
        return
    texts = piece.lines.split(b'\n')
    starts = list(accumulate((len(text) + 1 for text in texts), initial=piece.start))
    for number, reason in refused.sort('line').iter_rows():
        text = texts[number].removesuffix(b'\r').decode(errors='surrogateescape')
        yield Reject(reason, batch.domain, batch.origin, starts[number], text)
