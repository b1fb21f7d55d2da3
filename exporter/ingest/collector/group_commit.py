"""Accepts requests: those that come together are enriched together and share one fsync."""

import itertools
import math
import queue
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Self

import msgspec
import polars as pl

from exporter.enrich.enrichment import Enrichment
from exporter.errors import KeyInUse, KeyReused
from exporter.ingest import pipeline
from exporter.ingest.collector.calls import DOMAIN, ElementReject, Row, frame
from exporter.ingest.formats import Lines
from exporter.ingest.pipeline import by_reason
from exporter.model.reject import Reason, Reject
from exporter.model.tally import Tally
from exporter.spool.idempotency import IdempotencyKeys
from exporter.spool.segment import SOURCE, IdempotencyKey
from exporter.spool.spool import Spool

MOST_REQUESTS = 256  # that share one fsync
TOGETHER = 0.002  # seconds to wait for as many requests as came together before


@dataclass(frozen=True)
class Request:
    """The calls of one request, of one or several portals."""

    calls: Sequence[Row]
    rejects: Sequence[ElementReject]
    key: str | None  # the idempotency key
    scope: str  # whose key that is: the id of a token, '' where none is needed
    digest: bytes  # of the unpacked body: tells whether a repeated key came with another


class RejectAnswer(msgspec.Struct, frozen=True):
    """A rejected element of the request."""

    index: int
    field: str
    reason: Reason
    detail: str


class Answer(msgspec.Struct, frozen=True):
    """The result of a request; the first three add up to its number of elements. A repeated key gets the same answer."""

    accepted: int  # on disk, and counted once
    skipped: int  # no API calls, by the settings
    rejected: int
    rejects: list[RejectAnswer]
    skipped_by_reason: dict[str, int] = {}  # absent from answers that an earlier version kept


class GroupCommit:
    """Puts the calls of requests into the spool. Use it in a `with`: its end waits for what is under way.

    `enrichment` gives what adds to the calls of a portal.
    """

    def __init__(self, spool: Spool, keys: IdempotencyKeys, enrichment: Callable[[str], Enrichment]) -> None:
        self.spool, self.keys, self.enrichment = spool, keys, enrichment
        self._lock = threading.Lock()
        self._under_way = set[tuple[str, str]]()
        self._numbers = itertools.count(time.time_ns())  # of rejects: each is told from all others of its portal
        self._coming = queue.SimpleQueue[tuple[Request, Future[Answer]] | None]()
        self._thread = threading.Thread(target=self._run, name='intake')

    def accept(self, request: Request) -> Answer:
        """Returns once the calls are on the disk. A request that has none leaves nothing: its rejects are only answered.

        Raises KeyReused, KeyInUse, SpoolFull, SettingsError, and OSError where the disk takes no more: then nothing is accepted.
        """
        if not request.calls:
            return _answer(request, Counter())
        if request.key is None:
            return self._accept(request)
        key = request.scope, request.key
        with self._lock:
            if key in self._under_way:
                raise KeyInUse('another request with this Idempotency-Key is still in progress', 'send the request again later')
            if used := self.keys.find(*key):
                if used.digest != request.digest.hex():
                    raise KeyReused('this Idempotency-Key was used with a different body', 'use a new key for new calls')
                return msgspec.convert(used.answer, Answer)
            self._under_way.add(key)
        try:
            return self._accept(request)
        finally:
            with self._lock:
                self._under_way.remove(key)

    def _accept(self, request: Request) -> Answer:
        answer = Future[Answer]()
        self._coming.put((request, answer))
        return answer.result()

    def _run(self) -> None:
        group: list[tuple[Request, Future[Answer]]] = []
        while group := self._group(len(group)):
            try:
                answers = self._store([request for request, _ in group])
            except BaseException as error:  # each of them is told, also of a panic in polars
                for _, answer in group:
                    answer.set_exception(error)
            else:
                for (_, future), told in zip(group, answers, strict=True):
                    future.set_result(told)

    def _group(self, before: int) -> list[tuple[Request, Future[Answer]]]:
        """What came together: all that is there, and for a moment as many more as came `before`; nothing is the end."""
        group: list[tuple[Request, Future[Answer]]] = []
        until = math.inf
        while len(group) < MOST_REQUESTS:
            lasting = until - time.monotonic() if len(group) < before else 0
            try:
                more = self._coming.get(timeout=max(0, lasting) if group else None)
            except queue.Empty:
                break
            if more is None:
                self._coming.put(None)  # again, after this group
                break
            group.append(more)
            until = min(until, time.monotonic() + TOGETHER)
        return group

    def _store(self, requests: list[Request]) -> list[Answer]:
        calls = frame(call for request in requests for call in request.calls)
        tally, stored, skipped = dict[str, Tally](), list[pl.DataFrame](), list[pl.DataFrame]()
        for (domain,), some in calls.partition_by('domain', as_dict=True, include_key=False).items():
            enriched = pipeline.enrich(Lines(some), self.enrichment(str(domain)))
            tally[str(domain)] = Tally(len(enriched.calls), dict(by_reason(enriched.skipped)))
            stored.append(enriched.calls)
            skipped.append(enriched.skipped)
        ends = list(itertools.accumulate(len(request.calls) for request in requests))
        skips = [Counter[str]() for _ in requests]
        for line, reason in pl.concat(skipped).iter_rows():
            skips[bisect_right(ends, line)][reason] += 1
        answers = [_answer(request, of) for request, of in zip(requests, skips, strict=True)]
        rejects = [reject for request in requests for reject in self._rejects(request)]
        for domain, reasons in _by_domain(rejects).items():
            tally.setdefault(domain, Tally()).rejected = reasons
        keys = [
            IdempotencyKey(request.scope, request.key, request.digest.hex(), msgspec.to_builtins(answer))
            for request, answer in zip(requests, answers, strict=True)
            if request.key is not None
        ]
        self.spool.append(pl.concat(stored), tally, keys, rejects)
        self.keys.spooled(keys)
        return answers

    def _rejects(self, request: Request) -> Iterator[Reject]:
        """What is kept of what was rejected; where an element names no portal, it is of the request's first."""
        for one in request.rejects:
            yield Reject(one.reason, one.domain or request.calls[0][DOMAIN], SOURCE, next(self._numbers), one.text)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._coming.put(None)
        self._thread.join()


def _answer(request: Request, skipped: Counter[str]) -> Answer:
    refusals = [RejectAnswer(one.index, one.field, one.reason, one.detail) for one in request.rejects]
    skips = skipped.total()
    return Answer(len(request.calls) - skips, skips, len(refusals), refusals, dict(sorted(skipped.items())))


def _by_domain(rejects: list[Reject]) -> dict[str, dict[str, int]]:
    domains = {reject.domain for reject in rejects}
    return {domain: dict(Counter(one.reason for one in rejects if one.domain == domain)) for domain in domains}
