"""The ledger: which batches were begun, which are done, and what became of their lines. It decides what counts once."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime

import xxhash

from exporter.errors import ConcurrentImport
from exporter.model.batch import Batch, Checkpoint, Entry
from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse, Row


class Ledger:
    """Reads and writes the table `batches`."""

    def __init__(self, database: ClickHouse, key_id: str, geo_date: date | None) -> None:
        self.database = database
        self.made_with = {'geo_date': geo_date, 'key_id': key_id}

    def begin(self, batch: Batch) -> None:
        """Notes that a batch is about to be stored. Raises EngineError.

        Raises ConcurrentImport if another batch holds some of its lines, and then notes nothing: the second one to begin gives
        way, or both do. The same batch may begin twice: it counts once.
        """
        self._add('begun', batch, {})
        if self._is_overlapped(batch):
            self.database.command(
                'ALTER TABLE batches DELETE WHERE domain = {domain:String} AND log = {log:String} AND batch_id = {id:String} '
                "AND state = 'begun' SETTINGS mutations_sync = 1",
                {'domain': batch.domain, 'log': batch.log, 'id': batch.id},
            )
            raise ConcurrentImport(
                f'{batch.origin}: another import of this log is under way', 'wait until it ends, then import the log again'
            )

    def done(self, batch: Batch, tally: Tally, first: datetime | None, last: datetime | None) -> None:
        """Notes that a batch is stored, and what became of it. Raises EngineError."""
        result = {
            'stored': tally.stored,
            'skipped': sum(tally.skipped.values()),
            'skipped_by_reason': tally.skipped,
            'rejected': tally.rejected,
        }
        times = {'first_timestamp': _text(first), 'last_timestamp': _text(last)}
        self._add('done', batch, result | times)

    def forget(self, batches: Collection[Batch]) -> None:
        """Notes, of all or none, that their calls were taken away; they may come again, as of another log. Raises EngineError."""
        if batches:
            rows = [self._row('forgotten', batch, {}) for batch in batches]
            ids = '\n'.join(batch.id for batch in batches).encode()
            self.database.insert_rows('batches', rows, token=f'{xxhash.xxh3_128_hexdigest(ids)} forgotten')

    def _add(self, state: str, batch: Batch, result: Mapping[str, object]) -> None:
        row = self._row(state, batch, result)
        # done counts once; a batch that gave way to another may begin a second time
        token = f'{batch.id} {state}' if state == 'done' else f'{batch.id} {state} {row["at"]}'
        self.database.insert_rows('batches', [row], token=token)

    def _row(self, state: str, batch: Batch, result: Mapping[str, object]) -> Row:
        return {
            'batch_id': batch.id,
            'state': state,
            'at': _text(datetime.now(UTC)),
            'domain': batch.domain,
            'source': batch.source,
            'origin': batch.origin,
            'log': batch.log,
            'start': batch.start,
            'end': batch.end,
            'checkpoints': [{'end': point.end, 'hash': point.hash} for point in batch.checkpoints],
            **result,
            **self.made_with,
        }

    def _is_overlapped(self, batch: Batch) -> bool:
        """Whether another batch of the log, begun or done, holds some of the same lines."""
        rows = self.database.query(
            """
            SELECT 1 FROM batches
            WHERE domain = {domain:String} AND log = {log:String} AND start < {end:UInt64} AND end > {start:UInt64}
            AND batch_id != {id:String}
            GROUP BY batch_id
            HAVING max(state) != 'forgotten'
            LIMIT 1
            """,
            {'domain': batch.domain, 'log': batch.log, 'start': batch.start, 'end': batch.end, 'id': batch.id},
        )
        return bool(rows)

    def is_done(self, batch: Batch) -> bool:
        """Whether a batch is stored. Raises EngineError."""
        rows = self.database.query(
            'SELECT 1 FROM batches WHERE domain = {domain:String} AND log = {log:String} AND start = {start:UInt64} '
            "AND batch_id = {id:String} AND state = 'done' LIMIT 1",
            {'domain': batch.domain, 'log': batch.log, 'start': batch.start, 'id': batch.id},
        )
        return bool(rows)

    def logs(self, domain: str) -> list[str]:
        """Every log of which there ever was a batch. Raises EngineError."""
        rows = self.database.query('SELECT DISTINCT log FROM batches WHERE domain = {domain:String}', {'domain': domain})
        return [row['log'] for row in rows]

    def new_log(self, domain: str, name: str) -> str:
        """A name that no log of the portal has had, also none that was taken back: `name`, or with ~1, ~2 … behind it."""
        return unused(name, self.logs(domain))

    def last_call(self, domain: str, origin: str) -> datetime | None:
        """Up to when at least the file of a name has been read: its last call that is stored. Raises EngineError."""
        [row] = self.database.query(
            """
            SELECT max(least(last_timestamp, at)) AS last FROM batches
            WHERE domain = {domain:String} AND origin = {origin:String} AND state = 'done' AND last_timestamp IS NOT NULL
            """,  # a call may be ahead of its time, if the portal's clock is
            {'domain': domain, 'origin': origin},
        )
        return row['last'].replace(tzinfo=UTC) if row['last'] else None

    def keys(self, domain: str) -> set[str]:
        """Which keys made the visitors of the calls that are stored. Raises EngineError."""
        rows = self.database.query(
            "SELECT DISTINCT key_id FROM batches WHERE domain = {domain:String} AND state = 'done'", {'domain': domain}
        )
        return {row['key_id'] for row in rows}

    def entries(self, domain: str, log: str) -> list[Entry]:
        """The batches of a log that are done or begun, in their order; not those that were taken back. Raises EngineError."""
        rows = self.database.query(
            """
            SELECT
                start, end, max(state) AS last, any(source) AS source, any(origin) AS origin, any(checkpoints.end) AS ends,
                any(checkpoints.hash) AS hashes, max(stored) AS stored, maxMap(skipped_by_reason) AS skipped,
                maxMap(rejected) AS rejected
            FROM batches
            WHERE domain = {domain:String} AND log = {log:String}
            GROUP BY start, end
            HAVING last != 'forgotten'
            ORDER BY start
            """,
            {'domain': domain, 'log': log},
        )
        return [
            Entry(
                Batch(
                    domain, row['source'], log, row['start'], row['end'], row['origin'],
                    tuple(map(Checkpoint, row['ends'], row['hashes'])),
                ),
                Tally(row['stored'], row['skipped'], row['rejected']) if row['last'] == 'done' else None,
            )
            for row in rows
        ]  # fmt: skip


def unused(name: str, taken: Iterable[str]) -> str:
    """A name of a log that is not taken: `name`, or with ~1, ~2 … behind it."""
    others = sum(log.partition('~')[0] == name for log in taken)
    return f'{name}~{others}' if others else name


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S.%f')[:-3] if moment else None
