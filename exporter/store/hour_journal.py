"""The journal of pulled hours: what is about to be stored is on the disk first, so that a kill leaves nothing half-stored.

A portal has at most one entry, in two files of the data directory: the calls, as a block in the Native format, then a header.
Each step of `finish` can be repeated. The program finishes interrupted entries whenever it opens the database.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import msgspec

from exporter.errors import EngineError, ExporterError, InputError
from exporter.model.batch import Batch
from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger, Provenance
from exporter.store.rollups import delete, of_batches, refuse_unfinished, repair
from exporter.system.files import hold, write
from exporter.system.locks import nobody_storing, pulling_lock, storing


class StoredHour(msgspec.Struct, frozen=True):
    """A batch with its tally, and the times of its first and last call."""

    batch: Batch
    tally: Tally
    first: datetime | None
    last: datetime | None


class Header(msgspec.Struct, frozen=True):
    """The metadata of an entry. `replaced` are the batches whose calls the new ones replace; `columns` are those of the block."""

    database: str  # an entry belongs to one database: the setting may change
    hours: tuple[StoredHour, ...]
    replaced: tuple[Batch, ...]
    columns: tuple[str, ...]  # empty if there are no calls
    provenance: Provenance

    @property
    def domain(self) -> str:
        """The portal."""
        return self.hours[0].batch.domain

    @property
    def batches(self) -> list[Batch]:
        """The new batches."""
        return [hour.batch for hour in self.hours]


def store_durably(
    ledger: Ledger, data_dir: Path, hours: Sequence[StoredHour], replaced: Sequence[Batch], columns: Sequence[str],
    block: Iterable[bytes | memoryview],
) -> None:  # fmt: skip
    """Stores the calls of hours of one portal, whose pulling lock the caller holds; then deletes those of `replaced`.

    Raises InputError if something has to be replaced while another batch of the portal is unfinished, EngineError, OSError.
    """
    header = Header(_name(ledger.database), tuple(hours), tuple(replaced), tuple(columns), ledger.provenance)
    with _lock(header, data_dir):
        if replaced:
            _refuse_unfinished(ledger.database, header)
        path = _path(data_dir, header.domain)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with _calls(path).open('wb') as file:
            file.writelines(block)
            file.flush()
            os.fsync(file.fileno())
        write(path, msgspec.json.encode(header))
        _finish(ledger, path, header)


def finish(database: ClickHouse, data_dir: Path, domain: str) -> None:
    """Finishes the interrupted entry of a portal, whose pulling lock the caller holds, if there is one for this database.

    Raises InputError if something has to be replaced while another batch of the portal is unfinished, EngineError, OSError.
    """
    path = _path(data_dir, domain)
    if not path.exists():
        return
    try:
        header = msgspec.json.decode(path.read_bytes(), type=Header)
    except msgspec.MsgspecError as error:
        raise InputError(f'{path}: written by another version', 'remove it, then pull again') from error
    if header.database != _name(database):
        return
    ledger = Ledger(database, *header.provenance)
    with _lock(header, data_dir):
        if ledger.is_done(header.batches[0]):  # or forgotten; the hours of an entry are recorded at once
            _remove(path)
            return
        if header.replaced:
            _refuse_unfinished(database, header)
        _finish(ledger, path, header)


def finish_all(database: ClickHouse, data_dir: Path, warn: Callable[[str], None]) -> None:
    """Finishes the interrupted entries of all portals, except those that a running pull will finish.

    An error does not keep anybody from the other calls: `warn` takes it in one line.
    """
    for path in (data_dir / 'pulled').glob('*.json'):
        try:
            lock = hold(pulling_lock(data_dir, path.stem))
            try:
                finish(database, data_dir, path.stem)
            finally:
                os.close(lock)
        except BlockingIOError:
            continue
        except (ExporterError, OSError) as error:
            warn(f'{path.stem}: some pulled hours are only half-stored: {error}')


def _finish(ledger: Ledger, path: Path, header: Header) -> None:
    """Stores the new calls before it deletes the old ones: while it cannot store them, the old ones count."""
    database, replaced = ledger.database, header.replaced
    ledger.begin_hours(header.batches)
    if header.columns:
        token = f'{header.batches[0].id} to {header.batches[-1].id}'
        try:
            database.insert_file('calls', list(header.columns), _calls(path), token)
        except EngineError as error:
            if error.code is not None:  # the engine refuses the calls: the next pull asks the workspace again
                _remove(path)
            raise
    if replaced:
        delete(database, 'calls', of_batches(header.domain, [batch.id for batch in replaced]))
        repair(database, header.domain)
        ledger.forget(replaced)
    ledger.hours_done([(hour.batch, hour.tally, hour.first, hour.last) for hour in header.hours])
    _remove(path)


def _refuse_unfinished(database: ClickHouse, header: Header) -> None:
    own = {batch.id for batch in (*header.batches, *header.replaced)}
    refuse_unfinished(database, header.domain, own, header.batches[0].log)  # those of this log are never inserted again


def _lock(header: Header, data_dir: Path) -> AbstractContextManager[None]:
    return nobody_storing(data_dir) if header.replaced else storing(data_dir)


def _path(data_dir: Path, domain: str) -> Path:
    return data_dir / 'pulled' / f'{domain}.json'


def _calls(path: Path) -> Path:
    return path.with_suffix('.native')


def _remove(path: Path) -> None:
    path.unlink()
    _calls(path).unlink()


def _name(database: ClickHouse) -> str:
    return f'{database.address.shown} {database.address.database}'
