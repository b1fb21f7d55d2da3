"""Turns errors into problem documents (RFC 9457); they tell a caller what the caller can fix, and nothing else."""

import errno
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from exporter.errors import (
    EngineError,
    InputError,
    KeyInUse,
    KeyReused,
    PartError,
    PeriodError,
    SpoolFull,
    TooLarge,
    UnknownPart,
    loggable,
)

MEDIA_TYPE = 'application/problem+json'
RETRY_SECONDS = 5
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
STATUSES = {  # a subclass comes before its base class
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    InputError: HTTPStatus.BAD_REQUEST,
    PeriodError: HTTPStatus.BAD_REQUEST,
    UnknownPart: HTTPStatus.NOT_FOUND,
    PartError: HTTPStatus.BAD_REQUEST,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    KeyInUse: HTTPStatus.CONFLICT,
}
log = logging.getLogger(__name__)


class Problem(msgspec.Struct):
    """A problem document (RFC 9457)."""

    title: str
    status: int
    detail: str


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """Returns a problem document with title, status, detail and the extension `members`."""
    status = HTTPStatus(status)
    body = {'title': status.phrase, 'status': status.value, 'detail': detail, **members}
    return Response(msgspec.json.encode(body), status, headers, content_type=MEDIA_TYPE)


def unavailable(detail: str, **members: Any) -> Response:
    """Returns 503: the same request may succeed later."""
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {'Retry-After': str(RETRY_SECONDS)}, **members)


def register(app: Flask) -> None:
    """Makes the application answer every exception with a problem document."""
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _problem_of)


def _http_problem(error: HTTPException) -> Response:
    """The answer to a request that Flask or a resource refused."""
    if isinstance(error, RequestEntityTooLarge):
        return problem(413, f'the body exceeds {(request.max_content_length or 0) >> 20} MB; split it into several requests')
    headers = {name: value for name, value in error.get_headers() if name not in ('Content-Type', 'Content-Length')}
    return problem(error.code or 500, error.description or '', headers)


def _problem_of(error: Exception) -> Response:
    for kind, status in STATUSES.items():
        if isinstance(error, kind):
            return problem(status, str(error), {'Retry-After': '1'} if status is HTTPStatus.CONFLICT else None)
    if isinstance(error, SpoolFull) or (isinstance(error, OSError) and error.errno in NO_ROOM):
        return unavailable('no space for more calls until the waiting calls are stored; send the request again later')
    _log(error)
    if isinstance(error, EngineError):
        return unavailable('the database does not answer; send the request again later')
    return problem(500, 'internal error; see the log of the server')


def _log(error: Exception) -> None:
    log.error('%s %s: %s', request.method, request.url_rule, loggable(error))
