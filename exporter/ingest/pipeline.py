"""Runs the steps of ingestion: parsed lines become complete calls, and calls become batches."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

import polars as pl

from exporter.enrich.agent import keep_accounts
from exporter.enrich.day import local_days
from exporter.enrich.enrichment import Enrichment, as_categories
from exporter.ingest.formats import Lines
from exporter.model.batch import Batch
from exporter.model.call import COLUMNS, categorical
from exporter.model.reject import Reason, Reject
from exporter.model.tally import Tally
from exporter.store.rejects import RejectStore

Put = Callable[[Batch, pl.DataFrame, Tally], None]  # takes a batch, its calls and the tally of its lines
Step = Callable[[Lines, Enrichment], Lines]
ENRICHED = [column.name for column in COLUMNS if column.name != 'batch_id']


class ParsedChunk(NamedTuple):
    """Parsed lines; `batch` is set on the last chunk of a batch.

    `text` holds the lines as they were read, and `start` is the byte offset of the first one; rejects need both.
    """

    lines: Lines
    batch: Batch | None
    start: int = 0
    text: bytes = b''


def read_requests(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds account, data set and path without its query, and `skip`: why a request is not counted, or null."""
    return lines._replace(calls=lines.calls.with_columns(enrichment.requests(lines.calls)))


def skip_requests(lines: Lines, _: Enrichment) -> Lines:
    """Skips the requests that are not counted."""
    skipped = lines.calls.select('line', reason='skip').drop_nulls('reason')
    if skipped.is_empty():
        return lines
    return lines._replace(calls=lines.calls.filter(pl.col('skip').is_null()), skipped=pl.concat([lines.skipped, skipped]))


def locate_callers(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds place and visitor, and `valid`: whether the address is valid."""
    return lines._replace(calls=lines.calls.hstack(enrichment.addresses(lines.calls['ip'])))


def reject_addresses(lines: Lines, _: Enrichment) -> Lines:
    """Rejects calls whose address is invalid."""
    valid = lines.calls['valid']
    if valid.all():
        return lines
    rejected = lines.calls.filter(~valid).select('line', reason=pl.lit(Reason.ADDRESS.value))
    return lines._replace(calls=lines.calls.filter(valid), rejected=pl.concat([lines.rejected, rejected]))


def classify_agents(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds device, client, browser and operating system."""
    agents = enrichment.agents(lines.calls['user_agent'])
    return lines._replace(calls=lines.calls.hstack(keep_accounts(agents, lines.calls['user_id'])))


def find_local_days(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds the day and the hour in the portal's time zone."""
    return lines._replace(calls=lines.calls.hstack(local_days(lines.calls['timestamp'], enrichment.timezone)))


def complete_calls(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds domain and time zone, and selects the columns of a call, in their order."""
    calls = lines.calls.with_columns(
        domain=pl.lit(enrichment.domain).cast(categorical('domain')),
        timezone=pl.lit(enrichment.timezone).cast(categorical('timezone')),
    )
    return lines._replace(calls=as_categories(calls.select(ENRICHED)))


STEPS: tuple[Step, ...] = (
    read_requests,
    skip_requests,
    locate_callers,
    reject_addresses,
    classify_agents,
    find_local_days,
    complete_calls,
)


def enrich(lines: Lines, enrichment: Enrichment, steps: tuple[Step, ...] = STEPS) -> Lines:
    """Applies the steps to the lines, one after the other."""
    return reduce(lambda current, step: step(current, enrichment), steps, lines)


def enriched(chunks: Iterable[ParsedChunk], enrichment: Enrichment, steps: tuple[Step, ...] = STEPS) -> Iterator[ParsedChunk]:
    """Applies the steps to each chunk. An import runs the first step in one thread and the others in another."""
    for chunk in chunks:
        yield chunk._replace(lines=enrich(chunk.lines, enrichment, steps))


def put_batches(chunks: Iterable[ParsedChunk], rejected: RejectStore, put: Put) -> None:
    """Passes each batch of enriched chunks to `put`, after writing its rejects to the disk.

    Raises the errors of a source, of `put` and of the disk. Batches put before an error stay, and the next run continues.
    """
    calls, skipped, rejects = list[pl.DataFrame](), Counter[str](), list[tuple[str, int, str]]()
    for chunk in chunks:
        calls.append(chunk.lines.calls)
        skipped += by_reason(chunk.lines.skipped)
        rejects += _rejects(chunk)
        if batch := chunk.batch:
            if rejects:
                rejected.keep(
                    batch.id, [Reject(reason, batch.domain, batch.origin, offset, text) for reason, offset, text in rejects]
                )
            tally = Tally(sum(map(len, calls)), dict(skipped), Counter(reason for reason, _, _ in rejects))
            put(batch, pl.concat(calls), tally)
            calls, skipped, rejects = [], Counter(), []


def by_reason(lines: pl.DataFrame) -> Counter[str]:
    """Counts the lines by reason."""
    return Counter(dict(lines['reason'].value_counts().iter_rows()))


def _rejects(chunk: ParsedChunk) -> Iterator[tuple[str, int, str]]:
    """Yields reason, byte offset and text of each rejected line."""
    if chunk.lines.rejected.is_empty():
        return
    texts = chunk.text.split(b'\n')
    starts = list(accumulate((len(text) + 1 for text in texts), initial=chunk.start))
    for line, reason in chunk.lines.rejected.sort('line').iter_rows():
        text = texts[line].removesuffix(b'\r').rstrip(b'\0')
        stripped = text.lstrip(b'\0')  # a hole before a line is not part of it
        yield reason, starts[line] + len(text) - len(stripped), stripped.decode(errors='surrogateescape')
