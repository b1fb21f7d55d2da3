"""Enriched calls for tests of the later steps, and the file in which the engine gets them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey
from exporter.ingest.formats import Lines
from exporter.ingest.pipeline import enrich
from exporter.model.call import SOURCE_COLUMNS
from exporter.store.native import encode_block

KEY = b'k' * 32
BEGIN = datetime(2026, 11, 2, 8, tzinfo=UTC)


def raw(number: int, first: int = 0) -> pl.DataFrame:
    """Calls before enrichment, one second apart, with different paths."""
    numbers = range(first, first + number)
    columns = {
        'timestamp': [BEGIN + timedelta(seconds=n) for n in numbers],
        'ip': [f'192.0.2.{n % 200}' for n in numbers],
        'forwarded': [''] * len(numbers),
        'host': [''] * len(numbers),
        'user_id': ['alice' if n % 3 == 0 else '' for n in numbers],
        'user_agent': ['curl/8.5.0'] * number,
        'referrer': ['-'] * number,
        'method': ['GET'] * number,
        'path': [f'/api/{n}' for n in numbers],
        'status': [200] * number,
        'bytes': list(numbers),
        'duration_ms': [1] * number,
    }
    return pl.DataFrame(columns, SOURCE_COLUMNS).with_row_index('line')


def calls(domain: str, number: int, first: int = 0) -> pl.DataFrame:
    """The same calls enriched: all columns except `batch_id`."""
    return enrich(
        Lines(raw(number, first)), Enrichment(domain, PortalRules(), open_places(None), VisitorKey(KEY, is_shared=True))
    ).calls


def write_block(path: Path, calls: pl.DataFrame) -> None:
    """Writes a file for `ClickHouse.insert_file`."""
    with path.open('wb') as file:
        file.writelines(encode_block(calls))
