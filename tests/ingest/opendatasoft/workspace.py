"""A workspace for tests: a server over HTTP that answers as Opendatasoft's API does, with faults on demand."""

import io
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import polars as pl
from flask import Flask, Response, request
from waitress.server import create_server

API_KEY = 'key of the tests'
APIS = (
    ('ods_v2.1', 'export_dataset', 'csv'), ('ods_v2.1', 'records_index', 'json'), ('ods_v2.1', 'records_index', 'csv'),
    ('ods_v2.1', 'datasets_index', ''), ('ods_v1', 'search_dataset_records', ''), ('wfs', 'wfs', ''), ('csw', 'csw', ''),
    ('ods_v2.1', 'metadata_template_dcat', ''), ('ods_v2.1', 'made_up', ''), ('ods_v1', 'images', ''),
)  # fmt: skip
AGENTS = (
    'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
    'python-requests/2.32.5',
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/604.1',
)
Row = dict[str, Any]
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def rows_of_hour(start: datetime, number: int, seed: int = 0) -> list[Row]:
    """Rows of an hour, some of them equal; always the same."""
    draw = random.Random(f'{start} {seed}')
    rows = []
    for _ in range(number):
        api_type, api, form = draw.choice(APIS)
        row: Row = {
            'timestamp': start + timedelta(seconds=draw.randrange(3600)),
            'user_ip_addr': draw.choice(
                [f'81.2.69.{draw.randrange(1, 200)}', f'2a02:ff80::{draw.randrange(9)}', '', '81.2.69.xxx']
            ),
            'user_id': draw.choice(['anonymous', 'anonymous', 'anonymous', 'alice', 'bob']),
            'hostname': 'data.example.org',
            'domain_id': 'example',
            'dataset_id': draw.choice(['trees', 'air', None]),
            'api_type': api_type,
            'api': api,
            'format': form,
            'query_string': 'q=secret',
            'size_res': draw.randrange(9_000),
            'nhits': 3,
            'exec_time': draw.randrange(3_000) / 1_000,
            'in_error': draw.random() < 0.1,
            'error': None,
            'request_aborted': False,
            'user_agent': draw.choice(AGENTS),
            'bot': draw.random() < 0.05,
            'geo_coordinates': {'lon': -1.25, 'lat': 51.75} if draw.random() < 0.8 else None,
        }
        rows.append(row)
    return rows + rows[: number // 10]


class FakeWorkspace:
    """The rows of a workspace and its faults. Tests change `rows` and `faults` between requests.

    The rows of each hour from `first` to `last`, which are before `rows`, are made when they are asked for. `faults` are answered first, one for each request: a status, a response, None, or a function that
    returns one of these.
    """

    def __init__(self, rows: Iterable[Row] = (), first: datetime = NEVER, last: datetime = NEVER) -> None:
        self.rows, self.first, self.last = list(rows), first, last
        self.faults: list[Any] = []
        self.requests: list[str] = []
        self.formats: tuple[str, ...] = ('parquet', 'jsonl', 'csv')
        self.nested = False  # rows as API v2.0 gives them
        self.counts_by_hour = True
        self.page = 100
        self.api = '/api/explore/v2.1'
        self.clock = timedelta()
        self.has_dataset = True
        self.change = lambda rows: rows  # of the frame of an export

    def between(self, where: str) -> list[Row]:
        match = re.fullmatch(r"timestamp >= date'(.+?)' AND timestamp < date'(.+?)'", where)
        assert match, where
        first, last = map(datetime.fromisoformat, match.groups())
        return self.older(first, last) + [row for row in self.rows if first <= row['timestamp'] < last]

    def older(self, first: datetime, last: datetime) -> list[Row]:
        """The rows before `rows` with first <= timestamp < last, which are whole hours."""
        start, end = max(first, self.first), min(last, self.last)
        hours = (start + timedelta(hours=number) for number in range(max(0, int((end - start).total_seconds() // 3600))))
        return [row for hour in hours for row in rows_of_hour(hour, 5)]

    def app(self) -> Flask:
        app = Flask('workspace')

        @app.before_request
        def check() -> Response | tuple[str, int] | None:
            self.requests.append(request.full_path)
            if self.faults and (fault := self.faults.pop(0)) is not None:
                fault = fault() if callable(fault) and not isinstance(fault, Response) else fault
                if fault is not None:
                    return fault if isinstance(fault, Response) else ('', fault)
            if request.headers.get('Authorization') != f'Apikey {API_KEY}':
                return '{"error": "no"}', 401
            if not request.path.startswith(self.api + '/') or (not self.has_dataset and 'ods-api-monitoring' in request.path):
                return Response(
                    '{"error_code": "ODSQLError", "message": "Unknown dataset"}'
                    if request.path.startswith(self.api)
                    else 'no page',
                    404,
                )
            return None

        @app.after_request
        def date(response: Response) -> Response:
            response.headers['Date'] = format_datetime(datetime.now(UTC) + self.clock, usegmt=True)
            return response

        base = f'{self.api}/monitoring/datasets/ods-api-monitoring'

        @app.get(base)
        def dataset() -> dict[str, Any]:
            return {'dataset_id': 'ods-api-monitoring'}

        @app.get(f'{base}/records')
        def records() -> Any:
            if not self.counts_by_hour:
                return {'error_code': 'ODSQLError', 'message': 'group_by'}, 400
            counts = Counter(f'{row["timestamp"]:%Y-%m-%d %H}' for row in self.between(request.args['where']))
            start, limit = int(request.args['offset']), int(request.args['limit'])
            return {
                'results': [{'hour': hour, 'n': n} for hour, n in sorted(counts.items())][start : start + min(limit, self.page)]
            }

        @app.get(f'{base}/exports/<form>')
        def export(form: str) -> Any:
            if form not in self.formats:
                return {'error_code': 'InvalidRESTParameterError'}, 400
            content = encode(self.between(request.args['where']), form, self.change)
            if self.nested:
                rows = map(json.loads, content.splitlines())
                content = ''.join(json.dumps({'record': {'fields': row}}) + '\n' for row in rows).encode()
            return Response(content)

        return app


def encode(rows: list[Row], form: str, change: Any = lambda rows: rows) -> bytes:
    """Rows as an export in a format."""
    frame = change(pl.DataFrame(rows, schema=SCHEMA))
    if form == 'parquet':
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        return buffer.getvalue()
    texts = (
        frame.with_columns(pl.col('timestamp').dt.strftime('%Y-%m-%dT%H:%M:%S%.3f+00:00'))
        if 'timestamp' in frame.columns
        else frame
    )
    if form == 'jsonl':
        return ''.join(json.dumps(row) + '\n' for row in texts.to_dicts()).encode()
    flat = texts.with_columns(pl.col('geo_coordinates').struct.json_encode()) if 'geo_coordinates' in texts.columns else texts
    return str(flat.write_csv(separator=';')).encode()


SCHEMA: dict[str, Any] = {
    'timestamp': pl.Datetime('ms', 'UTC'), 'user_ip_addr': pl.String, 'user_id': pl.String, 'hostname': pl.String,
    'domain_id': pl.String, 'dataset_id': pl.String, 'api_type': pl.String, 'api': pl.String, 'format': pl.String,
    'query_string': pl.String, 'size_res': pl.Int64, 'nhits': pl.Int64, 'exec_time': pl.Float64, 'in_error': pl.Boolean,
    'error': pl.String, 'request_aborted': pl.Boolean, 'user_agent': pl.String, 'bot': pl.Boolean,
    'geo_coordinates': pl.Struct({'lon': pl.Float64, 'lat': pl.Float64}), 'referer': pl.String, 'embed_referer': pl.String,
}  # fmt: skip


@contextmanager
def running(workspace: FakeWorkspace) -> Iterator[str]:
    """Serves a workspace on this machine; yields its address."""
    server = create_server(workspace.app(), host='127.0.0.1', port=0, threads=2)

    def run() -> None:
        with suppress(OSError):  # its sockets are closed while it waits for them
            server.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.effective_port}'
    finally:
        server.close()
        thread.join(5)
