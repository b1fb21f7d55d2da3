"""The HTTP interface as a WSGI application: which address is answered by what."""

from collections.abc import Callable, Collection, Mapping
from functools import partial

import msgspec
from flask import Flask, Response, request

from exporter.ingest.collector.group_commit import GroupCommit
from exporter.server.metrics import Metrics
from exporter.server.resources import auth, calls, openapi, problems, reports
from exporter.server.tokens import Scope, Tokens
from exporter.store.clickhouse import ClickHouse

MOST_BYTES = 10 << 20  # of a body, as it is sent
JSON = 'application/json'
# What the server around the application is told, above all its limits, as waitress names them.
LIMITS = {
    'max_request_body_size': 4 * MOST_BYTES,  # up to here a problem document says what is too large; above, waitress does
    'max_request_header_size': 16 << 10,  # bytes
    'channel_timeout': 60,  # seconds in which nothing comes
    'ident': None,  # no Server header
    'asyncore_use_poll': True,  # select() ends at descriptor 1,023, and an embedded engine holds more
}


def create_app(
    *,
    intake: GroupCommit,
    tokens: Tokens,
    database: Callable[[], ClickHouse],
    timezone: Callable[[str], str],
    metrics: Metrics,
    ready: Callable[[], Mapping[str, Collection[str]]],
) -> Flask:
    """The application.

    `database` gives the calling thread's own connection, `timezone` a portal's by the settings, `ready` the parts of the
    program and what is wrong with each. Where `tokens` are not needed everything is open: let nobody but this machine reach it.
    """
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MOST_BYTES, PROVIDE_AUTOMATIC_OPTIONS=False)
    app.url_map.merge_slashes = False
    problems.register(app)
    app.after_request(partial(_count, metrics))

    def answer(rule: str, view: Callable[[], Response], method: str = 'GET') -> None:
        app.add_url_rule(rule, rule, view, methods=[method])

    answer('/v1/calls', partial(calls.post, tokens, intake), 'POST')
    answer('/v1/events', partial(reports.add_event, tokens, database, timezone), 'POST')
    answer('/v1/report', partial(reports.report, tokens, database))
    answer('/metrics', partial(_metrics, tokens, metrics))
    answer('/healthz', _healthy)
    answer('/readyz', partial(_ready, ready))
    answer('/openapi.json', partial(_openapi, tokens))
    return app


def _count(metrics: Metrics, response: Response) -> Response:
    metrics.requests.labels(request.url_rule.rule if request.url_rule else '', response.status_code).inc()
    return response


def _metrics(tokens: Tokens, metrics: Metrics) -> Response:
    """They tell of every portal, so they need a token for every one."""
    auth.every_portal(auth.caller(tokens, Scope.READ))
    return Response(metrics.text(), content_type='text/plain; version=0.0.4; charset=utf-8')


def _healthy() -> Response:
    return _json({'status': 'ok'})


def _ready(ready: Callable[[], Mapping[str, Collection[str]]]) -> Response:
    faults = {name: list(wrong) for name, wrong in ready().items()}
    parts = {name: not wrong for name, wrong in faults.items()}
    if all(parts.values()):
        return _json({'status': 'ready', 'parts': parts})
    ill = {name: wrong for name, wrong in faults.items() if wrong}
    return problems.unavailable(f'not ready: {", ".join(ill)}', parts=parts, faults=ill)


def _openapi(tokens: Tokens) -> Response:
    return _json(openapi.document(tokens.needed))


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), content_type=JSON)
