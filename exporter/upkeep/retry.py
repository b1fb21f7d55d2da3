"""Retries rejected input after a fix: stores the input that now parses exactly once, and removes it from the rejects.

A retry first writes a plan beside the rejects: a batch of its own, with the calls and the rejects that they come from. Then it
stores that batch, under the same identity at every attempt, removes the rejects, and removes the plan.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import xxhash

from exporter.enrich.enrichment import Enrichment
from exporter.ingest.collector import calls
from exporter.ingest.formats import Lines
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.pipeline import by_reason, enrich
from exporter.model import counting_rules
from exporter.model.batch import Batch, Log
from exporter.model.reject import Reason, Reject
from exporter.model.tally import Tally
from exporter.spool.segment import Header, SpoolFile, encode_record, read_records
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import BatchRejects, RejectStore
from exporter.store.writer import store
from exporter.system.files import sync, write

SOURCE = 'retry'
# Takes rejects of one portal, and the recorded format of their batch; `line` is the index of the reject.
Parser = Callable[[Sequence[Reject], str], Lines]


@dataclass
class RetrySummary:
    """How many rejects were stored as calls, skipped by reason, and rejected again by reason.

    `waiting`: rejects of unfinished batches, which are not retried, since the next import reads them again.
    """

    stored: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def of_access_log(new_reader: Callable[[str], LogReader]) -> Parser:
    """Returns a parser for lines of a log; `new_reader` returns a reader for the logs of a portal."""

    def parse(rejects: Sequence[Reject], log_format: str) -> Lines:
        reader = new_reader(rejects[0].domain)
        if log_format and reader.is_auto:
            reader.resume(log_format)
        lines = b''.join(reject.text.encode(errors='surrogateescape') + b'\n' for reject in rejects)
        return reader.read(lines, datetime.now(UTC))

    return parse


def of_calls(rejects: Sequence[Reject], _: str) -> Lines:
    """Parses calls that came over HTTP. A call with a missing field stays rejected, even if the field is the portal."""
    complete = [index for index, reject in enumerate(rejects) if reject.reason != Reason.MISSING_FIELD]
    elements = [rejects[index].text.encode(errors='surrogateescape') for index in complete]
    checked = calls.check(elements, datetime.now(UTC), rejects[0].domain)
    invalid = {complete[reject.index]: str(reject.reason) for reject in checked.rejects}
    valid = [index for index in complete if index not in invalid]
    reasons = {index: str(Reason.MISSING_FIELD) for index in range(len(rejects)) if index not in complete} | invalid
    rejected = pl.DataFrame({'line': reasons.keys(), 'reason': reasons.values()}, {'line': pl.UInt32, 'reason': pl.String})
    return Lines(calls.frame(checked.calls).with_columns(line=pl.Series(valid, dtype=pl.UInt32)), rejected)


def retry(
    rejected: RejectStore,
    database: ClickHouse,
    enrichment: Callable[[str], Enrichment],
    parsers: Mapping[str, Parser],
    domain: str | None = None,
) -> RetrySummary:
    """Retries the rejects of a portal, or of all portals. First finishes retries that were interrupted.

    `enrichment` returns the enrichment of a portal. `parsers` holds the parser for each origin, and under '' the parser for all
    other origins. Raises EngineError, OSError, SettingsError.
    """
    summary = RetrySummary()
    for plan in sorted(rejected.directory.glob('*.plan')):
        _carry_out(plan, rejected, database, summary)
    for batch_rejects in rejected.batches():
        rejects = batch_rejects.rejects
        # lines of a log of several portals that belong to none can only be imported again
        if not rejects or not rejects[0].domain or domain not in (None, rejects[0].domain):
            continue
        portal_enrichment = enrichment(rejects[0].domain)
        ledger = Ledger(database, portal_enrichment.key_id, portal_enrichment.geo_date)
        original = ledger.done_batch(rejects[0].domain, batch_rejects.batch_id)
        if not original:
            summary.waiting += len(rejects)
        elif new_plan := _write_plan(batch_rejects, original, ledger, portal_enrichment, parsers, summary):
            _carry_out(new_plan, rejected, database, summary)
    return summary


def _write_plan(
    batch_rejects: BatchRejects,
    original: Batch,
    ledger: Ledger,
    enrichment: Enrichment,
    parsers: Mapping[str, Parser],
    summary: RetrySummary,
) -> Path | None:
    """Writes the plan of the rejects that now parse; None if there are none."""
    rejects, origin = batch_rejects.rejects, batch_rejects.rejects[0].origin
    enriched = _enrich(rejects, original.format, enrichment, parsers)
    reasons = dict(enriched.rejected.iter_rows())
    summary.rejected += Counter(reasons.values())
    resolved = [reject for index, reject in enumerate(rejects) if index not in reasons]
    if not resolved:
        return None
    log = Log.retrying(original.log, ledger.logs(original.domain))
    batch = log.batch(original.domain, SOURCE, original.start, original.end, origin)
    tally = Tally(len(enriched.calls), dict(by_reason(enriched.skipped)))
    header = Header(
        {batch.domain: tally},
        enrichment.key_id,
        enrichment.geo_date,
        batch,
        rejects=tuple(map(_with_hashed_text, resolved)),
        rules=counting_rules.VERSION,
    )
    plan = batch_rejects.path.with_suffix('.plan')
    write(plan, encode_record(header, enriched.calls))
    return plan


def _enrich(rejects: Sequence[Reject], log_format: str, enrichment: Enrichment, parsers: Mapping[str, Parser]) -> Lines:
    """Parses and enriches the rejects of a batch. Requests with calls and with lines of a log share a batch."""
    parts = list[Lines]()
    for origin in dict.fromkeys(reject.origin for reject in rejects):
        numbers = pl.Series([number for number, reject in enumerate(rejects) if reject.origin == origin], dtype=pl.UInt32)
        parsed = parsers.get(origin, parsers[''])([rejects[number] for number in numbers], log_format)
        enriched = enrich(parsed, enrichment)
        parts.append(enriched._replace(rejected=enriched.rejected.with_columns(line=numbers.gather(enriched.rejected['line']))))
    return Lines(*map(pl.concat, zip(*parts, strict=True)))


def _carry_out(plan: Path, rejected: RejectStore, database: ClickHouse, summary: RetrySummary) -> None:
    """Stores the batch of a plan, unless it is done, then removes its rejects and the plan."""
    headers = tuple(record.header for record in read_records(plan))
    [part] = SpoolFile(plan, plan.stat().st_size, headers).batches('')
    ledger = Ledger(database, part.header.key_id, part.header.geo_date, part.header.rules)
    if not ledger.is_done(part.batch):
        store(ledger, part.batch, part.calls, part.tally)
    summary.stored += part.tally.stored
    summary.skipped += Counter(part.tally.skipped)
    resolved = set(part.header.rejects)
    if batch_rejects := rejected.read(plan.with_suffix('.jsonl')):
        remaining = [reject for reject in batch_rejects.rejects if _with_hashed_text(reject) not in resolved]
        rejected.replace(batch_rejects, remaining)
    plan.unlink()
    sync(plan.parent)


def _with_hashed_text(reject: Reject) -> Reject:
    """The reject as a plan names it: a plan need not hold the text, which may not be UTF-8."""
    return replace(reject, text=xxhash.xxh3_128_hexdigest(reject.text.encode(errors='surrogatepass')))
