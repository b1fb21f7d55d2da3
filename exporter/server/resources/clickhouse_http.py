"""`/clickhouse`: ClickHouse's HTTP interface, read-only: https://clickhouse.com/docs/interfaces/http.

Grafana's ClickHouse plugin, clickhouse-connect and other clients of ClickHouse read the database of `serve` through it.
"""

import gzip
import json
import re
import uuid
import zlib
from http import HTTPStatus

from flask import Response, request
from werkzeug.exceptions import Forbidden, RequestEntityTooLarge, Unauthorized

from exporter.errors import EngineError, ExporterError, InputError, NotAllowed
from exporter.ingest.collector import body
from exporter.server import statement_request
from exporter.server.resources import auth
from exporter.server.resources.problems import RETRY_SECONDS
from exporter.server.tokens import Tokens
from exporter.store.reader import Question, Reader, allowed_settings
from exporter.store.statement_tree import FORMATS

PATH = '/clickhouse'
SYNTAX_ERROR, ACCESS_DENIED, WRONG_PASSWORD, UNKNOWN_DATABASE, BAD_ARGUMENTS = 62, 497, 516, 81, 36
STATUSES = {  # by error code, as the server of ClickHouse
    **dict.fromkeys(
        (26, 27, 36, 38, 41, 43, 44, 46, 47, 53, 62, 69, 70, 117, 179, 386, 396, 456, 457, 467), HTTPStatus.BAD_REQUEST
    ),
    **dict.fromkeys((60, 81), HTTPStatus.NOT_FOUND),
    **dict.fromkeys((164, 497), HTTPStatus.FORBIDDEN),
    159: HTTPStatus.REQUEST_TIMEOUT,
    **dict.fromkeys((202, 394), HTTPStatus.SERVICE_UNAVAILABLE),
    516: HTTPStatus.UNAUTHORIZED,
}
NAMES = {497: 'ACCESS_DENIED', 516: 'AUTHENTICATION_FAILED', 81: 'UNKNOWN_DATABASE', 62: 'SYNTAX_ERROR', 36: 'BAD_ARGUMENTS'}
MEDIA_TYPES = {  # by the beginning of the format's name
    'JSON': 'application/json',
    'NDJSON': 'application/x-ndjson',
    'CSV': 'text/csv',
    'T': 'text/tab-separated-values',
    'Pretty': 'text/plain',
    'Vertical': 'text/plain',
    'Markdown': 'text/markdown',
    'XML': 'application/xml',
}
NAME, QUERY_ID = re.compile(r'[A-Za-z_]\w{0,99}', re.ASCII), re.compile(r'[\w.:-]{1,100}', re.ASCII)
LEAST_COMPRESSED = 1_024  # bytes of an answer


def ping() -> Response:
    """What a client asks to see whether the server answers."""
    return Response('Ok.\n', content_type='text/html; charset=UTF-8')


def query(tokens: Tokens, reader: Reader) -> Response:
    """The answer to a statement, or an error as ClickHouse writes it."""
    try:
        auth.reader_of_every_portal(tokens)
        if request.method == 'GET' and 'query' not in request.args:
            return ping()
        return _answer(reader, _question(reader.database))
    except Unauthorized as error:
        return _error(WRONG_PASSWORD, f'Authentication failed: {error.description}')
    except Forbidden as error:
        return _error(ACCESS_DENIED, error.description or '')
    except NotAllowed as error:
        return _error(ACCESS_DENIED, str(error))
    except (InputError, RequestEntityTooLarge, UnicodeDecodeError) as error:
        return _error(
            BAD_ARGUMENTS, str(error) if isinstance(error, ExporterError) else 'the statement is too large or is not UTF-8'
        )
    except EngineError as error:
        if not error.code:
            raise
        return _response_of_error(error.code, error.answer or f'Code: {error.code}. DB::Exception: {error}')


