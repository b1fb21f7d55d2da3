"""Stores a catalogue: a kill at any moment leaves the old one or the new one."""

import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import islice

import msgspec

from exporter.catalogue.dataset import Dataset
from exporter.catalogue.names import MOST_NAMES
from exporter.store.clickhouse import ClickHouse, Row

SLICE = 8_000  # rows of an insert
CURRENT = """
domain = {domain:String}
AND revision = (SELECT max(revision) FROM catalogue_updates WHERE domain = {domain:String}) AND revision > 0
"""

# Names that nobody claims now still mean their data set, if it exists: slugs change. The rows are read in the order of names, so
# that the engine holds no set of all names. GLOBAL, so that tables can be distributed.
KEEP_FORMER_NAMES = """
INSERT INTO catalogue SETTINGS insert_deduplicate = 0
SELECT former.domain, former.name, present.dataset_id, present.title, present.publisher, present.theme, present.created,
    present.revision
FROM (
    SELECT domain, name, any(dataset_id) AS dataset_id FROM catalogue
    WHERE domain = {domain:String} AND revision IN ({before:UInt64}, {revision:UInt64})
    GROUP BY domain, name
    HAVING max(revision) = {before:UInt64}
    LIMIT {room:UInt64}
) AS former
GLOBAL INNER JOIN (
    SELECT * FROM catalogue
    WHERE domain = {domain:String} AND revision = {revision:UInt64} AND name = dataset_id
) AS present ON former.dataset_id = present.dataset_id
SETTINGS optimize_aggregation_in_order = 1, max_threads = 1, max_block_size = 8192
"""


class Update(msgspec.Struct, frozen=True):
    """A row of `catalogue_updates`: how an update ended. `revision` is 0 and `error` says why if it failed."""

    domain: str
    at: datetime
    revision: int
    source: str
    datasets: int = 0
    names: int = 0
    error: str = ''


def datasets(database: ClickHouse, domain: str) -> list[Row]:
    """The data sets of a portal: domain, dataset_id, names (without the identifier), title, publisher, theme, created.

    Sorted by identifier. Raises EngineError.
    """
    return database.query(
        f"""
        SELECT domain, dataset_id, arraySort(groupArrayIf(name, name != dataset_id)) AS names, any(catalogue.title) AS title,
            any(catalogue.publisher) AS publisher, any(catalogue.theme) AS theme, any(catalogue.created) AS created
        FROM catalogue
        WHERE {CURRENT}
        GROUP BY domain, dataset_id
        ORDER BY dataset_id
        """,
        {'domain': domain},
    )


def published(database: ClickHouse, domain: str, after: date, until: date) -> list[tuple[date, str]]:
    """Day and title of each data set of a portal that was created after a day and not after another. Raises EngineError."""
    rows = database.query(
        f"""
        SELECT assumeNotNull(created) AS day, title FROM catalogue
        WHERE {CURRENT} AND name = dataset_id AND created > {{after:Date}} AND created <= {{until:Date}}
        ORDER BY created, title, dataset_id
        """,
        {'domain': domain, 'after': after, 'until': until},
    )
    return [(row['day'], row['title']) for row in rows]


def last_updates(database: ClickHouse) -> dict[str, Update]:
    """The last update of each portal. Raises EngineError."""
    return _last(database, 'true')


def last_successes(database: ClickHouse) -> dict[str, Update]:
    """The last update of each portal that did not fail. Raises EngineError."""
    return _last(database, 'revision > 0')


def _last(database: ClickHouse, condition: str) -> dict[str, Update]:
    rows = database.query(
        f'SELECT * FROM catalogue_updates WHERE {condition} ORDER BY domain, at DESC, revision DESC LIMIT 1 BY domain'
    )
    return {row['domain']: Update(**row | {'at': row['at'].replace(tzinfo=UTC)}) for row in rows}


def replace(database: ClickHouse, domain: str, source: str, resolved: Iterable[tuple[str, Dataset]], number: int) -> Update:
    """Replaces the catalogue of a portal by these names of `number` data sets. Raises EngineError."""
    [row] = database.query(
        'SELECT max(revision) AS last FROM catalogue_updates WHERE domain = {domain:String}', {'domain': domain}
    )
    # microseconds: two updates at the same time differ, and JSON can express the number
    revision = max(time.time_ns() // 1_000, row['last'] + 1)
    parameters = {'domain': domain, 'revision': revision, 'before': row['last']}
    rows = ({'domain': domain, 'name': name} | _row(dataset, revision) for name, dataset in resolved)
    claimed = 0
    while part := list(islice(rows, SLICE)):
        database.insert_rows('catalogue', part, token=f'{domain} {revision} {claimed}')
        claimed += len(part)
    database.command(KEEP_FORMER_NAMES, parameters | {'room': max(MOST_NAMES - claimed, 0)})
    [stored] = database.query(
        'SELECT count() AS names FROM catalogue WHERE domain = {domain:String} AND revision = {revision:UInt64}', parameters
    )
    update = Update(domain, datetime.now(UTC), revision, source, number, stored['names'])
    record(database, update)
    database.delete('catalogue', 'domain = {domain:String} AND revision < {revision:UInt64}', parameters)
    return update


def record(database: ClickHouse, update: Update) -> None:
    """Adds the row of an update that has ended. Raises EngineError."""
    row = msgspec.structs.asdict(update) | {'at': f'{update.at.astimezone(UTC):%F %T.%f}'[:-3]}
    database.insert_rows('catalogue_updates', [row], token=f'{update.domain} {time.time_ns()}')


def _row(dataset: Dataset, revision: int) -> Row:
    return {
        'dataset_id': dataset.id,
        'title': dataset.title,
        'publisher': dataset.publisher,
        'theme': dataset.theme,
        'created': dataset.created,
        'revision': revision,
    }
