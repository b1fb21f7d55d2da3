"""Counts users and downloads exactly, from the stored calls."""

from datetime import date
from typing import Any

from exporter.errors import PeriodError
from exporter.report.part import Selection
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, Row
from exporter.store.rollups import calls_from

COUNTS = """
SELECT
    uniqExactIf(user_id, user_id != '') AS registered_users,
    uniqExactIf(visitor, user_id = '') AS anonymous_users,
    uniqExactIf({{download}}, file != 0) AS downloads
FROM calls
WHERE {{period}} AND {{counted_calls}} AND {{part}}
"""
DIVIDED = """
SELECT key, uniqExact({{caller}}) AS users, uniqExactIf({{download}}, file != 0) AS downloads
FROM (SELECT KEY AS key, user_id, visitor, file, hour FROM SOURCE)
GROUP BY key
"""
PLAIN = 'calls WHERE {{period}} AND {{counted_calls}} AND {{part}}'
CATALOGUED = """
(
    SELECT *, {{requested_name}} AS requested_name, toString(dataset_id) AS requested
    FROM calls
    WHERE {{period}} AND {{counted_calls}} AND {{part}}
) AS parts
{{known}}
"""
KEYS = {  # of divisions that are not by a column of `calls`
    'month': 'toStartOfMonth(day)',
    'week': 'toMonday(day)',
    'referrer': 'referrer_host',
    'dataset': '{{known_or_requested}}',
    'publisher': "ifNull(known.publisher, '')",
    'theme': "ifNull(known.theme, '')",
}


def removed_before(database: ClickHouse, selection: Selection) -> date | None:
    """The first day whose calls are kept, if the period begins before it. Raises EngineError."""
    kept = calls_from(database)
    return kept if date.fromisoformat(selection.period.first[: len('2026-11-01')]) < kept else None


def counts(database: ClickHouse, selection: Selection) -> Row:
    """registered_users, anonymous_users and downloads. Raises PeriodError if calls of the period were removed, EngineError."""
    _require_calls(database, selection)
    [row] = database.query(schema.expand(COUNTS, selection.part.kind), selection.parameters)
    return row


def divided(database: ClickHouse, selection: Selection, by: str) -> dict[Any, Row]:
    """users and downloads of each part of a division (report/divisions.py). Raises PeriodError as `counts`, EngineError."""
    _require_calls(database, selection)
    source = CATALOGUED if by in ('dataset', 'publisher', 'theme') else PLAIN
    statement = DIVIDED.replace('KEY', KEYS.get(by, by)).replace('SOURCE', source)
    rows = database.query(schema.expand(statement, selection.part.kind), selection.parameters)
    return {row['key']: row for row in rows}


def _require_calls(database: ClickHouse, selection: Selection) -> None:
    if kept := removed_before(database, selection):
        raise PeriodError(
            f'calls before {kept} were deleted, so exact counts exist only from this day on',
            f'begin the period on {kept} or later',
        )
