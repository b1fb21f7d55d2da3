"""`POST /v1/calls`: takes calls, and answers once they are durable."""

import hashlib
import re
from datetime import UTC, datetime

import msgspec
from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from exporter.call import Reason
from exporter.errors import InputError
from exporter.intake import Intake, Request
from exporter.sources import body, collector
from exporter.tokens import Scope, Tokens
from exporter.web.access import caller
from exporter.web.problems import problem

KEY = re.compile(r'[!-~]{1,255}')


def post(tokens: Tokens, intake: Intake) -> Response:
    """202 with what became of each call; 400 where none could be accepted, 403 where all are of another portal."""
    token = caller(tokens, Scope.WRITE)
    if request.mimetype not in (body.JSON, body.NDJSON):
        raise UnsupportedMediaType(f'send calls as {body.JSON} or {body.NDJSON}')
    key = request.headers.get('Idempotency-Key')
    if key is not None and not KEY.fullmatch(key):
        raise InputError('Idempotency-Key: 1 to 255 printable ASCII characters without a space; a UUID is one')
    content = _body()
    taken = collector.read(content, request.mimetype, datetime.now(UTC), token.domain)
    digest = hashlib.sha256(content).digest()
    answer = intake.accept(Request(taken.calls, taken.rejects, key, token.id, digest))
    if answer.accepted or answer.skipped or not answer.rejected:
        return Response(msgspec.json.encode(answer), 202, content_type='application/json')
    forbidden = all(refusal.reason == Reason.FORBIDDEN for refusal in answer.rejects)
    return problem(403 if forbidden else 400, 'none of the calls could be accepted', **msgspec.structs.asdict(answer))


def _body() -> bytes:
    """The request's body, unpacked. Raises InputError, TooLarge."""
    match request.headers.get('Content-Encoding', 'identity').lower():
        case 'identity':
            return request.get_data()
        case 'gzip' | 'x-gzip':
            return body.unpacked(request.get_data())
    raise UnsupportedMediaType('send the body as it is, or with Content-Encoding: gzip')