def _question(database: str) -> Question:
    """The statement of the request, with its settings and parameters; `database` is the only one that can be read.

    Raises InputError, NotAllowed, EngineError for another database, UnicodeDecodeError.
    """
    values = request.args.to_dict()
    parts = [values.get('query', '')]
    if request.mimetype == 'multipart/form-data':
        if request.files:
            raise InputError('external tables are not supported', 'put the values into the statement')
        values |= request.form.to_dict()
        parts = [values.get('query', '')]
    else:
        parts.append(_body().decode())
    if values.get('compress', '0') not in ('0', 'false') or values.get('decompress', '0') not in ('0', 'false'):
        raise InputError("ClickHouse's own compression is not supported", 'set compress and decompress to 0, or compress=false')
    named = values.get('database') or request.headers.get('X-ClickHouse-Database') or database
    if named not in (database, 'default'):  # clients that are told no database name this one
        reason = f'Database {named[:100]} cannot be read here; name the database {database}'
        raise EngineError(reason, code=UNKNOWN_DATABASE, answer=_text(UNKNOWN_DATABASE, reason))
    output = values.get('default_format') or request.headers.get('X-ClickHouse-Format') or 'TabSeparated'
    if output not in FORMATS:
        raise NotAllowed(f'the format {output[:100]} is not allowed', 'use one of the usual formats')
    revision = values.get('client_protocol_version', '0')
    if not revision.isdecimal() or len(revision) > 9:
        raise InputError('client_protocol_version: invalid value', 'send a number')
    parameters = statement_request.parameters(values)
    if not all(NAME.fullmatch(name) for name in parameters):
        raise InputError('param_: invalid name of a parameter', 'use letters, digits and _')
    return Question(
        statement='\n'.join(filter(None, parts)),
        format=output,
        parameters=parameters,
        settings=allowed_settings(statement_request.settings(values)),
        revision=int(revision),
    )


def _body() -> bytes:
    """The body, decompressed. Raises InputError, TooLarge."""
    match request.headers.get('Content-Encoding', 'identity').lower():
        case 'identity' | '':
            return request.get_data()
        case 'gzip' | 'x-gzip':
            return body.decompress(request.get_data())
    raise InputError('unsupported content coding', 'send the statement uncompressed or with Content-Encoding: gzip')


def _answer(reader: Reader, question: Question) -> Response:
    gone = request.environ.get('waitress.client_disconnected', bool)
    answer = reader.answer(question, gone)
    if answer is None:
        return Response(status=HTTPStatus.NO_CONTENT)  # nobody reads it
    query_id = request.args.get('query_id', '')
    summary = {'elapsed_ns': str(int(answer.seconds * 1e9)), 'result_bytes': str(len(answer.body))}
    headers = {
        'X-ClickHouse-Summary': json.dumps(summary),
        'X-ClickHouse-Query-Id': query_id if QUERY_ID.fullmatch(query_id) else str(uuid.uuid4()),
        'X-ClickHouse-Timezone': 'UTC',
        'X-ClickHouse-Format': answer.format,
        'X-ClickHouse-Server-Display-Name': 'usage-exporter',
    }
    content = answer.body
    wanted = request.args.get('enable_http_compression') == '1' and request.accept_encodings['gzip'] > 0
    if wanted and len(content) >= LEAST_COMPRESSED:
        content = gzip.compress(content, zlib.Z_BEST_SPEED)
        headers['Content-Encoding'] = 'gzip'
    media_type = next(
        (kind for prefix, kind in MEDIA_TYPES.items() if answer.format.startswith(prefix)), 'application/octet-stream'
    )
    return Response(content, headers=headers, content_type=media_type + ('; charset=UTF-8' if media_type[:4] == 'text' else ''))


def _error(code: int, reason: str) -> Response:
    return _response_of_error(code, _text(code, reason))


def _text(code: int, reason: str) -> str:
    return f'Code: {code}. DB::Exception: {reason}. ({NAMES[code]})'


def _response_of_error(code: int, text: str) -> Response:
    status = STATUSES.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = {'X-ClickHouse-Exception-Code': str(code)}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers['Retry-After'] = str(RETRY_SECONDS)
    return Response(text + '\n', status, headers, content_type='text/plain; charset=UTF-8')
