"""`POST /v1/calls`: takes calls, and answers once they are durable."""

import hashlib
import re
from datetime import UTC, datetime

import msgspec
from flask import Response, request

from exporter.call import Reason
from exporter.errors import InputError
from exporter.intake import Intake, Request
from exporter.sources import collector
from exporter.sources.body import JSON, NDJSON
from exporter.tokens import Scope, Tokens
from exporter.web.access import caller
from exporter.web.content import received
from exporter.web.problems import problem

KEY = re.compile(r'[!-~]{1,255}')


def post(tokens: Tokens, intake: Intake) -> Response:
    """202 with what became of each call; 400 where none could be accepted, 403 where all are of another portal."""
    token = caller(tokens, Scope.WRITE)
    body = received(JSON, NDJSON)
    key = request.headers.get('Idempotency-Key')
    if key is not None and not KEY.fullmatch(key):
        raise InputError('Idempotency-Key: 1 to 255 printable ASCII characters without a space; a UUID is one')
    taken = collector.read(body, request.mimetype, datetime.now(UTC), token.domain)
    digest = hashlib.sha256(body).digest()
    answer = intake.accept(Request(taken.calls, taken.rejects, key, token.id, digest))
    if answer.accepted or answer.skipped or not answer.rejected:
        return Response(msgspec.json.encode(answer), 202, content_type=JSON)
    forbidden = all(refusal.reason == Reason.FORBIDDEN for refusal in answer.rejects)
    return problem(403 if forbidden else 400, 'none of the calls could be accepted', **msgspec.structs.asdict(answer))
