"""Imports one log to its end and counts each of its lines."""

from collections.abc import Callable

from exporter.enrich.enrichment import Enrichment
from exporter.ingest import pipeline
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.history import Waiting, WithSpool
from exporter.ingest.logs.parse_chunks import parse_chunks
from exporter.ingest.prefetch import Prefetch
from exporter.model.tally import Summary, Tally
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.writer import Writer
from exporter.system.startup import release_code


def import_log(
    log: AccessLog,
    reader: LogReader,
    enrichment: Enrichment,
    ledger: Ledger,
    rejected: RejectStore,
    summary: Summary,
    watch: Callable[[], None],
    waiting: Waiting = (),
) -> None:
    """Stores the new lines of a share of a log. `summary` is updated after each batch, so it is correct however the import ends;
    `watch` is called after each update. `waiting` holds the batches of a spool, which `serve` will store.

    Raises InputError for a file that is not a log or is truncated, EngineError for an error of ClickHouse.
    """

    def stored(tally: Tally) -> None:
        release_code('_chdb')  # 40 MB of the peak: one insert runs less code than all inserts and merges together
        summary.count(tally)
        watch()

    chunks = parse_chunks(log.chunks(enrichment.domain, WithSpool(waiting, ledger)), log.file.name, reader, log.share)
    with (
        Writer(ledger, stored) as writer,
        Prefetch(chunks) as parsed,
        Prefetch(pipeline.read_parts(parsed, enrichment)) as read,
    ):
        try:
            pipeline.put_batches(pipeline.complete_parts(read, enrichment), rejected, writer.put)
            writer.wait()
            if log.share.has_rest:
                summary.left += log.left
        finally:
            summary.count_before(log.already_stored)
    if log.file.damage:
        raise log.file.damage
