"""The HTTP interface described for programs: OpenAPI 3.1, made from the very types that requests are checked by."""

from importlib.metadata import version
from typing import Any

import msgspec

from exporter.ingest.collector.body import JSON, NDJSON
from exporter.ingest.collector.calls import MOST_CALLS, PATTERN, Call
from exporter.ingest.collector.group_commit import Answer
from exporter.server.resources.problems import MEDIA_TYPE, Problem
from exporter.server.resources.reports import NewEvent

Schema = dict[str, Any]


class Day(msgspec.Struct):
    """One day's calls."""

    day: str
    calls: int


class User(msgspec.Struct):
    """An account's calls; all anonymous ones together are one entry, anonymous."""

    user: str
    calls: int


class Place(msgspec.Struct):
    """A place's calls."""

    country: str
    city: str
    latitude: float
    longitude: float
    calls: int


class Report(msgspec.Struct, rename={'from_': 'from'}):
    """The seven indicators of a portal over a period. A value that does not exist (no users) is null."""

    domain: str
    from_: str
    to: str
    timezone: str
    calls: int
    activity: list[Day]
    total_users: int
    calls_per_user: float | None
    anonymous_users_percent: float | None
    mobile_users_percent: float | None
    top_users: list[User]
    map: list[Place]
    unlocated_calls: int
    crawler_calls: int


class Event(msgspec.Struct):
    """An event as it is stored."""

    id: str
    domain: str
    start: str
    end: str
    title: str
    text: str
    tags: list[str]


TYPES = (Call, Answer, NewEvent, Event, Report, Problem)
REF = '#/components/schemas/{name}'
KEY = {
    'name': 'Idempotency-Key',
    'in': 'header',
    'description': 'The same key again with the same body counts once, and is answered the same.',
    'schema': {'type': 'string', 'pattern': '^[!-~]{1,255}$'},
}
DAY = {'type': 'string', 'anyOf': [{'format': 'date'}, {'format': 'date-time'}]}  # or a date-time without an offset
PARAMETERS = {
    'domain': (
        'The portal; needed where the token is good for several that have calls.',
        {'type': 'string', 'pattern': PATTERN, 'maxLength': 254},
    ),
    'from': ("The first day, or a date-time, in the portal's time zone. By default 13 days before the last.", DAY),
    'to': ('The last day, included whole, or a date-time, not included. By default today.', DAY),
    'crawlers': ('Count the calls of crawlers too.', {'type': 'boolean', 'default': False}),
}
RETRY = {'Retry-After': {'description': 'Seconds after which to try again.', 'schema': {'type': 'integer'}}}
PROBLEMS = {
    400: 'The request, or every call in it, is wrong.',
    401: 'No token that is in force.',
    403: 'The token is not good for this.',
    404: 'There are no such calls.',
    409: 'The request that brought this key first is still under way.',
    413: 'More than is taken at once.',
    415: 'Of another media type or content coding.',
    422: 'The key came before, with another body.',
    503: 'Not now: there is no room, or the database does not answer.',
}


def document(guarded: bool) -> Schema:
    """The description. `guarded`: whether tokens are needed."""
    _, schemas = msgspec.json.schema_components(TYPES, ref_template=REF)
    call = _ref('Call')
    lines = {'schema': {'type': 'string', 'description': 'One call a line.'}}
    several = {JSON: {'schema': {'oneOf': [call, {'type': 'array', 'items': call, 'maxItems': MOST_CALLS}]}}, NDJSON: lines}
    calls: Schema = {
        'summary': 'Send calls',
        'description': 'A call that is wrong is rejected alone, and the answer says why. 202: the accepted ones are on disk.',
        'parameters': [KEY],
        'requestBody': {'required': True, 'content': several},
        'responses': _responses(202, _json('What became of the calls.', _ref('Answer')), 400, 409, 413, 415, 422, 503),
    }
    event: Schema = {
        'summary': 'Add an event',
        'requestBody': {'required': True, 'content': {JSON: {'schema': _ref('NewEvent')}}},
        'responses': _responses(201, _json('The event.', _ref('Event')), 400, 413, 415, 503),
    }
    report: Schema = {
        'summary': 'The seven indicators of a portal',
        'parameters': [
            {'name': name, 'in': 'query', 'description': about, 'schema': schema} for name, (about, schema) in PARAMETERS.items()
        ],
        'responses': _responses(200, _json('The report.', _ref('Report')), 400, 404, 503),
    }
    text = {'description': "Prometheus' text format.", 'content': {'text/plain': {'schema': {'type': 'string'}}}}
    metrics: Schema = {'summary': 'Metrics', 'responses': _responses(200, text)}
    if guarded:
        for operation in (calls, event, report, metrics):
            operation['security'] = [{'bearer': []}]
            operation['responses'] |= _problems(401, 403)
    anything = {'type': 'object'}
    return {
        'openapi': '3.1.0',
        'info': {'title': 'usage-exporter', 'version': version('usage-exporter')},
        'paths': {
            '/v1/calls': {'post': calls},
            '/v1/events': {'post': event},
            '/v1/report': {'get': report},
            '/metrics': {'get': metrics},
            '/healthz': {'get': {'summary': 'Whether it runs', 'responses': _responses(200, _json('It runs.', anything))}},
            '/readyz': {
                'get': {'summary': 'Whether each part is well', 'responses': _responses(200, _json('All are.', anything), 503)}
            },
            '/openapi.json': {'get': {'summary': 'This', 'responses': _responses(200, _json('This.', anything))}},
        },
        'components': {'schemas': schemas, 'securitySchemes': {'bearer': {'type': 'http', 'scheme': 'bearer'}}},
    }


def _ref(name: str) -> Schema:
    return {'$ref': REF.format(name=name)}


def _json(about: str, schema: Schema) -> Schema:
    return {'description': about, 'content': {JSON: {'schema': schema}}}


def _responses(status: int, success: Schema, *problems: int) -> Schema:
    return {str(status): success, **_problems(*problems)}


def _problems(*statuses: int) -> Schema:
    return {
        str(status): {
            'description': PROBLEMS[status],
            'content': {MEDIA_TYPE: {'schema': _ref('Problem')}},
            **({'headers': RETRY} if status in (409, 503) else {}),
        }
        for status in statuses
    }
