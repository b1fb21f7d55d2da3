"""`GET /v1/report` and `POST /v1/events`: the indicators of a portal, and the events that explain a change in them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from flask import Response
from msgspec import Meta
from werkzeug.exceptions import NotFound

from exporter.errors import InputError
from exporter.ingest.collector.body import JSON
from exporter.ingest.collector.calls import Domain
from exporter.report import events, output
from exporter.report import indicators as reports
from exporter.report.period import moment, period
from exporter.server.resources import auth
from exporter.server.resources.content import one_domain, parameters, read_body
from exporter.server.tokens import Scope, Tokens
from exporter.store.clickhouse import ClickHouse

PARAMETERS = ('domain', 'from', 'to', 'crawlers')
Time = Annotated[str, Meta(max_length=40, extra_json_schema={'anyOf': [{'format': 'date'}, {'format': 'date-time'}]})]


class NewEvent(msgspec.Struct, forbid_unknown_fields=True):
    """Something that explains a change in activity."""

    title: Annotated[str, Meta(min_length=1, max_length=200, pattern=r'\S')]
    start: Annotated[Time, Meta(description="A day or date-time (ISO 8601), in the portal's time zone unless it has an offset.")]
    end: Annotated[Time | None, Meta(description='A day, which is included, or a date-time. Default: the start.')] = None
    domain: Annotated[Domain | None, Meta(description='The portal. Default: the portal of the token, or every portal.')] = None
    text: Annotated[str, Meta(max_length=2_000)] = ''
    tags: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=50)] = []


def report(tokens: Tokens, database: Callable[[], ClickHouse]) -> Response:
    """The report of a portal, as `report --format json` prints it. Raises InputError, PeriodError, NotFound, EngineError."""
    token = auth.caller(tokens, Scope.READ)
    given = parameters(PARAMETERS)
    if given['crawlers'] not in (None, 'true', 'false'):
        raise InputError('crawlers: invalid value', 'use true or false')
    domain = auth.portal(token, one_domain(given['domain']))
    portals = [portal for portal in reports.portals(database()) if token.domain in ('', portal.domain)]
    if not portals or (domain and domain not in [portal.domain for portal in portals]):
        raise NotFound(f'no calls are stored for {domain}' if domain else 'no calls are stored yet')
    portal = reports.choose_portal(domain, portals, 'domain')
    report_period = period(given['from'], given['to'], portal.timezone, datetime.now(UTC), ('from', 'to'))
    result = reports.fetch(database(), portal.domain, portal.timezone, report_period, given['crawlers'] == 'true')
    return Response(output.as_json(result), content_type=JSON)


def add_event(tokens: Tokens, database: Callable[[], ClickHouse], timezone: Callable[[str], str]) -> Response:
    """Stores an event, and answers 201 with the event. Raises InputError, EngineError."""
    token = auth.caller(tokens, Scope.WRITE)
    body = read_body(JSON)
    try:
        new = msgspec.json.decode(body, type=NewEvent)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f'invalid event: {error}') from None
    domain = auth.portal(token, one_domain(new.domain))
    zone = reports.zones(reports.portals(database()), timezone)(domain)
    start = moment('start', new.start, zone).begins
    end = moment('end', new.end, zone) if new.end is not None else None
    event = events.Event(domain, start, events.last_second(end) if end else start, new.title, new.text, new.tags)
    events.add(database(), event)
    return Response(output.as_json(events.as_row(event, zone)), 201, content_type=JSON)
