"""`POST /v1/logs`: accepts the lines of a log as a shipper sends them, and answers once their calls are durable."""

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import polars as pl
from flask import Response, request

from exporter.config import PortalRules
from exporter.enrich.hosts import Hosts
from exporter.errors import InputError, SettingsError
from exporter.ingest.collector import log_lines
from exporter.ingest.collector.body import JSON, NDJSON, decompress
from exporter.ingest.collector.group_commit import Answer, GroupCommit, Request
from exporter.ingest.formats.reader import LogReader, reader_of
from exporter.server.resources import auth
from exporter.server.resources.content import idempotency_key, one_domain, parameters, read_body
from exporter.server.resources.problems import problem
from exporter.server.tokens import Scope, Token, Tokens

TEXT = 'text/plain'
PARAMETERS = ('domain', 'format')
LONGEST_FORMAT = 1_000  # characters: percent-encoded, a longer one may exceed what a request line can hold
WARNING = 'the request has no Idempotency-Key: if it is sent again, its calls count again'
GZIP = b'\x1f\x8b'  # begins gzip data: some shippers do not say Content-Encoding; no line of a log begins so
PARSING = threading.Semaphore(2)  # requests whose lines are parsed at once: this takes some hundred megabytes


class LogAnswer(Answer, frozen=True):
    """The result of a request with the lines of a log. `rejects` has the first 1,000 rejects, with the line as `index`."""

    warning: str | msgspec.UnsetType = msgspec.UNSET


def post(tokens: Tokens, intake: GroupCommit, rules: Callable[[str], PortalRules], default_domain: str, hosts: Hosts) -> Response:
    """202 with the result; 400 if every line was rejected; 200 for the test upload of Cloudflare Logpush."""
    token = auth.caller(tokens, Scope.WRITE)
    given = parameters(PARAMETERS)
    domain = auth.portal(token, one_domain(given['domain'])) or default_domain
    # a token for a portal without hosts is for all lines that it sends
    by_host = given['domain'] is None and bool(hosts.portals) and token.domain in ('', *hosts.portals)
    body = read_body(TEXT, NDJSON, JSON, '')
    if body.startswith(GZIP):
        body = decompress(body)
    key = idempotency_key()
    if log_lines.is_test_upload(body):
        return Response(msgspec.json.encode(Answer(0, 0, 0, [])), 200, content_type=JSON)
    if not domain and not by_host:
        raise InputError('the portal is missing', 'add ?domain=, use a token for one portal, or set USAGE_DOMAIN')
    with PARSING:
        if by_host and ((lines := _read(body, rules(''), given['format'])).have_hosts or not domain):
            lines = lines.by_host(lambda host: _permitted(hosts.portal(host), token))
        else:
            lines = _read(body, rules(domain), given['format']).of(domain)
    digest = hashlib.sha256(b'\0'.join([b'log', domain.encode(), (given['format'] or '').encode(), body])).digest()
    answer = intake.accept(Request([], [], key, token.id, digest, lines))
    warning = msgspec.UNSET if key else WARNING
    log_answer = LogAnswer(**msgspec.structs.asdict(answer), warning=warning)
    if answer.accepted or answer.skipped or not answer.rejected:
        return Response(msgspec.json.encode(log_answer), 202, content_type=JSON)
    return problem(400, lines.fault or 'every line was rejected', **msgspec.structs.asdict(answer))


def _permitted(domain: str, token: Token) -> str:
    """The portal, '' if the token is not valid for it."""
    return domain if token.domain in ('', domain) else ''


def _read(body: bytes, rules: PortalRules, log_format: str | None) -> log_lines.LogLines:
    try:
        return log_lines.read(body, request.mimetype, datetime.now(UTC), _reader(rules, log_format))
    except pl.exceptions.ComputeError as error:
        if log_format is None:
            raise
        raise InputError('format: the pattern of this notation is too long', 'use fewer variables') from error


def _reader(rules: PortalRules, log_format: str | None) -> LogReader:
    """Raises InputError for an invalid format of the request, SettingsError for one of the settings."""
    if log_format is None:
        return reader_of(rules)
    if len(log_format) > LONGEST_FORMAT or log_format.startswith('json '):
        raise InputError('format: invalid format', 'use auto, a notation, json, or the name of a format')
    try:
        return reader_of(rules, log_format)
    except SettingsError as error:
        raise InputError(error.what.replace('log_format', 'format', 1), error.remedy) from None
