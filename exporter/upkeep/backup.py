"""Backs up and restores the whole database with ClickHouse's own statements."""

import os
from pathlib import Path

from exporter.errors import InputError, SchemaError
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, quoted
from exporter.store.url import DATABASE
from exporter.upkeep.forget import delete_unfinished


def backup(database: ClickHouse, target: str) -> None:
    """Writes a backup. No process may store calls meanwhile, because the tables are not copied at the same moment.

    `target` is a directory or .tar file for the embedded engine, or a location on the server such as Disk('backups', 'usage').
    Raises InputError for a target that is invalid, exists, or is in a directory private to `serve`; EngineError.
    """
    location = _location(database, target)
    if database.address.embedded and Path(target).exists():
        raise InputError(f'{target}: already exists', 'choose another name')
    previous = os.umask(0o077)  # a backup holds names of accounts, so an embedded engine writes it for its owner only
    try:
        database.command(f'BACKUP DATABASE `{database.address.database}` AS `{DATABASE}` TO {location}')
    finally:
        os.umask(previous)
    if database.address.embedded and not Path(target).exists():  # as a service, serve can have a /tmp of its own
        raise InputError(f'{target}: serve wrote the backup, but not where this command can see it', 'choose another directory')


def restore(database: ClickHouse, source: str) -> None:
    """Restores a backup into an empty database, and upgrades it to the schema of this version.

    Deletes the calls of unfinished batches: a restored database does not know their deduplication tokens, so the next import
    would store them twice. Raises InputError if there is no backup, SchemaError if the database is not empty, EngineError.
    """
    location = _location(database, source)
    if database.address.embedded and not Path(source).exists():
        raise InputError(f'{source}: no such backup', 'name a backup that usage-exporter backup wrote')
    if database.query('SELECT 1 FROM system.tables WHERE database = currentDatabase() LIMIT 1'):
        example = f', such as {database.address.shown}-restored' if database.address.embedded else ''
        raise SchemaError(
            f'{database.address.shown}: the database is not empty', f'set USAGE_CLICKHOUSE_URL to an empty one{example}'
        )
    database.command(f'RESTORE DATABASE `{DATABASE}` AS `{database.address.database}` FROM {location}')
    _renumber_parts(database)
    schema.apply(database)  # the backup may be of an earlier version
    delete_unfinished(database)


def _renumber_parts(database: ClickHouse) -> None:
    """Gives restored parts new mutation numbers, by detaching and attaching them.

    Restored parts keep the number of their last mutation. ClickHouse considers a mutation with a lower number done, so a later
    DELETE would silently delete nothing (seen with 26.9).
    """
    parts = database.query('SELECT DISTINCT table, partition_id FROM system.parts WHERE database = currentDatabase() AND active')
    for part in parts:
        for action in ('DETACH', 'ATTACH'):
            database.command(f"ALTER TABLE `{part['table']}` {action} PARTITION ID '{part['partition_id']}'")


def _location(database: ClickHouse, name: str) -> str:
    """The location of a backup in ClickHouse's SQL. Raises InputError."""
    if not database.address.embedded:
        if '(' not in name:
            raise InputError(f'{name}: not a location on the server', "use \"Disk('backups', 'usage')\" or \"File('usage')\"")
        return name
    if name.endswith('.zip'):
        raise InputError(f'{name}: the embedded engine does not write .zip files', 'name a directory or a .tar file')
    return f'File({quoted(str(Path(name).absolute()))})'
