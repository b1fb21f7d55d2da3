"""`GET /v1/report`, `GET /v1/datasets` and `POST /v1/events`: the numbers of a portal, and the events that explain changes."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from flask import Response
from msgspec import Meta
from werkzeug.exceptions import NotFound

from exporter.errors import InputError, UnknownPart
from exporter.ingest.collector.body import JSON
from exporter.ingest.collector.calls import Domain
from exporter.report import divisions, events, output
from exporter.report import indicators as reports
from exporter.report.divisions import BY
from exporter.report.part import Selection, find_part
from exporter.report.period import moment, period
from exporter.server.resources import auth
from exporter.server.resources.content import choice, flag, number, one_domain, parameters, read_body
from exporter.server.tokens import Scope, Token, Tokens
from exporter.store.clickhouse import ClickHouse, Row

PARAMETERS = ('domain', 'from', 'to', 'dataset', 'publisher', 'by', 'exact', 'crawlers')
DATASETS_PARAMETERS = ('domain', 'from', 'to', 'publisher', 'by', 'limit', 'offset')
LIMIT, MOST_ROWS = 100, 1_000  # rows of one answer: by default, and at most
MOST_OFFSET = 1_000_000_000
Time = Annotated[str, Meta(max_length=40, extra_json_schema={'anyOf': [{'format': 'date'}, {'format': 'date-time'}]})]


class NewEvent(msgspec.Struct, forbid_unknown_fields=True):
    """Something that explains a change in activity."""

    title: Annotated[str, Meta(min_length=1, max_length=200, pattern=r'\S')]
    start: Annotated[Time, Meta(description="A day or date-time (ISO 8601), in the portal's time zone unless it has an offset.")]
    end: Annotated[Time | None, Meta(description='A day, which is included, or a date-time. Default: the start.')] = None
    domain: Annotated[Domain | None, Meta(description='The portal. Default: the portal of the token, or every portal.')] = None
    text: Annotated[str, Meta(max_length=2_000)] = ''
    tags: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=50)] = []


class DatasetPage(msgspec.Struct, frozen=True, rename={'from_': 'from'}):
    """Some of the data sets of a portal, with what is counted of each over a period. `total` is the number of all rows."""

    domain: str
    from_: str
    to: str
    timezone: str
    total: int
    datasets: list[Row]


def report(tokens: Tokens, database: Callable[[], ClickHouse]) -> Response:
    """The report, as `report --format json` prints it.

    Raises InputError, PeriodError, PartError, NotFound, Forbidden, EngineError.
    """
    token = auth.caller(tokens, Scope.READ, reads_publishers=True)
    given = parameters(PARAMETERS)
    crawlers, count_exactly = flag(given, 'crawlers'), flag(given, 'exact')
    by = choice(given, 'by', BY)
    portal, selection = _select(token, database(), given, crawlers)
    if by:
        return _json(divisions.rows(database(), selection, by, count_exactly))
    return _json(
        reports.fetch(database(), portal.domain, portal.timezone, selection.period, crawlers, selection.part, count_exactly)
    )


def datasets(tokens: Tokens, database: Callable[[], ClickHouse]) -> Response:
    """A page of the data sets of a portal. Raises InputError, PeriodError, UnknownPart, NotFound, Forbidden, EngineError."""
    token = auth.caller(tokens, Scope.READ, reads_publishers=True)
    given = parameters(DATASETS_PARAMETERS)
    by_month = choice(given, 'by', ('month',)) is not None
    limit = number(given, 'limit', 1, MOST_ROWS, LIMIT)
    offset = number(given, 'offset', 0, MOST_OFFSET, 0)
    portal, selection = _select(token, database(), given)
    total, rows = divisions.datasets(database(), selection, by_month, limit, offset)
    return _json(DatasetPage(portal.domain, selection.period.first, selection.period.last, portal.timezone, total, rows))


def _select(
    token: Token, database: ClickHouse, given: Mapping[str, str | None], crawlers: bool = False
) -> tuple[reports.Portal, Selection]:
    """The portal and the calls that a request is about, as far as its token permits."""
    domain = auth.portal(token, one_domain(given['domain']))
    publisher = auth.publisher(token, given['publisher'])
    portals = [portal for portal in reports.portals(database) if token.domain in ('', portal.domain)]
    if not portals or (domain and domain not in [portal.domain for portal in portals]):
        raise NotFound(f'no calls are stored for {domain}' if domain else 'no calls are stored yet')
    portal = reports.choose_portal(domain, portals, 'domain')
    dataset = given.get('dataset')
    try:
        part = find_part(database, portal.domain, dataset, publisher)
    except UnknownPart:
        if not token.publisher:
            raise
        if dataset is not None:  # whether it exists is not for this token
            raise auth.other_publisher(token) from None
        raise NotFound(f'the catalogue has no data set of {token.publisher}') from None
    of_period = period(given['from'], given['to'], portal.timezone, datetime.now(UTC), ('from', 'to'))
    return portal, Selection(portal.domain, of_period, part, crawlers)


def _json(value: object) -> Response:
    return Response(output.as_json(value), content_type=JSON)


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
