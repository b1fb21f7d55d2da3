"""Made-up calls of pulled hours."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from access_logs import DOMAIN

from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey
from exporter.ingest import pipeline
from exporter.ingest.formats import Lines
from exporter.ingest.opendatasoft.hours import NOTHING
from exporter.model.batch import Batch
from exporter.model.call import SOURCE_COLUMNS
from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse
from exporter.store.hours import store_hours
from exporter.store.ledger import Ledger

HOUR = datetime(2026, 11, 1, 10, tzinfo=UTC)
START = int(HOUR.timestamp())
CALL = {
    'forwarded': '', 'host': '', 'user_id': '', 'user_agent': 'curl/8', 'referrer': '', 'method': '', 'status': 200, 'bytes': 1,
    'duration_ms': None,
}  # fmt: skip


def batch(hour: int, revision: int = 0) -> Batch:
    """The batch of an hour, by its number."""
    start = START + hour * 3_600
    return Batch(DOMAIN, 'opendatasoft', 'opendatasoft', start, start + 3_600, 'https://a.example', revision=revision)


def calls(*paths: str, hour: int = 0) -> pl.DataFrame:
    """Complete calls with these paths, all at the same time from one visitor."""
    if not paths:
        return NOTHING
    rows = [CALL | {'timestamp': HOUR + timedelta(hours=hour), 'ip': '81.2.69.160', 'path': path} for path in paths]
    enrichment = Enrichment(DOMAIN, PortalRules(), open_places(None), VisitorKey(b'k' * 32, is_shared=True))
    lines = pipeline.enrich(Lines(pl.DataFrame(rows, SOURCE_COLUMNS).with_row_index('line')), enrichment)
    return pipeline.complete_calls(lines, enrichment).calls


def store(database: ClickHouse, data_dir: Path, *hours: tuple[Batch, pl.DataFrame], replaced: Sequence[Batch] = ()) -> None:
    """Stores hours."""
    store_hours(Ledger(database), data_dir, [(batch, calls, Tally(len(calls))) for batch, calls in hours], replaced)
