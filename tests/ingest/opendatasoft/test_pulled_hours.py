"""Rows are cut into hours, each complete as soon as its last row is read, in whatever order they come."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from access_logs import DOMAIN
from workspace import Row, encode, rows_of_hour

from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey
from exporter.ingest.opendatasoft import rows as rows_module
from exporter.ingest.opendatasoft.hours import HourRows, HourStore, cut
from exporter.ingest.opendatasoft.pulled import SOURCE, Pulled
from exporter.ingest.opendatasoft.rows import HOUR, Count, Reader, open_export
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger

FIRST = datetime(2026, 11, 1, 10, tzinfo=UTC)
START = int(FIRST.timestamp())
ENRICHMENT = Enrichment(DOMAIN, PortalRules(), open_places(None), VisitorKey(b'k' * 32, is_shared=True))


def hours_of(tmp_path: Path, rows: list[Row], wanted: list[int] | None = None) -> list[tuple[int, HourRows]]:
    """The hours of an export with these rows, in the order in which they are complete."""
    path = tmp_path / 'rows.parquet'
    path.write_bytes(encode(rows, 'parquet'))
    export, reader = open_export(path, 'parquet', 'rows'), Reader()
    counted = reader.count(export)
    starts = sorted(counted.by_hour) if wanted is None else wanted
    return [
        hour
        for group in counted.passes(starts)
        for hour in cut(reader.read(export, group), ENRICHMENT, {start: counted.by_hour[start] for start in group}, Pulled())
    ]


@pytest.mark.parametrize('in_order', [True, False])
@pytest.mark.parametrize('held', [10, 300_000])
def test_each_hour_has_all_of_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_order: bool, held: int) -> None:
    monkeypatch.setattr(rows_module, 'SLICE', 7)
    monkeypatch.setattr(rows_module, 'HELD', held)
    rows = [row for number in range(5) for row in rows_of_hour(FIRST + timedelta(hours=number), 10 + number)]
    if not in_order:
        Random(1).shuffle(rows)
    found = hours_of(tmp_path, rows)
    assert sorted(start for start, _ in found) == [START + number * HOUR for number in range(5)]
    for start, hour in found:
        assert (
            hour.rows
            == hour.tally.lines
            == len(hour.calls)
            == sum(int(row['timestamp'].timestamp()) // HOUR * HOUR == start for row in rows)
        )


def test_an_hour_without_rows_has_no_calls(tmp_path: Path) -> None:
    found = dict(hours_of(tmp_path, rows_of_hour(FIRST, 3), [START, START + HOUR]))
    assert (len(found[START].calls), len(found[START + HOUR].calls)) == (3, 0)
    assert found[START].calls.schema == found[START + HOUR].calls.schema


def test_an_export_in_no_order_is_read_several_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, 'HELD', 25)
    rows = Count(Counter({1: 10, 2: 10, 3: 10, 4: 30}), 0, held=60)
    assert list(rows.passes([1, 2, 3, 4])) == [[1, 2], [3], [4]]
    assert list(rows._replace(held=20).passes([1, 2, 3, 4])) == [[1, 2, 3, 4]]
    assert list(rows.passes([])) == []


def test_late_rows_are_added_and_fewer_rows_replace(database: ClickHouse, tmp_path: Path) -> None:
    rows, ledger = rows_of_hour(FIRST, 20), Ledger(database)

    def put(rows: list[Row]) -> Pulled:
        pulled = Pulled()
        stored = ledger.hours(DOMAIN, SOURCE, START, START + HOUR)
        HourStore(ledger, tmp_path, DOMAIN, 'https://a.example', stored, pulled).put(hours_of(tmp_path, rows))
        return pulled

    assert put(rows).summary.stored == 22
    late = put(rows + rows_of_hour(FIRST, 2, seed=1))
    assert (late.summary.stored, late.summary.already_stored, late.replaced) == (2, 22, set())
    fewer = put(rows[1:])
    assert (fewer.summary.stored, fewer.summary.already_stored, fewer.replaced) == (21, 0, {START})
    assert database.query('SELECT count() AS n FROM calls') == [{'n': 21}]
    assert database.query('SELECT sum(days.calls) AS n FROM days') == [{'n': 21}]
