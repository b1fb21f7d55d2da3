"""Shared by the tests of access logs: lines, an independent parser, and imports in this process."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from exporter.cli import main
from exporter.ingest.logs import batches
from exporter.store.clickhouse import ClickHouse

DOMAIN = 'data.example.org'
FIRST = datetime(2024, 10, 30, 22, 15, tzinfo=UTC)  # its month ends soon after
FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'
IPHONE = (
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) '
    'Version/17.5 Mobile/15E148 Safari/604.1'
)
CRAWLER = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
AGENTS = (FIREFOX, IPHONE, 'curl/8.11.1', CRAWLER)
ACCOUNTS = ('-', 'alice', '-', 'bob', '-', '-', 'carol')

# The common and combined formats, simple and slow, written independently of the program's parser.
SIMPLE = re.compile(
    r'(?P<ip>\S+) \S+ (?P<user>.+?) \[(?P<time>[^\]]+)\] "(?P<request>(?:\\.|[^"\\])*)" (?P<status>\d+) (?P<bytes>\d+|-)'
    r'(?: "(?:\\.|[^"\\])*" "(?P<agent>(?:\\.|[^"\\])*)(?:".*)?)?'  # one line of the real log ends within its agent
)


class Call(NamedTuple):
    """A line, parsed by the simple parser."""

    timestamp: datetime
    ip: str
    user_id: str
    user_agent: str
    method: str
    path: str
    status: int
    bytes: int


def read(line: str) -> Call:
    """Parses a line in the format with a request line of three parts."""
    match = SIMPLE.fullmatch(line.rstrip('\r\n'))
    assert match, line
    method, path, _ = match['request'].split(' ')
    return Call(
        datetime.strptime(match['time'], '%d/%b/%Y:%H:%M:%S %z').astimezone(UTC),
        match['ip'],
        '' if match['user'] == '-' else match['user'],
        match['agent'] or '',
        method,
        path,
        int(match['status']),
        0 if match['bytes'] == '-' else int(match['bytes']),
    )


def line(number: int, **other: object) -> str:
    """Returns the unique line of an invented call, without a line end; `other` replaces fields."""
    return '{ip} - {user} [{time}] "{request}" {status} {bytes} "-" "{agent}"'.format(**_fields(number, other))


def json_line(number: int, **other: object) -> str:
    """Returns the line of the same call in JSON, with the names of nginx."""
    names = {
        'time': 'time_local', 'ip': 'remote_addr', 'user': 'remote_user', 'bytes': 'body_bytes_sent', 'agent': 'http_user_agent',
    }  # fmt: skip
    return json.dumps({names.get(name, name): str(value) for name, value in _fields(number, other).items()})


def _fields(number: int, other: dict[str, object]) -> dict[str, object]:
    return {
        'ip': f'198.51.{number // 250 % 256}.{number % 250}',
        'user': ACCOUNTS[number % len(ACCOUNTS)],
        'time': f'{FIRST + timedelta(minutes=7 * number):%d/%b/%Y:%H:%M:%S %z}',
        'request': f'GET /api/{number}?rows=10 HTTP/1.1',
        'status': 200,
        'bytes': number,
        'agent': AGENTS[number % len(AGENTS)],
    } | other


def log(numbers: Iterable[int], end: str = '\n', **other: object) -> bytes:
    """Returns the lines of invented calls."""
    return ''.join(line(number, **other) + end for number in numbers).encode()


def cut_small(patch: pytest.MonkeyPatch, chunk: int) -> None:
    """Makes logs of a few kilobytes have several chunks and batches: the first has one chunk of so many bytes, the others four."""
    patch.setitem(batches.CHUNK, 'normal', chunk)
    patch.setattr(batches, 'FIRST_BATCH', 1)
    patch.setattr(batches, 'BATCH', 4)


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    """Runs the program in this process, as the fixture `settings` has set it up."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def imported(*files: str | Path, domain: str = DOMAIN, stdin: bytes | None = None) -> dict[str, Any]:
    """Imports logs without an error and returns the summary."""
    result = run('import', *files, '--domain', domain, '--format', 'json', stdin=stdin)
    assert result.exit_code == 0, result.output
    return counts(result.stdout)


def counts(output: str) -> dict[str, Any]:
    """Returns the counts of lines that `import --format json` prints."""
    result = dict(json.loads(output))
    assert result.pop('peak_memory_bytes') > 10 << 20
    return result


def summary(
    stored: int = 0, already: int = 0, skipped: dict[str, int] | None = None, left: int = 0, **rejected: int
) -> dict[str, Any]:
    """Returns the counts of lines of an import."""
    parts = {'stored': stored, 'already_stored': already, 'skipped': sum((skipped or {}).values()), 'left': left}
    read = sum(parts.values()) + sum(rejected.values())
    return {'read': read, **parts, 'skipped_by_reason': skipped or {}, 'rejected': rejected}


def paths(database: ClickHouse, domain: str = DOMAIN) -> list[str]:
    """Returns the sorted paths of the stored calls of a portal."""
    rows = database.query('SELECT path FROM calls WHERE domain = {domain:String} ORDER BY path', {'domain': domain})
    return [row['path'] for row in rows]


def asked(numbers: Iterable[int]) -> list[str]:
    """Returns what `paths` gives if the calls of these lines are stored once."""
    return sorted(f'/api/{number}' for number in numbers)


def assert_rollups_agree(database: ClickHouse, domain: str = DOMAIN) -> None:
    """Each rollup has the sums of the calls for each of its groups."""
    crawler = "client = 'crawler'"
    groups = {
        'days': ('day, crawler', f"count(), countIf(device IN ('phone', 'tablet')), countIf(country = '') "
                 f"FROM (SELECT *, {crawler} AS crawler FROM calls)", 'sum(calls), sum(mobile_calls), sum(unlocated_calls) FROM days'),
        'accounts': ('user_id, day, crawler', f'count() FROM (SELECT *, {crawler} AS crawler FROM calls)',
                     'sum(calls) FROM accounts'),
        'places': ('country, city, latitude, longitude, day, crawler', f'count() FROM (SELECT *, {crawler} AS crawler FROM calls)',
                   'sum(calls) FROM places'),
        'months': ('dataset_id, month, crawler, p', "count(), sum(bytes), countIf(action = 'download') FROM (SELECT *, "
                   f"{crawler} AS crawler, toStartOfMonth(day) AS month, if(dataset_id = '' AND action = 'download', path, '') AS p "
                   'FROM calls)', 'sum(calls), sum(bytes), sum(download_requests) FROM (SELECT *, path AS p FROM months)'),
    }  # fmt: skip
    for rollup, (group, exact, rolled_up) in groups.items():
        exact_rows, rollup_rows = (
            database.query(
                f'SELECT {group}, {what} WHERE domain = {{domain:String}} GROUP BY {group} ORDER BY {group}', {'domain': domain}
            )
            for what in (exact, rolled_up)
        )
        assert [tuple(row.values()) for row in rollup_rows] == [tuple(row.values()) for row in exact_rows], rollup
