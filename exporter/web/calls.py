"""`POST /v1/calls`: takes calls, and answers once they are durable."""

import gzip
import hashlib
import io
import re
import zlib
from datetime import UTC, datetime

import msgspec
from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from exporter.call import Reason
from exporter.errors import InputError, TooLarge
from exporter.intake import Intake, Request
from exporter.sources import collector
from exporter.tokens import Scope, Tokens
from exporter.web.access import caller
from exporter.web.problems import problem

MOST_UNPACKED = 64 << 20  # bytes
KEY = re.compile(r'[!-~]{1,255}')


def post(tokens: Tokens, intake: Intake) -> Response:
    """202 with what became of each call; 400 where none could be accepted, 403 where all are of another portal."""
    token = caller(tokens, Scope.WRITE)
    if request.mimetype not in (collector.JSON, collector.NDJSON):
        raise UnsupportedMediaType(f'send calls as {collector.JSON} or {collector.NDJSON}')
    key = request.headers.get('Idempotency-Key')
    if key is not None and not KEY.fullmatch(key):
        raise InputError('Idempotency-Key: 1 to 255 printable ASCII characters without a space; a UUID is one')
    body = _body()
    taken = collector.read(body, request.mimetype, datetime.now(UTC), token.domain)
    digest = hashlib.sha256(body).digest()
    answer = intake.accept(Request(taken.calls, taken.rejects, key, token.id, digest))
    if answer.accepted or answer.skipped or not answer.rejected:
        return Response(msgspec.json.encode(answer), 202, content_type='application/json')
    forbidden = all(refusal.reason == Reason.FORBIDDEN for refusal in answer.rejects)
    return problem(403 if forbidden else 400, 'none of the calls could be accepted', **msgspec.structs.asdict(answer))


def _body() -> bytes:
    """The request's body, unpacked. Raises InputError, TooLarge."""
    packed = request.get_data()
    match request.headers.get('Content-Encoding', 'identity').lower():
        case 'identity':
            return packed
        case 'gzip' | 'x-gzip':
            try:
                body = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(MOST_UNPACKED + 1)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise InputError(f'the body is no gzip ({error}); pack it again') from None
            if len(body) > MOST_UNPACKED:
                raise TooLarge(f'the body is over {MOST_UNPACKED >> 20} MB unpacked; send several')
            return body
    raise UnsupportedMediaType('send the body as it is, or with Content-Encoding: gzip')
