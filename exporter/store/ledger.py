"""The ledger: records which batches were begun, which are done, and the tallies of their lines."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

import xxhash

from exporter.errors import ConcurrentImport
from exporter.model import counting_rules
from exporter.model.batch import Batch, Checkpoint, Entry, Log
from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse, Row


class Provenance(NamedTuple):
    """What the rows of the ledger record of how calls were read."""

    key_id: str  # of the visitor secret
    geo_date: date | None  # of the geolocation data
    rules: int  # the version of the counting rules


class StoredHour(NamedTuple):
    """A pulled hour that has batches."""

    is_stored: bool  # False if a batch is begun and not done, or if all are forgotten
    tally: Tally  # of the batches that are done
    next_revision: int
    revisions: tuple[int, ...]  # of the batches that are done or begun
    begun: datetime | None = None  # when the last batch that is not done began, UTC


class Ledger:
    """Reads and writes the table `batches`. The thread that owns `database` may call it.

    The rows that it writes record `key_id`, of the visitor secret, `geo_date`, of the geolocation data, and `rules`, the version
    of the counting rules.
    """

    def __init__(
        self, database: ClickHouse, key_id: str = '', geo_date: date | None = None, rules: int = counting_rules.VERSION
    ) -> None:
        self.database = database
        self.provenance = Provenance(key_id, geo_date, rules)

    def begin(self, batch: Batch) -> None:
        """Records that a batch is about to be stored. Raises EngineError.

        Raises ConcurrentImport, and records nothing, if another batch holds some of its lines: at most one of two overlapping
        batches goes on. A batch that begins again is not counted twice.
        """
        self._add('begun', batch, {})
        if self._is_overlapped(batch):
            self.database.delete(
                'batches',
                "domain = {domain:String} AND log = {log:String} AND batch_id = {id:String} AND state = 'begun'",
                {'domain': batch.domain, 'log': batch.log, 'id': batch.id},
            )
            raise ConcurrentImport(
                f'{batch.origin}: another import of this log is under way', 'wait until it ends, then import the log again'
            )

    def done(self, batch: Batch, tally: Tally, first: datetime | None, last: datetime | None) -> None:
        """Records that a batch is stored, its tally, and the times of its first and last call. Raises EngineError."""
        self._add('done', batch, _result(tally, first, last))

    def begin_hours(self, batches: Sequence[Batch]) -> None:
        """Records at once that pulled hours are about to be stored. Raises EngineError."""
        rows = [self._row('begun', batch, {}) for batch in batches]
        self.database.insert_rows('batches', rows, token=f'{_digest(batches)} begun {rows[0]["at"]}')

    def hours_done(self, results: Sequence[tuple[Batch, Tally, datetime | None, datetime | None]]) -> None:
        """Records at once that pulled hours are stored, as `done` does for a batch. Raises EngineError."""
        rows = [self._row('done', batch, _result(tally, first, last)) for batch, tally, first, last in results]
        self.database.insert_rows('batches', rows, token=f'{_digest([batch for batch, *_ in results])} done')

    def forget(self, batches: Collection[Batch]) -> None:
        """Records, for all batches at once, that their calls were deleted. Raises EngineError."""
        if batches:
            rows = [self._row('forgotten', batch, {}) for batch in batches]
            self.database.insert_rows('batches', rows, token=f'{_digest(batches)} forgotten')

    def discard(self, batches: Collection[Batch]) -> None:
        """Records that batches without calls do not count, and deletes their tallies: the rows `done` count each line once.

        Raises EngineError.
        """
        self.forget(batches)
        for domain, log in {(batch.domain, batch.log) for batch in batches}:
            ids = [batch.id for batch in batches if (batch.domain, batch.log) == (domain, log)]
            self.database.delete(
                'batches',
                "domain = {domain:String} AND log = {log:String} AND batch_id IN {ids:Array(String)} AND state != 'forgotten'",
                {'domain': domain, 'log': log, 'ids': ids},
            )

    def _add(self, state: str, batch: Batch, result: Mapping[str, object]) -> None:
        row = self._row(state, batch, result)
        # `done` is stored once; a batch that gave way to another may begin again
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
            'head': batch.head
            or None,  # null: the database takes it from the name, as for batches that an earlier version spooled
            'head_bytes': batch.head_bytes or None,
            'attempt': batch.attempt or None,
            'retried_log': batch.retried_log or None,
            'revision': batch.revision,
            'format': batch.format,
            'hosts': list(batch.hosts),
            'start': batch.start,
            'end': batch.end,
            'checkpoints': [{'end': point.end, 'hash': point.hash} for point in batch.checkpoints],
            **result,
            **self.provenance._asdict(),
        }

    def _is_overlapped(self, batch: Batch) -> bool:
        """Whether another batch of the log, begun or done, overlaps this one."""
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
        """Whether a batch is stored, or was forgotten before that. Raises EngineError."""
        rows = self.database.query(
            'SELECT 1 FROM batches WHERE domain = {domain:String} AND log = {log:String} AND start = {start:UInt64} '
            "AND batch_id = {id:String} AND state != 'begun' LIMIT 1",
            {'domain': batch.domain, 'log': batch.log, 'start': batch.start, 'id': batch.id},
        )
        return bool(rows)

    def unfinished(self) -> list[Row]:
        """The batches that are neither done nor forgotten: `domain`, `log`, `batch_id`, `origin`, `begun` (UTC).

        Raises EngineError.
        """
        return self.database.query(
            """
            SELECT domain, log, batch_id, if(any(origin) = '', any(source), any(origin)) AS origin, max(at) AS begun
            FROM batches
            GROUP BY domain, log, batch_id
            HAVING max(state) = 'begun'
            ORDER BY domain, origin
            """
        )

    def done_batch(self, domain: str, batch_id: str) -> Batch | None:
        """Returns the batch with this identity if it is stored, without its checkpoints. Raises EngineError."""
        rows = self.database.query(
            """
            SELECT domain, source, log, start, end, origin, format, revision FROM batches
            WHERE domain = {domain:String} AND batch_id = {id:String} AND state = 'done' LIMIT 1
            """,
            {'domain': domain, 'id': batch_id},
        )
        return Batch(**rows[0]) if rows else None

    def logs(self, domain: str) -> list[Log]:
        """Returns every log that ever had a batch, also a forgotten one. Raises EngineError."""
        return [log for _, log in self._logs('domain = {domain:String}', {'domain': domain})]

    def hours(self, domain: str, log: str, first: int, last: int) -> dict[int, StoredHour]:
        """Returns the pulled hours that begin in [first, last), in Unix seconds, by their start. Raises EngineError."""
        rows = self.database.query(
            """
            SELECT
                start, max(revision) AS last_revision, groupArrayIf(revision, last_state != 'forgotten') AS revisions,
                maxOrNullIf(began, last_state = 'begun') AS begun,
                sumIf(calls, last_state = 'done') AS stored, sumMapIf(skipped_lines, last_state = 'done') AS skipped,
                sumMapIf(rejected_lines, last_state = 'done') AS rejected, sumIf(hidden, last_state = 'done') AS hidden_addresses
            FROM (
                SELECT
                    start, revision, max(state) AS last_state, max(at) AS began, max(stored) AS calls,
                    maxMap(skipped_by_reason) AS skipped_lines, maxMap(rejected) AS rejected_lines,
                    max(hidden_addresses) AS hidden
                FROM batches
                WHERE domain = {domain:String} AND log = {log:String} AND start >= {first:UInt64} AND start < {last:UInt64}
                GROUP BY start, revision
            )
            GROUP BY start
            """,
            {'domain': domain, 'log': log, 'first': first, 'last': last},
        )
        return {
            row['start']: StoredHour(
                bool(row['revisions']) and row['begun'] is None,
                Tally(row['stored'], row['skipped'], row['rejected'], row['hidden_addresses']),
                row['last_revision'] + 1,
                tuple(sorted(row['revisions'])),
                row['begun'].replace(tzinfo=UTC) if row['begun'] else None,
            )
            for row in rows
        }

    def origins(self, domain: str, log: str) -> set[str]:
        """Returns where the stored batches of a log came from. Raises EngineError."""
        rows = self.database.query(
            """
            SELECT DISTINCT origin FROM (
                SELECT any(origin) AS origin FROM batches WHERE domain = {domain:String} AND log = {log:String}
                GROUP BY batch_id HAVING max(state) = 'done'
            )
            """,
            {'domain': domain, 'log': log},
        )
        return {row['origin'] for row in rows}

    def logs_of_portals(self) -> list[tuple[str, Log]]:
        """Returns the portal and the log of all logs of files, as `logs` does. Raises EngineError."""
        return self._logs('head_bytes > 0', {})

    def _logs(self, where: str, parameters: Mapping[str, str]) -> list[tuple[str, Log]]:
        rows = self.database.query(
            f'SELECT DISTINCT domain, log AS name, head, head_bytes, attempt, retried_log, hosts FROM batches WHERE {where}',
            parameters,
        )
        return [(row.pop('domain'), Log(**row | {'hosts': tuple(row['hosts'])})) for row in rows]

    def last_call(self, domains: Collection[str], origin: str) -> datetime | None:
        """Returns the time of the last stored call of the file `origin` of these portals, UTC, or None. Raises EngineError."""
        [row] = self.database.query(
            """
            SELECT max(least(last_timestamp, at)) AS last FROM batches
            WHERE domain IN {domains:Array(String)} AND origin = {origin:String} AND state = 'done'
            AND last_timestamp IS NOT NULL
            """,  # least(): a portal's clock may be ahead
            {'domains': list(domains), 'origin': origin},
        )
        return row['last'].replace(tzinfo=UTC) if row['last'] else None

    def hidden_addresses(self, domain: str) -> int:
        """Returns how many stored anonymous calls have no whole address. Raises EngineError."""
        [row] = self.database.query(
            """
            SELECT sum(hidden) AS calls
            FROM (
                SELECT max(hidden_addresses) AS hidden FROM batches WHERE domain = {domain:String}
                GROUP BY batch_id HAVING max(state) = 'done'
            )
            """,
            {'domain': domain},
        )
        return int(row['calls'])

    def key_ids(self, domain: str) -> set[str]:
        """Returns the ids of the visitor secrets used for the stored calls. Raises EngineError."""
        rows = self.database.query(
            "SELECT DISTINCT key_id FROM batches WHERE domain = {domain:String} AND state = 'done'", {'domain': domain}
        )
        return {row['key_id'] for row in rows}

    def last_key_id(self, key_ids: Collection[str]) -> str:
        """Returns which of these ids the last batch has that has one of them, on any portal; else ''. Raises EngineError."""
        rows = self.database.query(
            "SELECT key_id FROM batches WHERE state = 'done' AND key_id IN {ids:Array(String)} ORDER BY at DESC LIMIT 1",
            {'ids': list(key_ids)},
        )
        return str(rows[0]['key_id']) if rows else ''

    def counted_by(self, domain: str, since: date, timezone: str) -> list[Row]:
        """Returns the versions that counted the stored calls, the earliest first: `rules`, `first_day`, `last_day`.

        Leaves out batches whose calls are all before `since`. Days are those of `timezone`. Raises EngineError.
        """
        return self.database.query(
            """
            SELECT
                counted_by AS rules,
                toDate(toTimeZone(min(first_call), {zone:String})) AS first_day,
                toDate(toTimeZone(max(last_call), {zone:String})) AS last_day
            FROM (
                SELECT
                    argMax(rules, state) AS counted_by,
                    assumeNotNull(max(first_timestamp)) AS first_call,
                    assumeNotNull(max(last_timestamp)) AS last_call
                FROM batches
                WHERE domain = {domain:String}
                GROUP BY batch_id
                HAVING max(state) = 'done' AND max(stored) > 0
            )
            WHERE toDate(toTimeZone(last_call, {zone:String})) >= {since:Date}
            GROUP BY counted_by
            ORDER BY counted_by
            """,
            {'domain': domain, 'since': since, 'zone': timezone},
        )

    def entries(self, domain: str, log: str) -> list[Entry]:
        """Returns the batches of a log that are done or begun, by their start, without forgotten ones. Raises EngineError."""
        rows = self.database.query(
            """
            SELECT
                start, end, revision, max(state) AS last, any(head) AS head, any(head_bytes) AS head_bytes,
                any(attempt) AS attempt, any(retried_log) AS retried_log, any(format) AS format, any(hosts) AS hosts,
                any(source) AS source, any(origin) AS origin, any(checkpoints.end) AS ends, any(checkpoints.hash) AS hashes,
                max(stored) AS stored, maxMap(skipped_by_reason) AS skipped, maxMap(rejected) AS rejected,
                max(hidden_addresses) AS hidden
            FROM batches
            WHERE domain = {domain:String} AND log = {log:String}
            GROUP BY start, end, revision
            HAVING last != 'forgotten'
            ORDER BY start
            """,
            {'domain': domain, 'log': log},
        )
        return [
            Entry(
                Batch(
                    domain, row['source'], log, row['start'], row['end'], row['origin'],
                    tuple(map(Checkpoint, row['ends'], row['hashes'])), row['head'], row['head_bytes'], row['attempt'],
                    row['retried_log'], row['format'], tuple(row['hosts']), row['revision'],
                ),
                Tally(row['stored'], row['skipped'], row['rejected'], row['hidden']) if row['last'] == 'done' else None,
            )
            for row in rows
        ]  # fmt: skip


def _result(tally: Tally, first: datetime | None, last: datetime | None) -> Row:
    return {
        'stored': tally.stored,
        'skipped': sum(tally.skipped.values()),
        'skipped_by_reason': tally.skipped,
        'rejected': tally.rejected,
        'hidden_addresses': tally.hidden_addresses,
        'first_timestamp': _text(first),
        'last_timestamp': _text(last),
    }


def _digest(batches: Collection[Batch]) -> str:
    return xxhash.xxh3_128_hexdigest('\n'.join(batch.id for batch in batches).encode())


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S.%f')[:-3] if moment else None
