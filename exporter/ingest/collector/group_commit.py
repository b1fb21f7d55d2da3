"""Accepts requests in groups: concurrent requests are enriched together and share one fsync."""

import itertools
import math
import queue
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Self

import msgspec
import polars as pl

from exporter.enrich.enrichment import Enrichment
from exporter.errors import KeyInUse, KeyReused
from exporter.ingest import pipeline
from exporter.ingest.collector.calls import DOMAIN, ElementReject, Row, frame
from exporter.ingest.collector.log_lines import LogLines
from exporter.ingest.formats import Lines
from exporter.ingest.pipeline import by_reason
from exporter.model.reject import Reason, Reject
from exporter.model.tally import Tally
from exporter.spool.idempotency import IdempotencyKeys
from exporter.spool.segment import SOURCE, IdempotencyKey
from exporter.spool.spool import Spool

LOG_ORIGIN = 'POST /v1/logs'  # of rejected lines: `rejected retry` reads them as lines of a log
MOST_REJECTS = 1_000  # of a log in an answer, whose `rejected` counts all
MOST_REQUESTS = 256  # that share one fsync
TOGETHER = 0.002  # seconds to wait for as many requests as the previous group had


@dataclass(frozen=True)
class Request:
    """The calls of one request, of one or several portals, or the lines of a log."""

    calls: Sequence[Row]
    rejects: Sequence[ElementReject]
    key: str | None  # the idempotency key
    scope: str  # the id of the token that the key belongs to; '' if no token is needed
    digest: bytes  # of the decompressed body: detects a repeated key with a different body
    log: LogLines | None = None

    @property
    def only_rejects(self) -> bool:
        """Whether every element is rejected before it is enriched."""
        return self.log.only_rejects if self.log else not self.calls


class RejectAnswer(msgspec.Struct, frozen=True):
    """A rejected element of the request."""

    index: int
    field: str
    reason: Reason
    detail: str


class Answer(msgspec.Struct, frozen=True):
    """The result of a request; the first three add up to its number of elements. A repeated key gets the same answer."""

    accepted: int  # on disk, and counted once
    skipped: int  # not API calls, according to the settings
    rejected: int
    rejects: list[RejectAnswer]
    skipped_by_reason: dict[str, int] = {}  # absent from the stored answers of earlier versions


@dataclass
class Outcome:
    """What became of the elements of a request."""

    accepted: int
    rejects: list[ElementReject]
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def is_kept(self) -> bool:
        """Whether the rejects and the key are kept: those of a request without a valid element are only answered."""
        return bool(self.accepted or self.skipped)

    def answer(self, most_rejects: int | None = None) -> Answer:
        rejects = [RejectAnswer(each.index, each.field, each.reason, each.detail) for each in self.rejects[:most_rejects]]
        skipped = dict(sorted(self.skipped.items()))
        return Answer(self.accepted, self.skipped.total(), len(self.rejects), rejects, skipped)


