"""Reads what is counted of each part of the calls: by data set, month, country and so on."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from exporter.errors import PartError
from exporter.report import exact
from exporter.report.part import Part, Selection
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, Row, quoted

MEASURES = ('calls', 'queries', 'downloads', 'page_views', 'users', 'errors', 'bytes')
CATALOGUED = {'dataset': 'datasets', 'publisher': 'publishers', 'theme': 'themes'}  # with the view of each
VIEW_NAMES = {'dataset': 'dataset_id', 'referrer': 'referrer_host'}  # of columns that have another name here
BY = (*CATALOGUED, 'month', 'week', 'country', 'client', 'action', 'status', 'audience', 'network', 'referrer')
LABELS: dict[str, Callable[[Any], str]] = {'month': lambda day: f'{day:%Y-%m}', 'week': str}  # of other parts: their value
# The body of such a call, which no log has, can name a data set.
UNNAMED = """
SELECT count() AS calls
FROM calls
WHERE {{period}} AND {{counted_calls}} AND dataset_id = '' AND method = 'POST' AND action IN ('query', 'other')
"""


def names(by: str) -> tuple[str, ...]:
    """The columns that name a part."""
    return (by, 'title', 'publisher') if by == 'dataset' else (by,)


def columns(by: str) -> list[str]:
    """The columns of a division, in their order."""
    return [*names(by), *MEASURES]


def require(by: str, part: Part) -> None:
    """Raises PartError if the calls of such a part cannot be divided in this way."""
    if by in ('publisher', 'theme') and part.kind != 'calls':
        raise PartError(f'the calls of one {_words(part.kind)} cannot be divided by {by}', 'choose one of the two')
    if by == 'dataset' and part.kind == 'dataset':
        raise PartError('the calls of one data set cannot be divided by data set', 'choose one of the two')


def _words(kind: str) -> str:
    return 'data set' if kind == 'dataset' else kind


def rows(database: ClickHouse, selection: Selection, by: str, count_exactly: bool = False) -> list[Row]:
    """A row for each part: `columns(by)`. Months and weeks in their order, other parts with the most calls first.

    A month is such as 2026-11, a week its Monday; an unknown status is None, other unknown values are ''. Raises PartError if the
    calls of the selection cannot be divided in this way; with `count_exactly`, PeriodError as `exact.counts`; EngineError.
    """
    require(by, selection.part)
    part = selection.part
    if by in CATALOGUED:
        order = f'calls DESC, {VIEW_NAMES.get(by, by)}'
        table = selection.of_all(CATALOGUED[by]) + _of_publisher(part)
    else:
        order = by if by in LABELS else f'calls DESC, {VIEW_NAMES.get(by, by)}'
        table = selection.of_part(f'{part.kind}_by_{by}')
    found = database.query(f'SELECT * FROM {table} ORDER BY {order}')
    if count_exactly:
        counted = exact.divided(database, selection, by)
        none = {'users': 0, 'downloads': 0}
        found = [row | counted.get(row[VIEW_NAMES.get(by, by)], none) for row in found]
    return [_row(row, by) for row in found]


def datasets(database: ClickHouse, selection: Selection, by_month: bool, limit: int, offset: int) -> tuple[int, list[Row]]:
    """The number of rows of data sets, and `limit` of them from `offset` on: as `rows`, and by month first if `by_month`.

    Raises EngineError.
    """
    view = selection.of_all('datasets_by_month' if by_month else 'datasets') + _of_publisher(selection.part)
    [number] = database.query(f'SELECT count() AS n FROM {view}')
    order = f'{"month, " if by_month else ""}calls DESC, dataset_id'
    found = database.query(f'SELECT * FROM {view} ORDER BY {order} LIMIT {limit} OFFSET {offset}')
    return number['n'], [{**_month(row), **_row(row, 'dataset')} for row in found]


def removed_before(database: ClickHouse, selection: Selection, by: str | None) -> date | None:
    """The first day whose calls are kept, if calls of the period that are not counted were removed. Raises EngineError.

    `by` is None for the report of a part. Whole months of a division by month, or by what the catalogue says, are still counted.
    """
    kept = exact.removed_before(database, selection)
    if not kept or (by not in CATALOGUED and by != 'month'):
        return kept
    first, last = selection.period.first, selection.period.last
    month_ends = len(last) == len('2026-11-30') and (date.fromisoformat(last) + timedelta(1)).day == 1
    whole = len(first) == len('2026-11-01') and first.endswith('-01') and (month_ends or last >= kept.isoformat())
    return None if whole else kept


def unnamed(database: ClickHouse, selection: Selection) -> int:
    """The number of calls whose data set may be in a body, which no log has: those with POST. Raises EngineError."""
    [row] = database.query(schema.expand(UNNAMED), selection.parameters)
    return int(row['calls'])


def _of_publisher(part: Part) -> str:
    return '' if part.publisher is None else f' WHERE publisher = {quoted(part.publisher)}'


def _month(row: Row) -> Row:
    return {'month': LABELS['month'](row['month'])} if 'month' in row else {}


def _row(row: Row, by: str) -> Row:
    """A row of a view in the columns of the division."""
    value = row[VIEW_NAMES.get(by, by)]
    return {by: LABELS[by](value) if by in LABELS else value} | {name: row[name] for name in columns(by)[1:]}
