"""Measures `pull` from a workspace on this machine: one day of a million rows, in order and not, and 90 days of 100,000."""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import polars as pl

RUNS = {
    'one day of 1,000,000 rows': (1, 1_000_000, True),
    'one day of 1,000,000 rows in no order': (1, 1_000_000, False),
    '90 days of 100,000 rows': (90, 100_000, True),
}
PROGRAM = 'from exporter.cli import main; main()'
AGENTS = 400  # distinct
ADDRESSES = 20_000  # distinct


def rows(start: datetime, number: int, in_order: bool) -> bytes:
    """A day of made-up rows, as a Parquet export."""
    index = pl.int_range(number, eager=True)
    frame = pl.DataFrame({'n': index, 'r': index.hash(int(start.timestamp())) % 1_000_003}).select(
        timestamp=pl.lit(start, pl.Datetime('ms', 'UTC')) + pl.duration(milliseconds=pl.col('n') * 86_400_000 // number),
        user_ip_addr=pl.format('{}.{}.{}.7', pl.col('r') % 20 + 80, pl.col('r') % 200, pl.col('r') % (ADDRESSES // 200)),
        user_id=pl.when(pl.col('r') % 5 == 0).then(pl.format('user{}', pl.col('r') % 300)).otherwise(pl.lit('anonymous')),
        dataset_id=pl.format('dataset-{}', pl.col('r') % 800),
        api_type=pl.lit('ods_v2.1'),
        api=pl.when(pl.col('r') % 3 == 0).then(pl.lit('export_dataset')).otherwise(pl.lit('records_index')),
        format=pl.when(pl.col('r') % 3 == 0).then(pl.lit('csv')).otherwise(pl.lit('json')),
        query_string=pl.format('where=a{}', pl.col('r')),
        size_res=pl.col('r') * 3,
        exec_time=(pl.col('r') % 3_000) / 1_000,
        in_error=pl.col('r') % 50 == 0,
        user_agent=pl.format('Mozilla/5.0 (X11; Linux x86_64; rv:{}.0) Gecko/20100101 Firefox/{}.0', *[pl.col('r') % AGENTS] * 2),
        bot=pl.lit(False),
        geo_coordinates=pl.struct(lon=pl.lit(2.35), lat=pl.lit(48.85)),
    )
    buffer = BytesIO()
    (frame if in_order else frame.sample(fraction=1, shuffle=True, seed=1)).write_parquet(buffer)
    return buffer.getvalue()


def server(number: int, in_order: bool) -> ThreadingHTTPServer:
    """A workspace in which each day has this many rows. The content of a day is made once, and moved in time."""
    day_of = cache(lambda start: rows(start, number, in_order))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            content = b'{"dataset_id": "ods-api-monitoring"}'
            if '/exports/' in url.path:
                where = parse_qs(url.query)['where'][0]
                content = day_of(datetime.fromisoformat(where.split("'")[1]))
            self.send_response(200)
            self.send_header('Content-Length', str(len(content)))
            self.send_header('Date', format_datetime(datetime.now(UTC), usegmt=True))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Prints nothing."""

    return ThreadingHTTPServer(('127.0.0.1', 0), Handler)


def measure(days: int, number: int, in_order: bool) -> str:
    """The time and the memory of a pull into a new embedded database."""
    listening = server(number, in_order)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    today = datetime.now(UTC).date()
    since, until = today - timedelta(days), today - timedelta(1)
    with TemporaryDirectory() as directory:
        environment = os.environ | {'USAGE_DATA_DIR': directory, 'USAGE_OPENDATASOFT_API_KEY': 'key'}
        url = f'http://127.0.0.1:{listening.server_port}'
        command = [sys.executable, '-c', PROGRAM, 'pull', url, '--domain', 'data.example.org']
        began = time.monotonic()
        process = subprocess.Popen(
            [*command, '--since', str(since), '--until', str(until)], env=environment, stderr=subprocess.DEVNULL, cwd=directory
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
    listening.shutdown()
    assert status == 0
    return f'{seconds:.1f} s, {usage.ru_utime + usage.ru_stime:.1f} s of CPU, {usage.ru_maxrss / 1e3:,.0f} MB'


def main() -> None:
    """Prints a line for each run."""
    for name, run in RUNS.items():
        print(f'{name}: {measure(*run)}', flush=True)


if __name__ == '__main__':
    main()
