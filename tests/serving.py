"""Shared by the tests of the HTTP interface: the application over the real spool and engine, and requests to it."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import clickhouse_connect
from flask import Flask
from flask.testing import FlaskClient
from waitress import create_server
from werkzeug.test import TestResponse

from exporter.commands.serve import THREADS
from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.hosts import Hosts
from exporter.enrich.visitor import VisitorKey
from exporter.ingest.collector.group_commit import GroupCommit
from exporter.server.app import LIMITS, create_app
from exporter.server.metrics import Catalogues, Indicators, Metrics, State
from exporter.server.tokens import Scope, Tokens
from exporter.spool.drain import Drain
from exporter.spool.idempotency import IdempotencyKeys
from exporter.spool.spool import Spool
from exporter.store.clickhouse import ClickHouse
from exporter.store.reader import Reader
from exporter.store.rejects import RejectStore

DOMAIN, OTHER = 'data.example.org', 'other.example.net'
CALL = {'timestamp': '2026-11-02T08:30:00Z', 'domain': DOMAIN, 'ip': '81.2.69.160', 'path': '/api/trees', 'status': 200}


class Serving:
    """The application and the parts it needs, in one directory. `parts` holds the faults of each part for /readyz."""

    def __init__(
        self,
        directory: Path,
        database: Callable[[], ClickHouse],
        room: int = 1 << 20,
        hosts: Mapping[str, Sequence[str]] | None = None,
        **portal: Any,
    ) -> None:
        self.tokens = Tokens(directory)
        self.rejected = RejectStore(directory)
        self.parts = dict[str, list[str]](spool=[], database=[])
        rules = PortalRules(timezone='Europe/Paris', **portal)
        places = open_places(None)
        enrichments = {
            domain: Enrichment(domain, rules, places, VisitorKey(b'k' * 32, is_shared=True)) for domain in (DOMAIN, OTHER)
        }
        spool = Spool(directory / 'spool', room, enrichments[DOMAIN].key_id, None)
        keys = IdempotencyKeys(directory / 'keys.sqlite', spool.keys())
        self.intake = GroupCommit(
            spool,
            keys,
            lambda domain: enrichments.get(domain) or Enrichment(domain, rules, places, VisitorKey(b'k' * 32, is_shared=True)),
        )
        self.drain = Drain(spool, keys, self.rejected, database, directory)
        self.spool, self.keys = spool, keys
        self.reader = Reader(database)
        self.app: Flask = create_app(
            intake=self.intake,
            tokens=self.tokens,
            database=database,
            reader=self.reader,
            rules=lambda _: rules,
            default_domain='',
            hosts=Hosts(hosts or {}),
            metrics=Metrics(State(spool, self.drain, dict, dict), Indicators(), Catalogues(())),
            ready=lambda: self.parts,
        )
        self.client: FlaskClient = self.app.test_client()

    def token(self, *scopes: Scope, domain: str = '', publisher: str = '') -> dict[str, str]:
        """The Authorization header of a new token."""
        return {'Authorization': f'Bearer {self.tokens.add("test", domain, scopes, publisher)[1]}'}

    def post(self, body: Any, headers: dict[str, str] | None = None, **header_names: str) -> TestResponse:
        """Sends calls: bytes unchanged, anything else as JSON. Keyword arguments are headers, with _ for -."""
        named = {name.replace('_', '-'): value for name, value in header_names.items()}
        content = {'data': body} if isinstance(body, bytes) else {'json': body}
        return self.client.post('/v1/calls', headers={'Content-Type': 'application/json'} | named | (headers or {}), **content)

    def post_log(
        self, body: bytes, query: str = f'?domain={DOMAIN}', media_type: str = 'text/plain', **headers: str
    ) -> TestResponse:
        """Sends lines of a log. Keyword arguments are headers, with _ for -."""
        named = {name.replace('_', '-'): value for name, value in headers.items()}
        return self.client.post(f'/v1/logs{query}', data=body, content_type=media_type, headers=named)


@contextmanager
def serving(directory: Path, database: Callable[[], ClickHouse], **options: Any) -> Iterator[Serving]:
    """The application; closes its parts at the end."""
    parts = Serving(directory, database, **options)
    with parts.intake, parts.reader:
        yield parts
    parts.spool.close()
    parts.keys.close()


@contextmanager
def listening(app: Flask) -> Iterator[int]:
    """The port of a real server of the application, on this machine."""
    server = create_server(app, map={}, host='127.0.0.1', port=0, threads=THREADS, **LIMITS)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server.effective_port
    server.task_dispatcher.shutdown()
    server.close()
    thread.join(5)


def read_through(port: int, database: ClickHouse, **options: Any) -> ClickHouse:
    """The database as clickhouse-connect reads it through the interface at this port."""
    client = clickhouse_connect.get_client(
        host='127.0.0.1', port=port, proxy_path='/clickhouse', database=database.address.database, **options
    )
    return ClickHouse(client, database.address)


def problem(response: TestResponse, status: int) -> dict[str, Any]:
    """The problem document of a response with this status."""
    assert (response.status_code, response.content_type) == (status, 'application/problem+json'), response.text
    document = dict(json.loads(response.text))
    assert document['status'] == status
    assert document['title']
    assert document['detail']
    return document


def answer(response: TestResponse) -> tuple[int, int, int]:
    """The numbers of accepted, skipped and rejected calls."""
    assert response.status_code == 202, response.text
    return response.json['accepted'], response.json['skipped'], response.json['rejected']  # type: ignore[index]


def stored(web: Serving, database: ClickHouse) -> int:
    """The number of calls in the database, after emptying the spool."""
    web.drain.empty()
    return int(database.query('SELECT count() AS calls FROM calls')[0]['calls'])
