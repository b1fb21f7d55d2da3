"""Backup and restore by ClickHouse's own statements, of everything that the database holds."""

import os
from pathlib import Path

from exporter.errors import InputError, SchemaError
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse
from exporter.store.url import DATABASE
from exporter.upkeep.forget import take_out_unfinished


def backup(database: ClickHouse, target: str) -> None:
    """Writes a backup. Nobody may store calls meanwhile: the tables would be of different moments.

    `target` is a directory or .tar file of the embedded engine, or where a server keeps it, as Disk('backups', 'usage').
    Raises InputError for what is no such place, EngineError.
    """
    place = _place(database, target)
    if database.address.embedded and Path(target).exists():
        raise InputError(f'{target}: already exists', 'choose another name')
    before = os.umask(0o077)  # it holds names of accounts: an embedded engine writes it for its owner only
    try:
        database.command(f'BACKUP DATABASE `{database.address.database}` AS `{DATABASE}` TO {place}')
    finally:
        os.umask(before)


def restore(database: ClickHouse, source: str) -> None:
    """Brings back what a backup holds, into a database in which there is nothing, and upgrades it to this version's schema.

    A batch that was being stored when the backup was made is taken out: the engine that restores it does not know it again, and
    would store it twice. Raises InputError for what is no backup, SchemaError where there is something, EngineError.
    """
    place = _place(database, source)
    if database.address.embedded and not Path(source).exists():
        raise InputError(f'{source}: no such backup', 'name a backup that usage-exporter backup wrote')
    if database.query('SELECT 1 FROM system.tables WHERE database = currentDatabase() LIMIT 1'):
        raise SchemaError(f'{database.address.shown}: the database is not empty', 'set USAGE_CLICKHOUSE_URL to an empty one')
    database.command(f'RESTORE DATABASE `{DATABASE}` AS `{database.address.database}` FROM {place}')
    _number_anew(database)
    schema.apply(database)  # the backup may be of an earlier version
    take_out_unfinished(database)


def _number_anew(database: ClickHouse) -> None:
    """Gives restored parts numbers of this table. They keep those of the changes that they had gone through, and ClickHouse takes
    a later change with a lower number for done: it would silently delete nothing (seen with 26.9).
    """
    parts = database.query('SELECT DISTINCT table, partition_id FROM system.parts WHERE database = currentDatabase() AND active')
    for part in parts:
        for change in ('DETACH', 'ATTACH'):
            database.command(f"ALTER TABLE `{part['table']}` {change} PARTITION ID '{part['partition_id']}'")


def _place(database: ClickHouse, given: str) -> str:
    if not database.address.embedded:
        if '(' not in given:
            raise InputError(f'{given}: not a location on the server', "use \"Disk('backups', 'usage')\" or \"File('usage')\"")
        return given
    if given.endswith('.zip'):
        raise InputError(f'{given}: the embedded engine does not write .zip files', 'name a directory or a .tar file')
    path = str(Path(given).absolute()).replace('\\', r'\\').replace("'", r'\'')
    return f"File('{path}')"
