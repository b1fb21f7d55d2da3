"""Follows logs through any kind of rotation and puts their new lines into the spool."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from exporter.config import Follow, Memory
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.hosts import Hosts
from exporter.errors import EngineError, ExporterError, InputError
from exporter.ingest.logs.division import Division
from exporter.ingest.logs.faults import Faults
from exporter.ingest.logs.followed import DAY, Entry, Followed
from exporter.ingest.logs.foreign import NoLog
from exporter.ingest.logs.history import WithSpool
from exporter.ingest.logs.log_file import shown
from exporter.ingest.logs.notes import Notes
from exporter.ingest.logs.open_logs import OpenLogs
from exporter.ingest.logs.tail import Replaced, Tail
from exporter.spool.spool import Spool
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore

SLICE = 2.0  # seconds after which a poll starts no new batch, so that the program can end
GRACE = 60  # seconds without a file before a log is missing, during a rotation
ABSENT = 5  # seconds without a file before a log is missing, if there is no rotated log
TICK = 2  # seconds by which file timestamps may differ


class Follower:
    """Follows logs, each from the position that the ledger and the spool give.

    `ledger` connects to the engine or raises EngineError; `log` takes a line for the operator, once for each fault; `hosts` are
    those of the portals in the logs of several, and `memory` is the setting.
    Threads: one thread calls `poll` and `close`; any thread may read `readable`, `faults` and `lag`.
    """

    def __init__(
        self,
        follow: Sequence[Follow],
        enrichment: Callable[[str], Enrichment],
        ledger: Callable[[], Ledger],
        spool: Spool,
        rejected: RejectStore,
        log: Callable[[str], None],
        hosts: Hosts,
        memory: Memory = 'normal',
    ) -> None:
        self.hosts = hosts
        domains = {domain for settings in follow for domain in self._domains(settings.domain)}
        self.enrichments = {domain: enrichment(domain) for domain in sorted(domains)}
        self.ledger, self.spool, self.rejected = ledger, spool, rejected
        self.started = time.time()
        self.notes = Notes(spool.directory / 'followed.json')
        self.entries = [Entry(settings, self.notes.get(settings.domain, settings.path) is not None) for settings in follow]
        self.unstarted = list[Followed]()  # logs whose position is not known yet
        self.followed = list[Followed]()
        self.written = Counter[str]()
        self.fault_log = Faults(log)
        self.missing = dict[Entry, str]()  # entries without a file, and the error of each
        self.logs = OpenLogs(self.enrichments, hosts, self.written, self.fault_log, memory)
        self.tails = self.logs.tails
        self.lag = Counter[str]()  # unread bytes of each open log, at the last poll

    @property
    def readable(self) -> dict[str, bool]:
        """Whether all logs of each path of the settings could be read at the last poll."""
        messages, refused = self.fault_log.messages, self.logs.refused
        faulty = {followed.entry for followed in list(self.followed) if followed.path in messages or followed in refused}
        return {shown(entry.settings.path): entry.settings.path not in messages and entry not in faulty for entry in self.entries}

    @property
    def faults(self) -> list[str]:
        """The faults of the last poll."""
        return [*self.fault_log.messages.values(), *self.logs.refused.values()]

    def poll(self) -> None:
        """Takes new lines for about SLICE seconds. Faults of a log, the engine or the disk are logged, not raised."""
        now, end = time.time(), time.monotonic() + SLICE
        self.engine_error: EngineError | None = None
        for batch in self.spool.given_up():
            self.written[f'{batch.domain}/{batch.log}'] += 1  # another process stores it: ask the ledger again
            self.logs.closed.clear()
        for entry in self.entries:
            self.unstarted += entry.new_logs(now)
        self._start_logs()
        unread = set[Followed]()
        self.logs.open_new(self.followed, now, end, unread)
        self._report_missing(now)
        try:
            self._read(now, end, unread)
            self._warn()
            self._note(now, unread)
            self.fault_log.forget('spool')
        except (ExporterError, OSError) as error:  # of the spool or of the rejects
            self.fault_log.report('spool', error)
        if not self.engine_error:
            self.fault_log.forget('engine')
        self.logs.close_quiet(now)
        self.followed = [followed for followed in self.followed if followed.path in followed.entry.names]
        self.fault_log.prune({'spool', 'engine', *(entry.settings.path for entry in self.entries)})
        self.lag = Counter()
        for tail, _ in self.tails.values():
            if tail.file.grows:
                self.lag[tail.file.name] += max(0, tail.size - tail.position)

    def close(self) -> None:
        """Closes all files. Lines that were not taken are taken after the next start."""
        for tail, _ in self.tails.values():
            tail.close()

    def _start_logs(self) -> None:
        """Starts new logs at the point where an earlier process ended."""
        for followed in list(self.unstarted):
            path, domain = shown(followed.path), followed.entry.settings.domain
            domains = self._domains(domain)
            if note := self.notes.get(domain, followed.path):
                followed.resume(note)
            else:
                is_waiting = any(batch.domain in domains and batch.origin == path for batch, _ in self.spool.waiting())
                try:
                    last = self.ledger().last_call(domains, path)
                except EngineError as error:
                    self._report_engine(error)
                    return
                followed.read_until = last.timestamp() if last else self.started - DAY if is_waiting else self.started
                followed.floor = followed.read_until
            self.unstarted.remove(followed)
            self.followed.append(followed)

    def _domains(self, domain: str) -> list[str]:
        return Division(domain, self.hosts).domains

    def _report_missing(self, now: float) -> None:
        """Logs which entries have no file, and which have one again. During a rotation a file may be missing for a moment."""
        for entry in self.entries:
            path = entry.settings.path
            if entry.missing_since is None:
                if self.missing.pop(entry, None) == self.fault_log.messages.get(path, ''):
                    self.fault_log.resolve(path)
            elif not entry.ever_found or now - entry.missing_since >= (GRACE if self.logs.is_rotated(entry) else ABSENT):
                self.missing[entry] = str(entry.missing_error)
                self.fault_log.report(path, entry.missing_error)

    def _read(self, now: float, end: float, unread: set[Followed]) -> None:
        """Takes a batch of each log in turn until nothing is new, the time is up, or the spool is half full.

        The other half is for requests, which have no other place to wait. Raises the errors of the spool and of the rejects.
        """
        waiting = list(self.tails.values())
        while waiting and time.monotonic() < end and 2 * self.spool.balance.bytes < self.spool.most_bytes:
            tail, followed = waiting.pop(0)
            self.tails[tail.file_id] = self.tails.pop(tail.file_id)  # moves it to the end
            is_ending = self.logs.is_ending(tail, now)
            try:
                if tail.step(self._history, self.rejected, self.spool.put, is_ending):
                    waiting.append((tail, followed))
                    if is_ending:
                        self._report_last_line(tail)
                if followed.file_id == tail.file_id or followed.path != tail.path:  # otherwise another file has the name, or none
                    self.fault_log.resolve(tail.path)
                continue
            except Replaced:
                self.logs.close(tail)
            except EngineError as error:
                self._report_engine(error)
            except InputError as error:
                self.fault_log.report(tail.path, error)
                self.logs.close(tail, 2 * tail.size if isinstance(error, NoLog) else 0)
            unread.add(followed)
        unread.update(followed for _, followed in waiting)

    def _warn(self) -> None:
        """Logs, once, that the logs of a portal seem to have proxies in the place of callers, or lack a field with accounts."""
        for domain, enrichment in self.enrichments.items():
            for warning in filter(None, (enrichment.caller_sample.warning(), enrichment.field_sample.warning())):
                self.fault_log.log(f'{domain}: {warning}')

    def _report_last_line(self, tail: Tail) -> None:
        tally = tail.last_tally
        outcome = 'stored' if tally.stored else 'skipped' if tally.skipped else f'rejected ({", ".join(tally.rejected)})'
        self.fault_log.log(
            f'{tail.file.name}: the last line is incomplete and is {outcome}, because nothing writes to this log any more'
        )

    def _note(self, now: float, unread: set[Followed]) -> None:
        """Notes the time until which each log is read. Raises OSError."""
        modified = dict[Followed, float]()
        for tail, followed in self.tails.values():
            if tail.left:
                modified[followed] = min(tail.modified, modified.get(followed, now))
        for followed in self.followed:
            if followed not in unread:
                followed.read_until = modified.get(followed, now) - TICK
        self.notes.keep({(log.entry.settings.domain, log.path): log.note() for log in self.followed}, now)

    def _history(self) -> WithSpool:
        if self.engine_error:
            raise self.engine_error
        return WithSpool(self.spool.waiting(), self.ledger())

    def _report_engine(self, error: EngineError) -> None:
        self.engine_error = error
        self.fault_log.report('engine', error)
