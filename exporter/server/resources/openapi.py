"""Describes the HTTP interface in OpenAPI 3.1, from the types of the requests and answers."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import msgspec

from exporter.ingest.collector.body import JSON, NDJSON
from exporter.ingest.collector.calls import MOST_CALLS, PATTERN, Call
from exporter.ingest.collector.group_commit import Answer
from exporter.report.divisions import BY, MEASURES
from exporter.report.events import Event
from exporter.report.indicators import PartReport, Report
from exporter.server.resources.logs import LONGEST_FORMAT, TEXT, LogAnswer
from exporter.server.resources.problems import MEDIA_TYPE, Problem
from exporter.server.resources.reports import LIMIT, MOST_OFFSET, MOST_ROWS, DatasetPage, NewEvent

Schema = dict[str, Any]
TYPES = (Call, Answer, LogAnswer, NewEvent, Event, Report, PartReport, DatasetPage, Problem)
REF = '#/components/schemas/{name}'
IDEMPOTENCY_KEY = {
    'name': 'Idempotency-Key',
    'in': 'header',
    'description': 'A request with a known key and the same body is not counted again and gets the same answer.',
    'schema': {'type': 'string', 'pattern': '^[!-~]{1,255}$'},
}
DAY = {'type': 'string', 'anyOf': [{'format': 'date'}, {'format': 'date-time'}]}  # or a date-time without an offset
NAME = {'type': 'string', 'minLength': 1}
BOOLEAN = {'type': 'boolean', 'default': False}
COMMON: dict[str, tuple[str, Schema]] = {
    'domain': (
        'The portal. Required if the token gives access to several portals that have calls.',
        {'type': 'string', 'pattern': PATTERN, 'maxLength': 254},
    ),
    'from': ("Start of the period: a day or a date-time, in the portal's time zone. Default: 13 days before the last day.", DAY),
    'to': ('End of the period: a day, which is included, or a date-time, which is not. Default: today.', DAY),
    'publisher': ('Limit to the data sets of this publisher. Default: the publisher of the token, or all calls.', NAME),
}
PARAMETERS: dict[str, tuple[str, Schema]] = {
    **COMMON,
    'dataset': ('Limit to the data set that has this name.', NAME),
    'by': ('Answer with what is counted of each part of the calls.', {'type': 'string', 'enum': list(BY)}),
    'exact': ('Count users and downloads exactly, from the stored calls.', BOOLEAN),
    'crawlers': ('Also count the calls of crawlers.', BOOLEAN),
}
DATASETS_PARAMETERS: dict[str, tuple[str, Schema]] = {
    **COMMON,
    'by': ('Answer with a row for each month and data set.', {'type': 'string', 'enum': ['month']}),
    'limit': ('The number of rows, at most.', {'type': 'integer', 'minimum': 1, 'maximum': MOST_ROWS, 'default': LIMIT}),
    'offset': ('The number of rows to leave out.', {'type': 'integer', 'minimum': 0, 'maximum': MOST_OFFSET, 'default': 0}),
}
MEASURED = {name: {'type': 'integer', 'minimum': 0} for name in MEASURES}
NAMES = {
    **{name: {'type': 'string'} for name in (*BY, 'title')},
    'month': {'type': 'string', 'pattern': '^[0-9]{4}-[0-9]{2}$'},
    'week': {'type': 'string', 'format': 'date'},
    'status': {'type': ['integer', 'null']},
}
LOG_PARAMETERS: dict[str, tuple[str, Schema]] = {
    'domain': (
        'The portal that wrote the log. Default: the portal of the token, or else of the settings.',
        {'type': 'string', 'pattern': PATTERN, 'maxLength': 254},
    ),
    'format': (
        "The format of the lines: auto, json, the name of a format, or the notation of nginx or Apache. Default: the portal's.",
        {'type': 'string', 'minLength': 1, 'maxLength': LONGEST_FORMAT},
    ),
}
RETRY = {'Retry-After': {'description': 'Seconds to wait before the next attempt.', 'schema': {'type': 'integer'}}}
PROBLEMS = {
    400: 'The request, or every call or line in it, is invalid.',
    401: 'The token is missing or invalid.',
    403: 'The token does not permit this.',
    404: 'No calls are stored for this portal, or it has no such data set or publisher.',
    409: 'The first request with this key is still in progress.',
    413: 'The body is too large, or it holds too many calls or lines.',
    415: 'The media type or the content coding is not supported.',
    422: 'The key was used before with another body.',
    503: 'Temporarily unavailable: there is no space, or the database does not answer.',
}


def document(guarded: bool) -> Schema:
    """Returns the OpenAPI document. `guarded`: whether requests need a token."""
    _, schemas = msgspec.json.schema_components(TYPES, ref_template=REF)
    schemas['Event']['required'] = list(schemas['Event']['properties'])  # an answer also has the fields with a default
    schemas['Dataset'] = _row('dataset', 'title', 'publisher')
    schemas['Part'] = _row()
    schemas['DatasetPage']['properties']['datasets']['items'] = _ref('Dataset')
    call = _ref('Call')
    lines = {'schema': {'type': 'string', 'description': 'One call per line.'}}
    content = {JSON: {'schema': {'oneOf': [call, {'type': 'array', 'items': call, 'maxItems': MOST_CALLS}]}}, NDJSON: lines}
    calls: Schema = {
        'summary': 'Send calls',
        'description': 'Each invalid call is rejected, and the answer gives the reason. 202: the accepted calls are on disk.',
        'parameters': [IDEMPOTENCY_KEY],
        'requestBody': {'required': True, 'content': content},
        'responses': _responses(
            202, _json('How many calls were accepted, skipped and rejected.', _ref('Answer')), 400, 409, 413, 415, 422, 503
        ),
    }
    logs: Schema = {
        'summary': 'Send lines of a log',
        'description': (
            'Each line is read as `import` reads it. Each invalid line is rejected, and the answer gives the reason. 202: the '
            'accepted calls are on disk. Without an Idempotency-Key, a request that is sent again counts again.'
        ),
        'parameters': [IDEMPOTENCY_KEY, *_query(LOG_PARAMETERS)],
        'requestBody': {
            'required': True,
            'content': {
                TEXT: {'schema': {'type': 'string', 'description': 'One line per call, as the server wrote it.'}},
                NDJSON: {'schema': {'type': 'string', 'description': 'One JSON object per call, as the server wrote it.'}},
                JSON: {'schema': {'description': 'One line, or an array of lines: objects, or texts.'}},
            },
        },
        'responses': {
            '200': _json('A test upload of Cloudflare Logpush, which is not counted.', _ref('Answer')),
            **_responses(
                202, _json('How many lines were accepted, skipped and rejected.', _ref('LogAnswer')), 400, 409, 413, 415, 422, 503
            ),
        },
    }
    event: Schema = {
        'summary': 'Add an event',
        'requestBody': {'required': True, 'content': {JSON: {'schema': _ref('NewEvent')}}},
        'responses': _responses(201, _json('The event.', _ref('Event')), 400, 413, 415, 503),
    }
    report: Schema = {
        'summary': 'The seven indicators of a portal, of a data set or of a publisher, or what is counted of each part',
        'description': 'With `dataset` or `publisher`, the answer has more keys. With `by`, it is an array.',
        'parameters': _query(PARAMETERS),
        'responses': _responses(
            200,
            _json('The report.', {'anyOf': [_ref('Report'), _ref('PartReport'), {'type': 'array', 'items': _ref('Part')}]}),
            *(400, 404, 503),
        ),
    }
    datasets: Schema = {
        'summary': 'The data sets of a portal, and what is counted of each',
        'description': 'Most calls first, months in their order. Without `by`, the data sets of the catalogue without calls too.',
        'parameters': _query(DATASETS_PARAMETERS),
        'responses': _responses(200, _json('Rows from `offset` on.', _ref('DatasetPage')), 400, 404, 503),
    }
    text_format = {'description': "Prometheus' text format.", 'content': {'text/plain': {'schema': {'type': 'string'}}}}
    metrics: Schema = {'summary': 'Metrics', 'responses': _responses(200, text_format)}
    if guarded:
        for operation in (calls, logs, event, report, datasets, metrics):
            operation['security'] = [{'bearer': []}]
            operation['responses'] |= _problems(401, 403)
    any_object = {'type': 'object'}
    return {
        'openapi': '3.1.0',
        'info': {'title': 'usage-exporter', 'version': version('usage-exporter')},
        'paths': {
            '/v1/calls': {'post': calls},
            '/v1/logs': {'post': logs},
            '/v1/events': {'post': event},
            '/v1/report': {'get': report},
            '/v1/datasets': {'get': datasets},
            '/metrics': {'get': metrics},
            '/healthz': {'get': {'summary': 'Liveness', 'responses': _responses(200, _json('The process runs.', any_object))}},
            '/readyz': {
                'get': {
                    'summary': 'Readiness of each part',
                    'responses': _responses(200, _json('Every part is ready.', any_object), 503),
                }
            },
            '/openapi.json': {
                'get': {'summary': 'This description', 'responses': _responses(200, _json('OpenAPI 3.1.', any_object))}
            },
        },
        'components': {'schemas': schemas, 'securitySchemes': {'bearer': {'type': 'http', 'scheme': 'bearer'}}},
    }


def _row(*required: str) -> Schema:
    return {'type': 'object', 'properties': NAMES | MEASURED, 'required': [*required, *MEASURED]}


def _query(parameters: Mapping[str, tuple[str, Schema]]) -> list[Schema]:
    return [{'name': name, 'in': 'query', 'description': text, 'schema': schema} for name, (text, schema) in parameters.items()]


def _ref(name: str) -> Schema:
    return {'$ref': REF.format(name=name)}


def _json(description: str, schema: Schema) -> Schema:
    return {'description': description, 'content': {JSON: {'schema': schema}}}


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
