"""What is handed to the intake, and what it answers once it is durable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import polars as pl

from exporter.call import Reason
from exporter.sources.collector import Rejection


@dataclass(frozen=True)
class Request:
    """The calls of one request, of one or several portals."""

    calls: pl.DataFrame  # the columns of SAID (exporter/call.py), and `line`: the call's index in the request
    rejects: Sequence[Rejection]
    key: str | None  # the idempotency key
    scope: str  # whose key that is: the id of a token, '' where none is needed
    digest: bytes  # of the unpacked body: tells whether a repeated key came with another


class Refusal(msgspec.Struct, frozen=True):
    """One element that was rejected, as the answer tells it."""

    index: int
    field: str
    reason: Reason
    detail: str


class Answer(msgspec.Struct, frozen=True):
    """What became of a request's elements: the first three add up to their number. A repeated key is answered the same."""

    accepted: int  # on disk, and counted once
    skipped: int  # no API calls, by the settings
    rejected: int
    rejects: list[Refusal]


def answer(request: Request, skipped: int) -> Answer:
    """The answer to a request whose calls, but for those skipped, are durable."""
    refusals = [Refusal(one.index, one.field, one.reason, one.detail) for one in request.rejects]
    return Answer(len(request.calls) - skipped, skipped, len(refusals), refusals)


class Accepts(Protocol):
    """An intake."""

    def accept(self, request: Request) -> Answer:
        """Returns once the calls are durable.

        Raises KeyReused, KeyInUse, SpoolFull, and OSError where the disk takes no more: then nothing of it is accepted.
        """
