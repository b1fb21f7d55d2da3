"""A call's way, from a source to what stores it: parsed lines are enriched, and put together as batches."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

import polars as pl

from exporter.enrich.enrichment import Enrichment
from exporter.ingest.formats import Parsed
from exporter.model.batch import Batch
from exporter.model.call import words
from exporter.model.reject import Reject
from exporter.model.tally import Counts
from exporter.store.rejects import Rejected

Put = Callable[[Batch, pl.DataFrame, Counts], None]  # takes a batch, its calls, and what became of its lines
Refused = tuple[str, int, str]  # the reason, the byte at which the line begins, and the line


class RawPiece(NamedTuple):
    """What a source hands on: parsed lines, and with the last ones of a batch the batch.

    For those that are rejected, the lines themselves, and at which byte of the log they begin.
    """

    parsed: Parsed
    batch: Batch | None
    start: int = 0
    lines: bytes = b''


class EnrichedPiece(NamedTuple):
    """Calls, how many lines were skipped by reason, what was rejected; and with the last ones of a batch the batch."""

    calls: pl.DataFrame
    skipped: Counter[str]
    refused: list[Refused]
    batch: Batch | None


def asked(pieces: Iterable[RawPiece], enrichment: Enrichment) -> Iterator[RawPiece]:
    """Adds to raw calls what was asked for."""
    for piece in pieces:
        yield piece._replace(parsed=piece.parsed._replace(calls=enrichment.what(piece.parsed.calls)))


def called(pieces: Iterable[RawPiece], enrichment: Enrichment) -> Iterator[EnrichedPiece]:
    """Adds to the calls that `asked` gives who called, from where, and when in local time."""
    for piece in pieces:
        found = enrichment.who(piece.parsed.calls)
        refused = _refused(piece, pl.concat([piece.parsed.rejected, found.rejected]))
        skipped = by_reason(piece.parsed.skipped) + by_reason(found.skipped)
        yield EnrichedPiece(found.calls, skipped, list(refused), piece.batch)


def enriched(pieces: Iterable[RawPiece], enrichment: Enrichment) -> Iterator[EnrichedPiece]:
    """Both steps, one after the other; an import has a thread for each."""
    return called(asked(pieces, enrichment), enrichment)


def by_reason(lines: pl.DataFrame) -> Counter[str]:
    """How many of these lines there are for each reason."""
    return Counter(dict(lines['reason'].value_counts().iter_rows()))


def run(pieces: Iterable[EnrichedPiece], rejected: Rejected, put: Put) -> None:
    """Hands every batch to `put`, its rejects being kept.

    Raises what a source, `put` or the disk raises; what was put until then stays, and the next run goes on.
    """
    calls, skipped, refused = list[pl.DataFrame](), Counter[str](), list[Refused]()
    for piece in pieces:
        calls.append(piece.calls)
        skipped += piece.skipped
        refused += piece.refused
        if batch := piece.batch:
            if refused:
                rejected.keep(
                    batch.id, [Reject(reason, batch.domain, batch.origin, start, text) for reason, start, text in refused]
                )
            counts = Counts(sum(map(len, calls)), dict(skipped), Counter(reason for reason, _, _ in refused))
            put(batch, pl.concat(calls).with_columns(batch_id=pl.lit(batch.id).cast(words('batch_id'))), counts)
            calls, skipped, refused = [], Counter(), []


def _refused(piece: RawPiece, lines: pl.DataFrame) -> Iterator[Refused]:
    if lines.is_empty():
        return
    texts = piece.lines.split(b'\n')
    starts = list(accumulate((len(text) + 1 for text in texts), initial=piece.start))
    for number, reason in lines.sort('line').iter_rows():
        text = texts[number].removesuffix(b'\r').rstrip(b'\0')
        bare = text.lstrip(b'\0')  # a hole before a line is no part of it
        yield reason, starts[number] + len(text) - len(bare), bare.decode(errors='surrogateescape')
