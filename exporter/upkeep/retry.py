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
from exporter.ingest.formats import Parsed
from exporter.ingest.formats.access_log import parse
from exporter.ingest.pipeline import by_reason
from exporter.model.batch import Batch
from exporter.model.call import words
from exporter.model.reject import Reason, Reject
from exporter.model.tally import Counts
from exporter.spool.segment import Header, Spooled, frames, packed
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import Kept, Rejected
from exporter.store.writer import store
from exporter.system.files import sync, write

SOURCE = 'retry'
Parser = Callable[[Sequence[Reject]], Parsed]  # rejects of one portal; `line` is the number of the reject


@dataclass
class Retried:
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


def of_calls(rejects: Sequence[Reject]) -> Parsed:
    """Reads calls again that came over HTTP. One without a field stays rejected, also where that is the portal."""
    whole = [number for number, one in enumerate(rejects) if one.reason != Reason.MISSING_FIELD]
    elements = [rejects[number].text.encode(errors='surrogateescape') for number in whole]
    taken = calls.checked(elements, datetime.now(UTC), rejects[0].domain)
    again = {whole[one.index]: str(one.reason) for one in taken.rejects}
    good = [number for number in whole if number not in again]
    reasons = {number: str(Reason.MISSING_FIELD) for number in range(len(rejects)) if number not in whole} | again
    bad = pl.DataFrame({'line': reasons.keys(), 'reason': reasons.values()}, {'line': pl.UInt32, 'reason': pl.String})
    return Parsed(calls.frame(taken.calls).with_columns(line=pl.Series(good, dtype=pl.UInt32)), bad)


def is_retry(log: str, of: str) -> bool:
    """Whether the first log is a retry of the second one's rejects."""
    return log.startswith(f'{SOURCE} ') and log.endswith(f' of {of}')


def retry(
    rejected: Rejected,
    database: ClickHouse,
    enrichment: Callable[[str], Enrichment],
    parsers: Mapping[str, Parser],
    domain: str | None = None,
) -> Retried:
    """Retries the rejects of a portal, or of all. `enrichment` gives that of a portal, `parsers` who reads a reject: that of its
    origin, or else that of ''.

    Raises EngineError, OSError, SettingsError; what was cut off is finished the next time, before anything else.
    """
    retried = Retried()
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


def _batch(kept: Kept) -> Batch:
    """The batch whose rejects these are."""
    domain, _, rest = kept.batch_id.partition('/')
    log, _, stretch = rest.rpartition('/')
    start, _, end = stretch.partition('-')
    return Batch(domain, '', log, int(start), int(end))


def _plan(
    kept: Kept, origin: Batch, ledger: Ledger, enrichment: Enrichment, parsers: Mapping[str, Parser], retried: Retried
) -> Path | None:
    """Writes down what is to be stored of a batch's rejects; None where nothing of it can be counted."""
    first = kept.rejects[0]
    parsed = parsers.get(first.origin, parsers[''])(kept.rejects)
    enriched = enrichment(parsed.calls)
    reasons = dict(pl.concat([parsed.rejected, enriched.rejected]).iter_rows())
    retried.rejected += Counter(reasons.values())
    good = [reject for number, reject in enumerate(kept.rejects) if number not in reasons]
    if not good:
        return None
    number = 1 + sum(is_retry(log, origin.log) for log in ledger.logs(origin.domain))
    batch = Batch(origin.domain, SOURCE, f'{SOURCE} {number} of {origin.log}', origin.start, origin.end, first.origin)
    skipped = by_reason(parsed.skipped) + by_reason(enriched.skipped)
    header = Header(
        {batch.domain: Counts(len(enriched.calls), dict(skipped))}, enrichment.key_id, enrichment.geo_date, batch,
        rejects=tuple(map(_hashed, good)),
    )  # fmt: skip
    plan = kept.path.with_suffix('.plan')
    write(plan, packed(header, enriched.calls))
    return plan


def _carry_out(plan: Path, rejected: Rejected, database: ClickHouse, retried: Retried) -> None:
    headers = tuple(frame.header for frame in frames(plan))
    [part] = Spooled(plan, plan.stat().st_size, headers).parts('')
    ledger = Ledger(database, part.header.key_id, part.header.geo_date)
    if not ledger.is_done(part.batch):
        calls = part.calls.with_columns(batch_id=pl.lit(part.batch.id).cast(words('batch_id')))
        store(ledger, part.batch, calls, part.counts)
    retried.stored += part.counts.stored
    retried.skipped += Counter(part.counts.skipped)
    counted = set(part.header.rejects)
    if kept := rejected.read(plan.with_suffix('.jsonl')):
        rejected.replace(kept, [reject for reject in kept.rejects if _hashed(reject) not in counted])
    plan.unlink()
    sync(plan.parent)


def _hashed(reject: Reject) -> Reject:
    """The reject as a plan names it: its text may be no UTF-8, and is nobody's business any more."""
    return replace(reject, text=xxhash.xxh3_128_hexdigest(reject.text.encode(errors='surrogatepass')))
