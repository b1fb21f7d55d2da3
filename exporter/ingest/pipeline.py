"""Runs the steps of ingestion: parsed lines become complete calls, and calls become batches."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

import polars as pl

from exporter.enrich.agent import keep_accounts
from exporter.enrich.day import local_days
from exporter.enrich.enrichment import Enrichment, as_categories
from exporter.ingest.formats import Lines
from exporter.model.batch import Batch
from exporter.model.call import COLUMNS, categorical, failed
from exporter.model.reject import Reason, Reject, Skip
from exporter.model.tally import Tally
from exporter.store.rejects import RejectStore

Put = Callable[[Batch, pl.DataFrame, Tally], None]  # takes a batch, its calls and the tally of its lines
Step = Callable[[Lines, Enrichment], Lines]
PART_ROWS = 48_000  # of the parts in which a batch is completed: each costs 3 ms, and memory for its rows several times
USED = 'forwarded', 'query', 'referrer', 'skip'  # by the first steps only; not all sources have `query`
ENRICHED = [column for column in COLUMNS if column.name != 'batch_id']
TYPES = {column.name: categorical(column.name) if column.categorical else column.type for column in ENRICHED}


class ParsedChunk(NamedTuple):
    """Parsed lines; `batch` is set on the last chunk of a batch.

    `text` holds the lines as they were read, and `start` is the byte offset of the first one; rejects need both. If the lines do
    not follow each other in the log, `starts` has the offset of each.
    """

    lines: Lines
    batch: Batch | None
    start: int = 0
    text: bytes = b''
    starts: Sequence[int] = ()


class Part(NamedTuple):
    """Calls of a batch whose lines are read, and what became of the other lines; `batch` is set on the last part of a batch."""

    batch: Batch | None
    calls: pl.DataFrame
    skipped: Counter[str]  # lines by reason
    rejects: list[tuple[str, int, str]]  # reason, byte offset and text


def read_requests(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds account, data set and path without its query, and `skip`: why a request is not counted, or null.

    Drops the logged fields from which accounts were read: they may be secrets.
    """
    calls = lines.calls.with_columns(enrichment.requests(lines.calls))
    if fields := enrichment.rules.account_fields:
        enrichment.field_sample.add(calls)
        calls = calls.drop(fields, strict=False)
    return lines._replace(calls=calls)


def skip_requests(lines: Lines, _: Enrichment) -> Lines:
    """Skips the requests that are not counted."""
    skipped = lines.calls.select('line', reason='skip').drop_nulls('reason')
    if skipped.is_empty():
        return lines
    return lines._replace(calls=lines.calls.filter(pl.col('skip').is_null()), skipped=pl.concat([lines.skipped, skipped]))