class GroupCommit:
    """Appends the calls of requests to the spool. A context manager: its exit waits for the requests in progress.

    `enrichment` returns the Enrichment of a portal.
    Threads: any thread may call `accept`; one thread of its own writes to the spool.
    """

    def __init__(self, spool: Spool, keys: IdempotencyKeys, enrichment: Callable[[str], Enrichment]) -> None:
        self.spool, self.keys, self.enrichment = spool, keys, enrichment
        self._lock = threading.Lock()
        self._in_progress = set[tuple[str, str]]()
        self._numbers = itertools.count(time.time_ns())  # of rejects: unique within a portal
        self._queue = queue.SimpleQueue[tuple[Request, Future[Answer]] | None]()
        self._thread = threading.Thread(target=self._run, name='group-commit')

    def accept(self, request: Request) -> Answer:
        """Returns once the calls are on the disk. A request without calls stores nothing: its rejects are only answered.

        Raises KeyReused, KeyInUse, SpoolFull, SettingsError, and OSError if the disk is full: then nothing is accepted.
        """
        if request.only_rejects:
            return _outcome(request).answer(MOST_REJECTS if request.log else None)
        if request.key is None:
            return self._accept(request)
        key = request.scope, request.key
        with self._lock:
            if key in self._in_progress:
                raise KeyInUse('another request with this Idempotency-Key is still in progress', 'send the request again later')
            if previous := self.keys.find(*key):
                if previous.digest != request.digest.hex():
                    raise KeyReused('this Idempotency-Key was used with a different body', 'use a new key for new calls')
                return msgspec.convert(previous.answer, Answer)
            self._in_progress.add(key)
        try:
            return self._accept(request)
        finally:
            with self._lock:
                self._in_progress.remove(key)

    def _accept(self, request: Request) -> Answer:
        answer = Future[Answer]()
        self._queue.put((request, answer))
        return answer.result()

    def _run(self) -> None:
        group: list[tuple[Request, Future[Answer]]] = []
        while group := self._next_group(len(group)):
            try:
                answers = self._store([request for request, _ in group])
            except BaseException as error:  # every request gets the error, also a panic of polars
                for _, future in group:
                    future.set_exception(error)
            else:
                for (_, future), answer in zip(group, answers, strict=True):
                    future.set_result(answer)

    def _next_group(self, previous_size: int) -> list[tuple[Request, Future[Answer]]]:
        """Returns the requests that wait, and waits TOGETHER for as many as the previous group had; [] ends the thread."""
        group: list[tuple[Request, Future[Answer]]] = []
        deadline = math.inf
        while len(group) < MOST_REQUESTS:
            remaining = deadline - time.monotonic() if len(group) < previous_size else 0
            try:
                entry = self._queue.get(timeout=max(0, remaining) if group else None)
            except queue.Empty:
                break
            if entry is None:
                self._queue.put(None)  # ends the thread after this group
                break
            group.append(entry)
            deadline = min(deadline, time.monotonic() + TOGETHER)
        return group

    def _store(self, requests: list[Request]) -> list[Answer]:
        outcomes = [_outcome(request) for request in requests]
        tallies, stored = dict[str, Tally](), list[pl.DataFrame]()
        for domain, calls, skipped in itertools.chain(
            self._enrich_calls(requests, outcomes), self._enrich_logs(requests, outcomes)
        ):
            tallies.setdefault(domain, Tally()).add(Tally(len(calls), dict(skipped)))
            stored.append(calls)
        answers = [
            outcome.answer(MOST_REJECTS if request.log else None) for request, outcome in zip(requests, outcomes, strict=True)
        ]
        kept = [each for each in zip(requests, outcomes, answers, strict=True) if each[1].is_kept]
        if not kept:
            return answers
        rejects = [reject for request, outcome, _ in kept for reject in self._rejects(request, outcome)]
        for domain, reasons in _by_domain(rejects).items():
            tallies.setdefault(domain, Tally()).rejected = reasons
        keys = [
            IdempotencyKey(request.scope, request.key, request.digest.hex(), msgspec.to_builtins(answer))
            for request, _, answer in kept
            if request.key is not None
        ]
        self.spool.append(pl.concat(stored), tallies, keys, rejects)
        self.keys.add_spooled(keys)
        return answers

    def _enrich_calls(self, requests: list[Request], outcomes: list[Outcome]) -> Iterator[tuple[str, pl.DataFrame, Counter[str]]]:
        """Enriches the calls of all requests together; yields portals, their calls, and how many are skipped by reason."""
        ends = list(itertools.accumulate(len(request.calls) for request in requests))
        if not ends[-1]:
            return
        calls = frame(call for request in requests for call in request.calls)
        for (domain,), domain_calls in calls.partition_by('domain', as_dict=True, include_key=False).items():
            enriched = pipeline.enrich(Lines(domain_calls), self.enrichment(str(domain)))
            for line, reason in enriched.skipped.iter_rows():
                outcome = outcomes[bisect_right(ends, line)]
                outcome.skipped[reason] += 1
                outcome.accepted -= 1
            yield str(domain), enriched.calls, by_reason(enriched.skipped)

    def _enrich_logs(self, requests: list[Request], outcomes: list[Outcome]) -> Iterator[tuple[str, pl.DataFrame, Counter[str]]]:
        """Enriches the lines of each log; yields as `_enrich_calls` does."""
        for request, outcome in zip(requests, outcomes, strict=True):
            if not request.log or request.log.only_rejects:
                continue
            for domain, chunk in request.log.chunks:
                enriched = pipeline.enrich(chunk, self.enrichment(domain))
                skipped = by_reason(enriched.skipped)
                outcome.accepted += len(enriched.calls)
                outcome.skipped += skipped
                outcome.rejects += request.log.rejects(enriched.rejected, domain)
                yield domain, enriched.calls, skipped
            outcome.rejects.sort(key=lambda reject: reject.index)  # those of each portal came together

    def _rejects(self, request: Request, outcome: Outcome) -> Iterator[Reject]:
        """Yields the rejects of a request; an element of a request with calls gets the portal of the first one if it has none."""
        origin = LOG_ORIGIN if request.log else SOURCE
        for reject in outcome.rejects:
            domain = reject.domain or (request.calls[0][DOMAIN] if request.calls else '')
            yield Reject(reject.reason, domain, origin, next(self._numbers), reject.text)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.put(None)
        self._thread.join()


def _outcome(request: Request) -> Outcome:
    """The outcome before the calls are enriched; of a log, only if every line is rejected."""
    outcome = Outcome(len(request.calls), list(request.rejects))
    if (log := request.log) and log.only_rejects:
        outcome.rejects += [reject for domain, chunk in log.chunks for reject in log.rejects(chunk.rejected, domain)]
    return outcome


def _by_domain(rejects: list[Reject]) -> dict[str, dict[str, int]]:
    domains = {reject.domain for reject in rejects}
    return {domain: dict(Counter(reject.reason for reject in rejects if reject.domain == domain)) for domain in domains}
