"""Builds the WSGI application: which function answers which path."""

from collections.abc import Callable, Collection, Mapping
from functools import partial

import msgspec
from flask import Flask, Response, request

from exporter.config import PortalRules
from exporter.enrich.hosts import Hosts
from exporter.ingest.collector.group_commit import GroupCommit
from exporter.server.metrics import Metrics
from exporter.server.resources import auth, calls, clickhouse_http, logs, openapi, problems, reports
from exporter.server.tokens import Scope, Tokens
from exporter.store.clickhouse import ClickHouse
from exporter.store.reader import Reader

MOST_BYTES = 10 << 20  # size limit of a body as sent, before decompression
JSON = 'application/json'
# Settings for waitress, under its own names.
LIMITS = {
    'max_request_body_size': 4 * MOST_BYTES,  # up to here the answer is a problem document; above, waitress answers
    'max_request_header_size': 16 << 10,  # bytes
    'channel_timeout': 60,  # seconds without data
    'ident': None,  # no Server header
    'connection_limit': 2_000,  # the clients of a thousand statements leave room for others
    'channel_request_lookahead': 1,  # notices that a client leaves before its answer
    'asyncore_use_poll': True,  # select() fails above descriptor 1,023, and an embedded engine opens more files
}


def create_app(
    *,
    intake: GroupCommit,
    tokens: Tokens,
    database: Callable[[], ClickHouse],
    reader: Reader,
    rules: Callable[[str], PortalRules],
    default_domain: str,
    hosts: Hosts,
    metrics: Metrics,
    ready: Callable[[], Mapping[str, Collection[str]]],
) -> Flask:
    """Returns the application. Any thread may call its views.

    `database()` returns the connection of the calling thread, `reader` answers statements in SQL, `rules(domain)` are the
    portal's settings, and `ready()` the faults of each part of the program. `default_domain` is the portal of logs without one;
    '' for none. `hosts` are of the portals, for logs of several. Without tokens every request that names this machine is
    permitted: listen on this machine only.
    """
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MOST_BYTES, PROVIDE_AUTOMATIC_OPTIONS=False)
    app.url_map.merge_slashes = False
    problems.register(app)
    app.before_request(partial(auth.own_host, tokens))
    app.after_request(partial(_count_request, metrics))

    def route(path: str, view: Callable[[], Response], method: str = 'GET') -> None:
        app.add_url_rule(path, path, view, methods=[method])

    route('/v1/calls', partial(calls.post, tokens, intake), 'POST')
    route('/v1/logs', partial(logs.post, tokens, intake, rules, default_domain, hosts), 'POST')
    route('/v1/events', partial(reports.add_event, tokens, database, lambda domain: rules(domain).timezone), 'POST')
    route('/v1/report', partial(reports.report, tokens, database))
    route('/v1/datasets', partial(reports.datasets, tokens, database))
    for path in (clickhouse_http.PATH, f'{clickhouse_http.PATH}/'):
        app.add_url_rule(path, path, partial(clickhouse_http.query, tokens, reader), methods=['GET', 'POST'])
    route(f'{clickhouse_http.PATH}/ping', clickhouse_http.ping)
    route('/metrics', partial(_metrics, tokens, metrics))
    route('/healthz', _healthz)
    route('/readyz', partial(_readyz, ready))
    route('/openapi.json', partial(_openapi, tokens))
    return app


def _count_request(metrics: Metrics, response: Response) -> Response:
    metrics.requests.labels(request.url_rule.rule if request.url_rule else '', response.status_code).inc()
    return response


def _metrics(tokens: Tokens, metrics: Metrics) -> Response:
    """Requires a token for every portal, since the metrics cover every portal."""
    auth.every_portal(auth.caller(tokens, Scope.READ))
    return Response(metrics.text(), content_type='text/plain; version=0.0.4; charset=utf-8')


def _healthz() -> Response:
    return _json({'status': 'ok'})


def _readyz(ready: Callable[[], Mapping[str, Collection[str]]]) -> Response:
    faults = {part: list(messages) for part, messages in ready().items()}
    parts = {part: not messages for part, messages in faults.items()}
    if all(parts.values()):
        return _json({'status': 'ready', 'parts': parts})
    failing = {part: messages for part, messages in faults.items() if messages}
    return problems.unavailable(f'not ready: {", ".join(failing)}', parts=parts, faults=failing)


def _openapi(tokens: Tokens) -> Response:
    return _json(openapi.document(tokens.needed))


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), content_type=JSON)
