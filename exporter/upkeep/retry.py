"""Retries rejected input after a fix: what can be counted now is stored, exactly once, and is no reject any more.

What is to be stored is first written beside the rejects as a plan: a batch of its own, with the calls and the rejects that they
were. From then on it is stored under that identity, however often it takes, then the rejects go, then the plan.
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
from exporter.ingest.formats.access_log import parse
from exporter.ingest.pipeline import by_reason, enrich
from exporter.model.batch import Batch
from exporter.model.reject import Reason, Reject
from exporter.model.tally import Tally
from exporter.spool.segment import Header, Spooled, encode_frame, frames
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import BatchRejects, RejectStore
from exporter.store.writer import store
from exporter.system.files import sync, write

SOURCE = 'retry'
Parser = Callable[[Sequence[Reject]], Lines]  # rejects of one portal; `line` is the number of the reject


@dataclass
class RetrySummary:
    """What became of rejects: `stored` as calls, `skipped` by reason, still `rejected` by reason.

    `waiting` are of batches that are not stored yet: storing those decides about them.
    """

    stored: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def of_access_log(log_format: str) -> Parser:
    """Reads the lines of a log again, in a format as `parse` takes it."""
    return lambda rejects: parse(
        b''.join(one.text.encode(errors='surrogateescape') + b'\n' for one in rejects), log_format, datetime.now(UTC)
    )


def of_calls(rejects: Sequence[Reject]) -> Lines:
    """Reads calls again that came over HTTP. One without a field stays rejected, also where that is the portal."""
    whole = [number for number, one in enumerate(rejects) if one.reason != Reason.MISSING_FIELD]
    elements = [rejects[number].text.encode(errors='surrogateescape') for number in whole]
    taken = calls.check(elements, datetime.now(UTC), rejects[0].domain)
    again = {whole[one.index]: str(one.reason) for one in taken.rejects}
    good = [number for number in whole if number not in again]
    reasons = {number: str(Reason.MISSING_FIELD) for number in range(len(rejects)) if number not in whole} | again
    bad = pl.DataFrame({'line': reasons.keys(), 'reason': reasons.values()}, {'line': pl.UInt32, 'reason': pl.String})
    return Lines(calls.frame(taken.calls).with_columns(line=pl.Series(good, dtype=pl.UInt32)), bad)


def is_retry(log: str, of: str) -> bool:
    """Whether the first log is a retry of the second one's rejects."""
    return log.startswith(f'{SOURCE} ') and log.endswith(f' of {of}')


def retry(
    rejected: RejectStore,
    database: ClickHouse,
    enrichment: Callable[[str], Enrichment],
    parsers: Mapping[str, Parser],
    domain: str | None = None,
) -> RetrySummary:
    """Retries the rejects of a portal, or of all. `enrichment` gives that of a portal, `parsers` who reads a reject: that of its
    origin, or else that of ''.

    Raises EngineError, OSError, SettingsError; what was cut off is finished the next time, before anything else.
    """
    retried = RetrySummary()
    for plan in sorted(rejected.directory.glob('*.plan')):
        _carry_out(plan, rejected, database, retried)
    for kept in rejected.batches():
        if not kept.rejects or domain not in (None, kept.rejects[0].domain):
            continue
        enriching = enrichment(kept.rejects[0].domain)
        origin, ledger = _batch(kept), Ledger(database, enriching.key_id, enriching.geo_date)
        if not ledger.is_done(origin):
            retried.waiting += len(kept.rejects)
        elif written := _plan(kept, origin, ledger, enriching, parsers, retried):
            _carry_out(written, rejected, database, retried)
    return retried


def _batch(kept: BatchRejects) -> Batch:
    """The batch whose rejects these are."""
    domain, _, rest = kept.batch_id.partition('/')
    log, _, stretch = rest.rpartition('/')
    start, _, end = stretch.partition('-')
    return Batch(domain, '', log, int(start), int(end))


def _plan(
    kept: BatchRejects,
    origin: Batch,
    ledger: Ledger,
    enrichment: Enrichment,
    parsers: Mapping[str, Parser],
    retried: RetrySummary,
) -> Path | None:
    """Writes down what is to be stored of a batch's rejects; None where nothing of it can be counted."""
    first = kept.rejects[0]
    enriched = enrich(parsers.get(first.origin, parsers[''])(kept.rejects), enrichment)
    reasons = dict(enriched.rejected.iter_rows())
    retried.rejected += Counter(reasons.values())
    good = [reject for number, reject in enumerate(kept.rejects) if number not in reasons]
    if not good:
        return None
    number = 1 + sum(is_retry(log, origin.log) for log in ledger.logs(origin.domain))
    batch = Batch(origin.domain, SOURCE, f'{SOURCE} {number} of {origin.log}', origin.start, origin.end, first.origin)
    tally = Tally(len(enriched.calls), dict(by_reason(enriched.skipped)))
    header = Header({batch.domain: tally}, enrichment.key_id, enrichment.geo_date, batch, rejects=tuple(map(_hashed, good)))
    plan = kept.path.with_suffix('.plan')
    write(plan, encode_frame(header, enriched.calls))
    return plan


def _carry_out(plan: Path, rejected: RejectStore, database: ClickHouse, retried: RetrySummary) -> None:
    headers = tuple(frame.header for frame in frames(plan))
    [part] = Spooled(plan, plan.stat().st_size, headers).parts('')
    ledger = Ledger(database, part.header.key_id, part.header.geo_date)
    if not ledger.is_done(part.batch):
        store(ledger, part.batch, part.calls, part.tally)
    retried.stored += part.tally.stored
    retried.skipped += Counter(part.tally.skipped)
    counted = set(part.header.rejects)
    if kept := rejected.read(plan.with_suffix('.jsonl')):
        rejected.replace(kept, [reject for reject in kept.rejects if _hashed(reject) not in counted])
    plan.unlink()
    sync(plan.parent)


def _hashed(reject: Reject) -> Reject:
    """The reject as a plan names it: its text may be no UTF-8, and is nobody's business any more."""
    return replace(reject, text=xxhash.xxh3_128_hexdigest(reject.text.encode(errors='surrogatepass')))
