"""Measures the stages of an import: each stage runs alone over a whole log, on the result of the stage before."""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import exporter.cli  # noqa: F401  # isort: skip  # before polars: it tunes the process as for an import
import inputs
import polars as pl

from exporter.config import PortalRules
from exporter.enrich.day import local_days
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.log_file import LogFile
from exporter.ingest.logs.parse_chunks import parse_chunks
from exporter.ingest.pipeline import complete_parts, put_batches, read_parts
from exporter.store import schema
from exporter.store.clickhouse import connect
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.writer import EncodedBatch

DOMAIN, KEY = 'data.example.org', b'k' * 32


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Prints the cost of the `with` block: time by the clock, and CPU time of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f'{name:34}{wall * 1000:8.0f} ms {cpu * 1000:8.0f} ms CPU', flush=True)


def look_ups(raw: list[pl.DataFrame], enrichment: Enrichment) -> None:
    """Measures the parts of the enrichment, with empty memos."""
    with timed('  of it requests'):
        for calls in raw:
            enrichment.requests(calls)
    with timed('  of it numbering'):
        numbered = [{name: number(calls[name]) for name, number in enrichment.texts.items()} for calls in raw]
    with timed('  of it addresses'):
        for texts in numbered:
            enrichment.valid_addresses(texts['ip'])
            enrichment.addresses(texts['ip'])
    with timed('  of it agents'):
        for texts in numbered:
            enrichment.agents(texts['user_agent'])
    with timed('  of it days'):
        for calls in raw:
            local_days(calls['timestamp'], enrichment.timezone)


def main() -> None:
    """Prints one line per stage. A real import runs stages in parallel, so it takes less time than their sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--lines', type=int, default=1_000_000, help='kept in memory, all of them: 2 GB a million')
    file, database_of_places = inputs.log(lines := parser.parse_args().lines), inputs.geo_database()
    rules, places = PortalRules.model_validate({'timezone': 'Europe/Paris'}), open_places(database_of_places, mapped=True)
    print(f'{lines:,} lines')
    with tempfile.TemporaryDirectory() as folder:
        with timed('open the engine, apply the schema'):
            database = connect(f'chdb://{folder}/clickhouse')
            schema.apply(database)
        ledger = Ledger(database, 'bench', None)
        with timed('read'), closing(LogFile(str(file))) as log:
            chunks = list(AccessLog(log).chunks(DOMAIN, ledger))
        with timed('parse'):
            parsed = list(parse_chunks(chunks, file.name, LogReader()))
        with timed('enrich'):
            enrichment = Enrichment(DOMAIN, rules, places, VisitorKey(KEY, is_shared=True))
            parts = list(complete_parts(read_parts(parsed, enrichment), enrichment))
        look_ups([chunk.lines.calls for chunk in parsed], Enrichment(DOMAIN, rules, places, VisitorKey(KEY, is_shared=True)))
        batches: list[EncodedBatch] = []
        with timed('encode'):
            put_batches(parts, RejectStore(Path(folder)), lambda *batch: batches.append(EncodedBatch(*batch)))
        with timed('insert'):
            for batch in batches:
                with closing(batch):
                    batch.store(ledger)
        database.close()


if __name__ == '__main__':
    main()
