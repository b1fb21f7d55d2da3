"""Applies the schema: each migration and each version of the counting rules once, each view whenever its text has changed."""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from exporter.errors import EngineError, SchemaError
from exporter.model import counting_rules
from exporter.store.clickhouse import ClickHouse, quoted

PACKAGE = Path(__file__).parent.parent
SQL = PACKAGE / 'sql' if (PACKAGE / 'sql').is_dir() else PACKAGE.parent / 'sql'  # in a wheel, or in a checkout
PARTS = {'parts': ('dataset', 'publisher'), 'by': ('calls', 'dataset', 'publisher')}  # of which files in a folder make views
QUOTED = r"""'(?:[^'\\]|\\.)*'"""
POLL = 0.2  # seconds between two looks at a change of stored calls
OF_CALLS = "database = currentDatabase() AND table = 'calls'"
REPEAT = 'free disk space or fix what it names, then run usage-exporter init again'
RECORD = """
CREATE TABLE IF NOT EXISTS migrations (name String, digest String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6))
ENGINE = MergeTree ORDER BY (name, applied_at)
"""
RULES = 'counting_rules_'  # the name of a change, before its version
# Adds the event if all calls were counted by earlier rules. Inserting it again changes nothing.
EVENT = """
INSERT INTO events (id, domain, start, end, title, text, tags)
SETTINGS insert_deduplicate = 1, async_insert = 0, insert_deduplication_token = {id}
SELECT {id}, '', now(), now(), {title}, {text}, [{tag}]
FROM (
    SELECT count() AS done, max(counted_by) AS newest
    FROM (
        SELECT argMax(rules, state) AS counted_by
        FROM batches
        GROUP BY domain, batch_id
        HAVING max(state) = 'done'
    )
)
WHERE done > 0 AND newest < {version} AND {id} NOT IN (SELECT id FROM events)
"""


Watch = Callable[[str, float], None]  # takes what is being done, and the part of it that is done


class Change(NamedTuple):
    """One step of the schema: a numbered migration, a version of the counting rules, or a view."""

    name: str
    statements: tuple[str, ...]

    @property
    def digest(self) -> str:
        """A hash of the statements; it changes when the text of a view changes."""
        return hashlib.sha256(';'.join(self.statements).encode()).hexdigest()[:16]


def statements(text: str) -> Iterator[str]:
    """Yields the statements of an SQL file without comments: a server accepts one statement at a time."""
    uncommented = re.sub(rf'({QUOTED})|--.*', lambda match: match[1] or '', text)
    for statement in re.findall(rf'(?:{QUOTED}|[^;])+', uncommented):
        if statement.strip():
            yield statement.strip()


def migrations() -> list[Change]:
    """Returns the numbered migrations, in order."""
    return [Change(path.stem, tuple(statements(path.read_text()))) for path in sorted(SQL.glob('[0-9]*.sql'))]


def counting_rules_changes() -> list[Change]:
    """Returns a change for each version of the counting rules: an event that says what the version changed."""
    return [
        Change(
            f'{RULES}{version}',
            (
                EVENT.format(
                    id=quoted(counting_rules.event_id(version)),
                    title=quoted(texts['en'].title),
                    text=quoted(texts['en'].text),
                    tag=quoted(counting_rules.TAG),
                    version=version,
                ).strip(),
            ),
        )
        for version, texts in counting_rules.CHANGES.items()
    ]


def views(calls_removed: bool = False) -> list[Change]:
    """Returns the public views, with {{name}} replaced by the shared condition of that name.

    A file in sql/parts or sql/by makes a view for each part of the calls: its {{part}} is the condition of that part.

    If old calls were removed, conditions from sql/removed apply instead; their {{kept}} is the condition that they replace. One
    set of conditions that reads the table `retention` would cost each query of a database without removed calls 10 to 17 %
    (10 million calls, paired).
    """
    conditions = _texts('conditions')
    if calls_removed:
        conditions |= {name: text.replace('{{kept}}', conditions[name]) for name, text in _texts('removed').items()}
    texts = {name: _expand(text, conditions) for name, text in _texts('views').items()}
    for folder, parts in PARTS.items():
        between = '_by_' if folder == 'by' else '_'
        texts |= {
            f'{part}{between}{name}': _expand(text, conditions, part) for name, text in _texts(folder).items() for part in parts
        }
    return [Change(name, (f'CREATE OR REPLACE VIEW {name} AS\n{next(statements(text))}',)) for name, text in texts.items()]


def expand(text: str, part: str = 'calls') -> str:
    """A statement with {{name}} replaced by the shared condition of that name, and {{part}} by that of the part.

    It has the parameters of the views. The conditions are those of a database of which no calls were removed.
    """
    return next(statements(_expand(text, _texts('conditions'), part)))


