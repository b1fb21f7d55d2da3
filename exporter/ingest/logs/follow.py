"""Follows logs through rotation of any kind, and puts what is new in them into the spool."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from exporter.config import Follow
from exporter.enrich.enrichment import Enrichment
from exporter.errors import EngineError, ExporterError, InputError
from exporter.ingest.logs.faults import Faults
from exporter.ingest.logs.followed import DAY, Entry, Followed
from exporter.ingest.logs.foreign import NoLog
from exporter.ingest.logs.history import WithSpool
from exporter.ingest.logs.log_file import shown
from exporter.ingest.logs.notes import Notes
from exporter.ingest.logs.open_logs import OpenLogs
from exporter.ingest.logs.tail import Replaced, Tail
from exporter.model.tally import Tally
from exporter.spool.spool import Spool
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore

SLICE = 2.0  # seconds after which a poll takes no other batch: it must not keep the program from ending
GRACE = 60  # seconds without a file that are normal while a log is rotated
ABSENT = 5  # seconds without a file after which it is missing, where no rotated log tells of a rotation
TICK = 2  # seconds by which the clocks of files may differ


class Follower:
    """The logs that are followed, each from where the ledger and the spool say that it is read to.

    `ledger` connects to the engine or raises EngineError; `say` takes a line for the operator: what is wrong is said once. For
    one thread.
    """

    def __init__(
        self,
        follow: Sequence[Follow],
        enrichment: Callable[[str], Enrichment],
        ledger: Callable[[], Ledger],
        spool: Spool,
        rejected: RejectStore,
        say: Callable[[str], None],
    ) -> None:
        self.enrichments = {domain: enrichment(domain) for domain in sorted({settings.domain for settings in follow})}
        self.ledger, self.spool, self.rejected = ledger, spool, rejected
        self.started = time.time()
        self.notes = Notes(spool.directory / 'followed.json')
        self.entries = [Entry(settings, self.notes.get(settings.domain, settings.path) is not None) for settings in follow]
        self.coming = list[Followed]()  # those of which it is not known yet how far they are read
        self.followed = list[Followed]()
        self.written = Counter[str]()
        self.said = Faults(say)
        self.missing = dict[Entry, str]()  # the entries that lead to no file, and why
        self.logs = OpenLogs(self.enrichments, self.written, self.said)
        self.tails = self.logs.tails
        self.lag = Counter[str]()  # bytes of each open log that were not read yet, as of the last poll

    @property
    def readable(self) -> dict[str, bool]:
        """Of each path of the settings, whether all its logs can be read, as of the last poll."""
        wrong, refused = self.said.said, self.logs.refused
        ill = {followed.entry for followed in list(self.followed) if followed.path in wrong or followed in refused}
        return {shown(entry.settings.path): entry.settings.path not in wrong and entry not in ill for entry in self.entries}

    @property
    def faults(self) -> list[str]:
        """What is wrong, as of the last poll."""
        return [*self.said.said.values(), *self.logs.refused.values()]

    def poll(self) -> None:
        """Takes what is new, for some SLICE seconds. What is wrong with a log, the engine or the disk is said, not raised."""
        now, end = time.time(), time.monotonic() + SLICE
        self.away: EngineError | None = None
        for batch in self.spool.given_up():
            self.written[f'{batch.domain}/{batch.log}'] += 1  # by somebody else: what is stored is asked again
            self.logs.rested.clear()
        for entry in self.entries:
            self.coming += entry.new(now)
        self._begin()
        behind = set[Followed]()
        self.logs.find(self.followed, now, end, behind)
        self._say_absent(now)
        try:
            self._read(now, end, behind)
            self._note(now, behind)
            self.said.over('spool')
        except (ExporterError, OSError) as error:  # of the spool, or of the rejects
            self.said.wrong('spool', error)
        if not self.away:
            self.said.over('engine')
        self.logs.rest(now)
        self.followed = [followed for followed in self.followed if followed.path in followed.entry.names]
        self.said.keep({'spool', 'engine', *(entry.settings.path for entry in self.entries)})
        self.lag = Counter()
        for tail, _ in self.tails.values():
            if tail.file.grows:
                self.lag[tail.file.name] += max(0, tail.size - (tail.position or 0))

    def close(self) -> None:
        """Closes all files. What was not taken is taken after the next start."""
        for tail, _ in self.tails.values():
            tail.close()

    def _begin(self) -> None:
        """Starts with logs where an earlier process ended."""
        for followed in list(self.coming):
            path, domain = shown(followed.path), followed.entry.settings.domain
            if note := self.notes.get(domain, followed.path):
                followed.resume(note)
            else:
                waits = any((batch.domain, batch.origin) == (domain, path) for batch, _ in self.spool.waiting())
                try:
                    last = self.ledger().last_call(domain, path)
                except EngineError as error:
                    self._engine_is_away(error)
                    return
                followed.read_until = last.timestamp() if last else self.started - DAY if waits else self.started
                followed.floor = followed.read_until
            self.coming.remove(followed)
            self.followed.append(followed)

    def _say_absent(self, now: float) -> None:
        """Says which entries lead to no file, and which do again. During a rotation that is normal for a moment."""
        for entry in self.entries:
            path = entry.settings.path
            if entry.absent is None:
                if self.missing.pop(entry, None) == self.said.said.get(path, ''):
                    self.said.well(path)
            elif not entry.seen or now - entry.absent >= (GRACE if self.logs.is_rotated(entry) else ABSENT):
                self.missing[entry] = str(entry.absence)
                self.said.wrong(path, entry.absence)

    def _read(self, now: float, end: float, behind: set[Followed]) -> None:
        """Takes a batch of each log in turn until there is none, it is time, or half of the spool is full: the other half is for
        requests, which have no other place to wait in. Raises what is wrong with all logs."""
        waiting = list(self.tails.values())
        while waiting and time.monotonic() < end and 2 * self.spool.balance.bytes < self.spool.most_bytes:
            tail, followed = waiting.pop(0)
            self.tails[tail.file_id] = self.tails.pop(tail.file_id)  # behind the others
            ending = self.logs.is_ending(tail, now)
            try:
                if tail.step(self._history, self.rejected, self.spool.put, ending):
                    waiting.append((tail, followed))
                    if ending:
                        self._say_ended(tail)
                if followed.file_id == tail.file_id or followed.path != tail.path:  # else another file has the name, or none
                    self.said.well(tail.path)
                continue
            except Replaced:
                self.logs.close(tail)
            except EngineError as error:
                self._engine_is_away(error)
            except InputError as error:
                self.said.wrong(tail.path, error)
                self.logs.close(tail, 2 * tail.size if isinstance(error, NoLog) else 0)
            behind.add(followed)
        behind.update(followed for _, followed in waiting)

    def _say_ended(self, tail: Tail) -> None:
        tally = tail.taken or Tally()
        became = 'stored' if tally.stored else 'skipped' if tally.skipped else f'rejected ({", ".join(tally.rejected)})'
        self.said.say(
            f'{tail.file.name}: the last line has no newline and is {became}, because nothing writes to this log any more'
        )

    def _note(self, now: float, behind: set[Followed]) -> None:
        """Notes until when the logs are read. Raises OSError."""
        unended = dict[Followed, float]()
        for tail, followed in self.tails.values():
            if tail.left:
                unended[followed] = min(tail.modified, unended.get(followed, now))
        for followed in self.followed:
            if followed not in behind:
                followed.read_until = unended.get(followed, now) - TICK
        self.notes.keep({(one.entry.settings.domain, one.path): one.note() for one in self.followed}, now)

    def _history(self) -> WithSpool:
        if self.away:
            raise self.away
        return WithSpool(self.spool.waiting(), self.ledger())

    def _engine_is_away(self, error: EngineError) -> None:
        self.away = error
        self.said.wrong('engine', error)
