"""`POST /v1/calls`: takes calls, and answers once they are durable."""

import hashlib
import re
from datetime import UTC, datetime

import msgspec
from flask import Response, request

from exporter.errors import InputError
from exporter.ingest.collector import calls
from exporter.ingest.collector.body import JSON, NDJSON
from exporter.ingest.collector.group_commit import GroupCommit, Request
from exporter.model.reject import Reason
from exporter.server.resources.auth import caller
from exporter.server.resources.content import received
from exporter.server.resources.problems import problem
from exporter.server.tokens import Scope, Tokens

KEY = re.compile(r'[!-~]{1,255}')


def post(tokens: Tokens, intake: GroupCommit) -> Response:
    """202 with what became of each call; 400 where none could be accepted, 403 where all are of another portal."""
    token = caller(tokens, Scope.WRITE)
    body = received(JSON, NDJSON)
    key = request.headers.get('Idempotency-Key')
    if key is not None and not KEY.fullmatch(key):
        raise InputError(
            'Idempotency-Key: invalid key', 'send 1 to 255 printable ASCII characters without spaces, such as a UUID'
        )
    taken = calls.read(body, request.mimetype, datetime.now(UTC), token.domain)
    digest = hashlib.sha256(body).digest()
    answer = intake.accept(Request(taken.calls, taken.rejects, key, token.id, digest))
    if answer.accepted or answer.skipped or not answer.rejected:
        return Response(msgspec.json.encode(answer), 202, content_type=JSON)
    forbidden = all(refusal.reason == Reason.FORBIDDEN for refusal in answer.rejects)
    return problem(403 if forbidden else 400, 'every call was rejected', **msgspec.structs.asdict(answer))
