"""Follows logs through rotation of any kind, and puts what is new in them into the spool."""

import glob
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from exporter.config import Follow
from exporter.enrich.enrichment import Enrichment
from exporter.errors import EngineError, ExporterError, InputError
from exporter.ledger import Ledger
from exporter.rejected import Rejected
from exporter.sources.followed import Fitting, Followed
from exporter.sources.foreign import NoLog
from exporter.sources.history import WithSpool
from exporter.sources.log_file import is_packed, shown
from exporter.sources.tail import Key, Replaced, State, Tail, key, state
from exporter.spool import Spool

SLICE = 2.0  # seconds after which a poll takes no other batch: it must not keep the program from ending
QUIET = 600  # seconds without a change after which a log that was rotated away is closed
DAY = 86_400  # seconds that one looks back for rotated logs where nothing is stored yet, but something is in the spool
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
        rejected: Rejected,
        say: Callable[[str], None],
    ) -> None:
        self.enrichments = {domain: enrichment(domain) for domain in sorted({settings.domain for settings in follow})}
        self.ledger, self.spool, self.rejected, self.say = ledger, spool, rejected, say
        self.started = time.time()
        self.patterns = [Fitting(settings) for settings in follow if glob.has_magic(settings.path)]
        # those of which it is not known yet how far they are read
        self.coming = [Followed(settings) for settings in follow if not glob.has_magic(settings.path)]
        self.followed = list[Followed]()
        self.tails = dict[Key, tuple[Tail, Followed]]()  # the one that waits longest first
        self.rested = dict[Key, tuple[State, int]]()  # closed ones: as they were, and the size from which they may be logs
        self.gone = dict[Key, float]()  # open ones that no name leads to any more, and since when
        self.written = Counter[str]()
        self.said = dict[str, str]()  # what is wrong, by what it is wrong with
        self.lag = dict[str, int]()  # bytes of each open log that were not read yet, as of the last poll

    def poll(self) -> None:
        """Takes what is new, for some SLICE seconds. What is wrong with a log, the engine or the disk is said, not raised."""
        now, end = time.time(), time.monotonic() + SLICE
        self.away: EngineError | None = None
        for batch in self.spool.given_up():
            self.written[f'{batch.domain}/{batch.log}'] += 1  # by somebody else: what is stored is asked again
            self.rested.clear()
        for pattern in self.patterns:
            self.coming += pattern.new()
        self._begin(now)
        behind = set[Followed]()
        named = {found for followed in self.followed for found in self._find(followed, now, end, behind)}
        try:
            self._read(now, end, behind)
            self.said.pop('spool', None)
        except (ExporterError, OSError) as error:  # of the spool, or of the rejects
            self._say('spool', error)
            behind.update(self.followed)
        if not self.away:
            self.said.pop('engine', None)
        for followed in self.followed:
            if followed not in behind:
                followed.read_until = now - TICK
        self._rest(named, now)
        lasting = {'spool', 'engine', *(followed.settings.path for followed in self.followed + self.coming)}
        self.said = {about: what for about, what in self.said.items() if about in lasting or Path(about).exists()}
        self.lag = {
            tail.file.name: max(0, tail.size - (tail.position or 0)) for tail, _ in self.tails.values() if tail.file.grows
        }

    def close(self) -> None:
        """Closes all files. What was not taken is taken after the next start."""
        for tail, _ in self.tails.values():
            tail.close()

    def _begin(self, now: float) -> None:
        """Starts with logs where an earlier process ended."""
        for followed in list(self.coming):
            path, domain = shown(followed.settings.path), followed.settings.domain
            waits = any((batch.domain, batch.origin) == (domain, path) for batch, _ in self.spool.waiting())
            try:
                last = self.ledger().last_call(domain, path)
            except EngineError as error:
                self._engine_is_away(error)
                return
            followed.read_until = last.timestamp() if last else self.started - DAY if waits else self.started
            followed.rotated(now)
            self.coming.remove(followed)
            self.followed.append(followed)

    def _find(self, followed: Followed, now: float, end: float, behind: set[Followed]) -> Iterator[Key]:
        """Opens what is new among the files; gives all that are there."""
        for path, stat in followed.files(now):
            yield key(stat)
            if key(stat) in self.tails or self._rests(stat):
                continue
            if time.monotonic() >= end or not self._open(path, stat, followed):
                behind.add(followed)
        if not followed.key and followed.named:
            path = followed.settings.path
            self._say(path, f'{path}: there is no such log yet, or it is a pipe; it is followed from when it is a file')

    def _open(self, path: str, stat: os.stat_result, followed: Followed) -> bool:
        settings = followed.settings
        try:
            tail = Tail(path, settings.log_format, self.enrichments[settings.domain], self.written)
            self.tails[tail.key] = tail, followed
            self.said.pop(path, None)
            return True
        except InputError as error:
            self._say(path, error)
            if is_packed(Path(path)):  # it costs much to look at it again
                self.rested[key(stat)] = state(stat), 0
            return False

    def _read(self, now: float, end: float, behind: set[Followed]) -> None:
        """Takes a batch of each log in turn until there is none, it is time, or half of the spool is full: the other half is for
        requests, which have no other place to wait in. Raises what is wrong with all logs."""
        waiting = list(self.tails.values())
        while waiting and time.monotonic() < end and 2 * self.spool.account.bytes < self.spool.most_bytes:
            tail, followed = waiting.pop(0)
            self.tails[tail.key] = self.tails.pop(tail.key)  # behind the others
            try:
                if tail.step(self._history, self.rejected, self.spool.put):
                    waiting.append((tail, followed))
                    self.said.pop(tail.file.name, None)
                continue
            except Replaced:
                followed.rotated(now)
                self._close(tail)
            except EngineError as error:
                self._engine_is_away(error)
            except InputError as error:
                self._say(tail.file.name, error)
                self._close(tail, 2 * tail.size if isinstance(error, NoLog) else 0)
            behind.add(followed)
        behind.update(followed for _, followed in waiting)

    def _rest(self, named: set[Key], now: float) -> None:
        """Closes what is read to its end and not written to any more; it is looked at again when it changes."""
        for found, (tail, followed) in list(self.tails.items()):
            gone = 0.0 if found in named else self.gone.setdefault(found, now)
            quiet = now - max(tail.changed, gone) > QUIET and (found != followed.key or not followed.named)
            if tail.finished or quiet:
                self._close(tail)
        self.gone = {found: since for found, since in self.gone.items() if found in self.tails and found not in named}
        self.rested = {found: rest for found, rest in self.rested.items() if found in named}
        there = {name for pattern in self.patterns for name in pattern.names}
        self.followed = [followed for followed in self.followed if followed.named or followed.settings.path in there]

    def _rests(self, stat: os.stat_result) -> bool:
        """Whether a file that was closed is still as it was, or too little else to be a log now."""
        before, enough = self.rested.get(key(stat), (None, 0))
        return before is not None and (state(stat) == before or before[0] <= stat.st_size < enough)

    def _close(self, tail: Tail, enough: int = 0) -> None:
        """Closes a log until it changes, or has `enough` bytes."""
        del self.tails[tail.key]
        if tail.looked:
            self.rested[tail.key] = tail.looked, enough
        tail.close()

    def _history(self) -> WithSpool:
        if self.away:
            raise self.away
        return WithSpool(self.spool.waiting(), self.ledger())

    def _engine_is_away(self, error: EngineError) -> None:
        self.away = error
        self._say('engine', error)

    def _say(self, about: str, what: object) -> None:
        text = str(what)
        if isinstance(what, OSError) and what.filename:  # each try is another file
            text = f'{Path(what.filename).parent}: {what.strerror}; mend that, and it goes on by itself'
        if self.said.get(about) != text:
            self.said[about] = text
            self.say(text)