def _expand(text: str, conditions: dict[str, str], part: str = '') -> str:
    names = {'part': f'of_{part}', 'part_of_months': f'months_of_{part}'}
    return re.sub(r'\{\{(\w+)\}\}', lambda match: _expand(conditions[names.get(match[1], match[1])], conditions), text)


def _texts(directory: str) -> dict[str, str]:
    return {path.stem: path.read_text().strip() for path in sorted((SQL / directory).glob('*.sql'))}


def applied(database: ClickHouse) -> dict[str, str]:
    """Returns the digest of each applied change by its name. Only reads. Raises EngineError."""
    if not database.query("SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'migrations'"):
        return {}
    rows = database.query('SELECT name, argMax(digest, applied_at) AS digest FROM migrations GROUP BY name')
    return {row['name']: row['digest'] for row in rows}


def pending(database: ClickHouse) -> list[Change]:
    """Returns the changes to apply. Only reads. Raises SchemaError if the database is newer than this program, EngineError."""
    digests = applied(database)
    once = migrations() + counting_rules_changes()
    applied_once = {name for name in digests if name[0].isdigit() or name.startswith(RULES)}
    if newer := sorted(applied_once - {change.name for change in once}):
        raise SchemaError(
            f'{database.address.shown}: the schema is newer than this program (it has {newer[-1]})',
            'install a newer usage-exporter',
        )
    removed = '0005_retention' in digests and bool(database.query('SELECT 1 FROM retention LIMIT 1'))
    return [change for change in once if change.name not in digests] + [
        change for change in views(removed) if digests.get(change.name) != change.digest
    ]


def _rewrites(statement: str) -> bool:
    return 'mutations_sync' in statement


def apply(database: ClickHouse, watch: Watch = lambda _text, _done: None) -> list[Change]:
    """Applies and records the pending changes, and returns them. Calls `watch` during a change that can take long.

    Raises SchemaError if the database is newer than this program, EngineError if the engine refuses a statement.
    """
    is_new, changes = not applied(database), pending(database)
    if changes:
        database.command(RECORD)
    tables = [change for change in changes if change.name[0].isdigit()]
    # each can be applied again; in a database without calls, recording them one by one only takes longer
    for together in [tables] if is_new else [[change] for change in tables]:
        _run(database, together, watch)
    _run(database, [change for change in changes if change not in tables], watch)  # views can be replaced at any time
    return changes


def _run(database: ClickHouse, changes: list[Change], watch: Watch) -> None:
    """Applies changes, then records them in one insert."""
    for change in changes:
        for statement in change.statements:
            calls = database.query('SELECT count() AS n FROM calls')[0]['n'] if _rewrites(statement) else 0
            database.command(statement)
            if calls:
                _wait_for_rewriting(database, partial(watch, f'applying {change.name} to {calls:,} calls'))
    if changes:
        rows = ', '.join(f"('{change.name}', '{change.digest}')" for change in changes)
        database.command(f'INSERT INTO migrations (name, digest) VALUES {rows}')


def _wait_for_rewriting(database: ClickHouse, watch: Callable[[float], None]) -> None:
    """Waits until the engine has rewritten the table `calls`, part by part. Raises EngineError if it cannot."""
    done = 0.0
    while done < 1:
        [state] = database.query(
            """
            SELECT
                (SELECT sum(parts_to_do) FROM system.mutations WHERE {unfinished}) AS left,
                (SELECT max(latest_fail_reason) FROM system.mutations WHERE {unfinished}) AS failure,
                (SELECT count() FROM system.parts WHERE {of_calls} AND active) AS parts,
                (SELECT sum(progress) FROM system.merges WHERE {of_calls} AND is_mutation) AS under_way,
                (SELECT count() FROM system.mutations WHERE {unfinished}) AS mutations
            """.format(of_calls=OF_CALLS, unfinished=f'{OF_CALLS} AND NOT is_done')
        )
        if state['failure']:
            raise EngineError(f'{database.address.shown}: cannot change the stored calls ({state["failure"][:300]})', REPEAT)
        parts = max(1, state['parts'])
        done = max(done, min(0.99, 1 - (state['left'] - state['under_way']) / parts)) if state['mutations'] else 1.0
        watch(done)
        if done < 1:
            time.sleep(POLL)


def prepare(database: ClickHouse) -> ClickHouse:
    """Applies the schema to a database that has none; returns the database.

    Raises SchemaError if the schema is older or newer than this program, EngineError.
    """
    if not applied(database):
        apply(database)
    elif missing := pending(database):
        raise SchemaError(
            f'{database.address.shown}: the schema is older than this program ({missing[0].name} is missing)',
            'run usage-exporter init',
        )
    return database
