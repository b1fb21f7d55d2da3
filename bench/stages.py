"""Measures the stages of an import: each stage runs alone over a whole log, on the result of the stage before."""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import inputs
import polars as pl

from exporter.config import PortalRules
from exporter.enrich.day import local_days
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.ingest.formats import Lines
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.log_file import LogFile
from exporter.ingest.pipeline import enrich
from exporter.model.batch import Batch
from exporter.model.call import categorical
from exporter.model.tally import Tally
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect
from exporter.store.ledger import Ledger
from exporter.store.writer import Writer

DOMAIN, KEY = 'data.example.org', b'k' * 32


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Prints the cost of the `with` block: time by the clock, and CPU time of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f'{name:34}{wall * 1000:8.0f} ms {cpu * 1000:8.0f} ms CPU', flush=True)


def look_ups(enrichment: Enrichment, pieces: list[pl.DataFrame]) -> None:
    """Measures the parts of the enrichment, with empty memories."""
    parts: dict[str, Callable[[pl.DataFrame], object]] = {
        'addresses': lambda raw: enrichment.addresses(raw['ip']),
        'agents': lambda raw: enrichment.agents(raw['user_agent']),
        'requests': lambda raw: enrichment.requests(raw),
        'days': lambda raw: local_days(raw['timestamp'], enrichment.timezone),
    }
    for name, ask in parts.items():
        with timed(f'  of it {name}'):
            for raw in pieces:
                ask(raw)


def insert(database: ClickHouse, batches: list[Batch | None], pieces: list[pl.DataFrame]) -> None:
    """Stores the batches, with their rows in the ledger and all rollups."""
    ready: list[pl.DataFrame] = []
    with timed('insert'), Writer(Ledger(database, 'bench', None), lambda _: None) as writer:
        for batch, piece in zip(batches, pieces, strict=True):
            ready.append(piece)
            if batch:
                calls = pl.concat(ready).with_columns(batch_id=pl.lit(batch.id).cast(categorical('batch_id')))
                writer.put(batch, calls, Tally(len(calls)))
                ready = []
        writer.wait()


def main() -> None:
    """Prints one line per stage. A real import runs stages in parallel, so it takes less time than their sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--lines', type=int, default=1_000_000, help='kept in memory, all of them: 2 GB a million')
    file, places = inputs.log(lines := parser.parse_args().lines), inputs.geo_database()
    portal, now = PortalRules.model_validate({'timezone': 'Europe/Paris'}), datetime.now(UTC)
    print(f'{lines:,} lines')
    with tempfile.TemporaryDirectory() as folder:
        with timed('open the engine, apply the schema'):
            database = connect(f'chdb://{folder}')
            schema.apply(database)
        with timed('read'), closing(LogFile(str(file))) as log:
            read = list(AccessLog(log).chunks(DOMAIN, Ledger(database, 'bench', None)))
        with timed('parse'):
            parsed = [LogReader().read(chunk.lines, now).calls for chunk, _ in read]
        with timed('enrich'):
            enrichment = Enrichment(DOMAIN, portal, open_places(places), KEY)
            enriched = [enrich(Lines(raw), enrichment).calls for raw in parsed]
        look_ups(Enrichment(DOMAIN, portal, open_places(places), KEY), parsed)
        insert(database, [batch for _, batch in read], enriched)
        database.close()


if __name__ == '__main__':
    main()
