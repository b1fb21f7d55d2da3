"""Brings the database to the schema of this program: migrations once each, views whenever their text has changed."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exporter.errors import SchemaError
from exporter.store.clickhouse import ClickHouse

PACKAGE = Path(__file__).parent.parent
SQL = PACKAGE / 'sql' if (PACKAGE / 'sql').is_dir() else PACKAGE.parent / 'sql'  # in a wheel; in a checkout
QUOTED = r"""'(?:[^'\\]|\\.)*'"""
RECORD = """
CREATE TABLE IF NOT EXISTS migrations (name String, digest String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6))
ENGINE = MergeTree ORDER BY (name, applied_at)
"""


class Change(NamedTuple):
    """One step of the schema: a numbered migration, or a view."""

    name: str
    statements: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Tells a view from an earlier text of it."""
        return hashlib.sha256(';'.join(self.statements).encode()).hexdigest()[:16]


def statements(text: str) -> Iterator[str]:
    """The statements of an SQL file, without its comments: a server takes one at a time."""
    bare = re.sub(rf'({QUOTED})|--.*', lambda found: found[1] or '', text)
    for statement in re.findall(rf'(?:{QUOTED}|[^;])+', bare):
        if statement.strip():
            yield statement.strip()


def migrations() -> list[Change]:
    """What makes the tables, in order."""
    return [Change(path.stem, tuple(statements(path.read_text()))) for path in sorted(SQL.glob('[0-9]*.sql'))]


def views(calls_removed: bool = False) -> list[Change]:
    """The public views, with the conditions that they share put in for {{name}}.

    Once calls were removed by their age, some conditions are others, in which {{kept}} is the one that they replace.
    """
    conditions = _texts('conditions')
    if calls_removed:
        conditions |= {name: text.replace('{{kept}}', conditions[name]) for name, text in _texts('removed').items()}

    def whole(text: str) -> str:
        return re.sub(r'\{\{(\w+)\}\}', lambda found: whole(conditions[found[1]]), text)

    return [
        Change(name, (f'CREATE OR REPLACE VIEW {name} AS\n{next(statements(whole(text)))}',))
        for name, text in _texts('views').items()
    ]


def _texts(directory: str) -> dict[str, str]:
    return {path.stem: path.read_text().strip() for path in sorted((SQL / directory).glob('*.sql'))}


def applied(database: ClickHouse) -> dict[str, str]:
    """What the database says was applied: names, with the digest of each. Only reads."""
    if not database.query("SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'migrations'"):
        return {}
    rows = database.query('SELECT name, argMax(digest, applied_at) AS digest FROM migrations GROUP BY name')
    return {row['name']: row['digest'] for row in rows}


def pending(database: ClickHouse) -> list[Change]:
    """What is still to be applied. Only reads. Raises SchemaError for a database that is newer than this program."""
    done = applied(database)
    tables = migrations()
    if newer := sorted({name for name in done if name[0].isdigit()} - {change.name for change in tables}):
        raise SchemaError(
            f'{database.address.shown}: the schema is newer than this program (it has {newer[-1]})',
            'install a newer usage-exporter',
        )
    removed = '0005_retention' in done and bool(database.query('SELECT 1 FROM retention LIMIT 1'))
    return [change for change in tables if change.name not in done] + [
        change for change in views(removed) if done.get(change.name) != change.digest
    ]


def apply(database: ClickHouse) -> list[Change]:
    """Applies what is pending and records it. A second time there is nothing to do.

    Raises SchemaError for a database that is newer than this program, EngineError where the engine refuses.
    """
    todo = pending(database)
    if todo:
        database.command(RECORD)
    tables = [change for change in todo if change.name[0].isdigit()]
    for change in tables:
        _run(database, [change])
    _run(database, [change for change in todo if change not in tables])  # views: as often as one likes
    return todo


def _run(database: ClickHouse, changes: list[Change]) -> None:
    """Applies changes, then records them all at once."""
    for change in changes:
        for statement in change.statements:
            database.command(statement)
    if changes:
        rows = ', '.join(f"('{change.name}', '{change.digest}')" for change in changes)
        database.command(f'INSERT INTO migrations (name, digest) VALUES {rows}')


def ready(database: ClickHouse) -> ClickHouse:
    """The database, brought to the schema where it has none yet.

    Raises SchemaError for one that is older or newer than this program, EngineError.
    """
    if not applied(database):
        apply(database)
    elif waiting := pending(database):
        raise SchemaError(
            f'{database.address.shown}: the schema is older than this program ({waiting[0].name} is missing)',
            'run usage-exporter init',
        )
    return database
