"""`POST /v1/calls`: accepts calls, and answers once they are durable."""

import hashlib
from datetime import UTC, datetime

import msgspec
from flask import Response, request

from exporter.ingest.collector import calls
from exporter.ingest.collector.body import JSON, NDJSON
from exporter.ingest.collector.group_commit import GroupCommit, Request
from exporter.model.reject import Reason
from exporter.server.resources.auth import caller
from exporter.server.resources.content import idempotency_key, read_body
from exporter.server.resources.problems import problem
from exporter.server.tokens import Scope, Tokens


def post(tokens: Tokens, intake: GroupCommit) -> Response:
    """202 with the result of each call; 400 if every call was rejected, 403 if every call is for a forbidden portal."""
    token = caller(tokens, Scope.WRITE)
    body = read_body(JSON, NDJSON)
    key = idempotency_key()
    checked = calls.read(body, request.mimetype, datetime.now(UTC), token.domain)
    digest = hashlib.sha256(body).digest()
    answer = intake.accept(Request(checked.calls, checked.rejects, key, token.id, digest))
    if answer.accepted or answer.skipped or not answer.rejected:
        return Response(msgspec.json.encode(answer), 202, content_type=JSON)
    forbidden = all(reject.reason == Reason.FORBIDDEN for reject in answer.rejects)
    return problem(403 if forbidden else 400, 'every call was rejected', **msgspec.structs.asdict(answer))