def name_referrers(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds the host of the referring page."""
    return lines._replace(calls=lines.calls.with_columns(enrichment.referrers(lines.calls['referrer'])))


def resolve_callers(lines: Lines, enrichment: Enrichment) -> Lines:
    """Replaces the address of a trusted proxy by the one that its header names, and drops what is not needed any more."""
    callers = enrichment.callers(lines.calls['ip'], lines.calls['forwarded'])
    others = lines.calls[[name for name in lines.calls.columns if name not in USED]]  # a sixth of the time of drop
    return lines._replace(calls=others.with_columns(callers))


def number_texts(lines: Lines, enrichment: Enrichment) -> Lines:
    """Replaces each address and user agent by its number in a dictionary: the steps that follow look at distinct texts only."""
    numbered = [number(lines.calls[name]) for name, number in enrichment.texts.items()]
    return lines._replace(calls=lines.calls.with_columns(numbered))


def reject_addresses(lines: Lines, enrichment: Enrichment) -> Lines:
    """Rejects calls whose address is invalid."""
    valid = enrichment.valid_addresses(lines.calls['ip'])['valid']
    if valid.all():
        return lines
    rejected = lines.calls.filter(~valid).select('line', reason=pl.lit(Reason.ADDRESS.value))
    return lines._replace(calls=lines.calls.filter(valid), rejected=pl.concat([lines.rejected, rejected]))


def skip_ignored(lines: Lines, enrichment: Enrichment) -> Lines:
    """Skips the calls of callers that the setting `ignore` leaves out."""
    ignored = enrichment.ignored(lines.calls)
    if ignored is None:
        return lines
    skipped = lines.calls.filter(ignored).select('line', reason=pl.lit(Skip.IGNORED.value))
    return lines._replace(calls=lines.calls.filter(~ignored), skipped=pl.concat([lines.skipped, skipped]))


def locate_callers(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds place and visitor, and the network if the settings have a database of them."""
    return lines._replace(calls=lines.calls.hstack(enrichment.addresses(lines.calls['ip'])))


def classify_agents(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds device, client, browser and operating system."""
    agents = enrichment.agents(lines.calls['user_agent'])
    return lines._replace(calls=lines.calls.hstack(keep_accounts(agents, lines.calls['user_id'])))


def find_audiences(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds the audience, whether the call is suspect, and whether it is left out, as far as the settings tell any."""
    calls = lines.calls
    if enrichment.audiences:
        calls = calls.hstack(enrichment.audiences(calls, calls['address_audience']))
    if enrichment.suspects:
        suspect = enrichment.suspects(calls)
        calls = calls.hstack([suspect])
        if enrichment.suspects.are_left_out:
            calls = calls.with_columns(left_out=calls['left_out'] | suspect if enrichment.audiences else suspect)
    return lines._replace(calls=calls)


def find_local_days(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds the day and the hour in the portal's time zone."""
    return lines._replace(calls=lines.calls.hstack(local_days(lines.calls['timestamp'], enrichment.timezone)))


def complete_calls(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds domain, time zone, whether the call failed, and what no step added; selects the columns of a call in their order."""
    calls = lines.calls if 'failed' in lines.calls.columns else lines.calls.with_columns(failed())
    calls = calls.with_columns(
        domain=pl.lit(enrichment.domain).cast(categorical('domain')),
        timezone=pl.lit(enrichment.timezone).cast(categorical('timezone')),
    )
    columns = (
        column.name if column.name in calls.columns else pl.lit(column.unknown).cast(TYPES[column.name]).alias(column.name)
        for column in ENRICHED
    )
    return lines._replace(calls=as_categories(calls.select(columns)))


STEPS: tuple[Step, ...] = (
    read_requests,
    skip_requests,
    name_referrers,
    resolve_callers,
    number_texts,
    reject_addresses,
    skip_ignored,
    # the steps so far may skip or reject a line; the others run once for many chunks
    locate_callers,
    classify_agents,
    find_audiences,
    find_local_days,
    complete_calls,
)
READING = STEPS.index(skip_ignored) + 1


def enrich(lines: Lines, enrichment: Enrichment, steps: tuple[Step, ...] = STEPS) -> Lines:
    """Applies the steps to the lines, one after the other."""
    return reduce(lambda current, step: step(current, enrichment), steps, lines)


def read_parts(chunks: Iterable[ParsedChunk], enrichment: Enrichment) -> Iterator[Part]:
    """Applies the first steps to each chunk, and joins the chunks to parts of some PART_ROWS. Raises the errors of the source."""
    calls, skipped, rejects = list[pl.DataFrame](), Counter[str](), list[tuple[str, int, str]]()
    for chunk in chunks:
        lines = enrich(chunk.lines, enrichment, STEPS[:READING])
        enrichment.caller_sample.add(lines.calls['ip'])
        calls.append(lines.calls.drop('line'))
        skipped += by_reason(lines.skipped)
        rejects += _rejects(chunk, lines.rejected)
        if chunk.batch or sum(map(len, calls)) >= PART_ROWS:
            yield Part(chunk.batch, _join(calls), skipped, rejects)
            calls, skipped, rejects = [], Counter(), []


def complete_parts(parts: Iterable[Part], enrichment: Enrichment) -> Iterator[Part]:
    """Applies the other steps to each part. An import reads and completes parts in two threads."""
    for part in parts:
        yield part._replace(calls=enrich(Lines(part.calls), enrichment, STEPS[READING:]).calls)


def put_batches(parts: Iterable[Part], rejected: RejectStore, put: Put) -> None:
    """Passes each batch of complete parts to `put`, after writing its rejects to the disk.

    Raises the errors of a source, of `put` and of the disk. Batches put before an error stay, and the next run continues.
    """
    calls, skipped, rejects = list[pl.DataFrame](), Counter[str](), list[tuple[str, int, str]]()
    for part in parts:
        calls.append(part.calls)
        skipped += part.skipped
        rejects += part.rejects
        if batch := part.batch:
            if rejects:
                rejected.keep(
                    batch.id, [Reject(reason, batch.domain, batch.origin, offset, text) for reason, offset, text in rejects]
                )
            tally = Tally(sum(map(len, calls)), dict(skipped), Counter(reason for reason, _, _ in rejects))
            put(batch, pl.concat(calls), tally)
            calls, skipped, rejects = [], Counter(), []


def _join(chunks: list[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all chunks; texts that were numbered by different dictionaries become texts again."""
    if any(chunk.schema != chunks[0].schema for chunk in chunks):
        chunks = [chunk.cast({pl.Categorical: pl.String}) for chunk in chunks]
    return pl.concat(chunks)


def by_reason(lines: pl.DataFrame) -> Counter[str]:
    """Counts the lines by reason."""
    return Counter(dict(lines['reason'].value_counts().iter_rows()))


def _rejects(chunk: ParsedChunk, rejected: pl.DataFrame) -> Iterator[tuple[str, int, str]]:
    """Yields reason, byte offset and text of each rejected line."""
    if rejected.is_empty():
        return
    texts = chunk.text.split(b'\n')
    starts = chunk.starts or list(accumulate((len(text) + 1 for text in texts), initial=chunk.start))
    for line, reason in rejected.sort('line').iter_rows():
        text = texts[line].removesuffix(b'\r').rstrip(b'\0')
        stripped = text.lstrip(b'\0')  # a hole before a line is not part of it
        yield reason, starts[line] + len(text) - len(stripped), stripped.decode(errors='surrogateescape')
