"""Imports one log to its end and accounts for each of its lines."""

from collections.abc import Callable

from exporter.enrich.enrichment import Enrichment
from exporter.ingest import pipeline
from exporter.ingest.formats.parsed import parse_chunks
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.history import Waiting, WithSpool
from exporter.ingest.pipeline import STEPS
from exporter.ingest.prefetch import Prefetch
from exporter.model.tally import Summary, Tally
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.writer import Writer


def import_log(
    log: AccessLog,
    log_format: str,
    enrichment: Enrichment,
    ledger: Ledger,
    rejected: RejectStore,
    summary: Summary,
    watch: Callable[[], None],
    waiting: Waiting = (),
) -> None:
    """Stores what is new in a log. `outcome` is kept up to date, so it is right whatever ends the import, and
    `watch` is called whenever it has changed. `waiting` is what a spool holds: `serve` will store it.

    Raises InputError for what is no log or ends before its end, EngineError where ClickHouse fails.
    """

    def stored(tally: Tally) -> None:
        summary.count(tally)
        watch()

    chunks = parse_chunks(log.pieces(enrichment.domain, WithSpool(waiting, ledger)), log.file.name, log_format)
    with (
        Writer(ledger, stored) as writer,
        Prefetch(pipeline.enriched(chunks, enrichment, STEPS[:1])) as with_requests,
        Prefetch(pipeline.enriched(with_requests, enrichment, STEPS[1:])) as complete,
    ):
        try:
            pipeline.put_batches(complete, rejected, writer.put)
            writer.wait()
            summary.left += log.left
        finally:
            summary.count_before(log.already)
    if log.file.damage:
        raise log.file.damage
