"""Measures the CPU time of `usage-exporter import` for one log in several formats, in turn, beside the combined format."""

import argparse
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

import inputs
from import_speed import import_log, measured_checkout
from measure import Cost, read

LINE = re.compile(
    r'(?P<ip>\S+) - (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d+) (?P<bytes>\S+) '
    r'"(?P<referer>[^"]*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
)
HOST = 'data.example.org'
W3C_FIELDS = (
    'date time c-ip cs-username cs-method cs-uri-stem cs-uri-query sc-status sc-bytes cs(User-Agent) cs(Referer) time-taken'
)
NOTATION = '$remote_addr $host $remote_user [$time_iso8601] "$request" $status $body_bytes_sent $request_time "$http_user_agent"'
Fields = Mapping[str, str]


class Family(NamedTuple):
    """A family of formats: what it makes of the fields of a line, what precedes all lines, and how an import has to read it."""

    name: str
    write: Callable[[Fields], str]
    head: str = ''
    log_format: str = 'auto'


def combined(fields: Fields) -> str:
    """The line as it is."""
    return '{ip} - {user} [{time}] "{request}" {status} {bytes} "{referer}" "{agent}"'.format(**fields)


def vhost(fields: Fields) -> str:
    """Apache's vhost_combined."""
    return f'{HOST}:443 {combined(fields)}'


def notation(fields: Fields) -> str:
    """A notation of nginx."""
    values = dict(fields) | {'host': HOST, 'moment': moment(fields).isoformat()}
    return '{ip} {host} {user} [{moment}] "{request}" {status} {bytes} 0.012 "{agent}"'.format(**values)


def w3c(fields: Fields) -> str:
    """W3C extended, as IIS writes it."""
    method, target = request(fields)
    path, _, query = target.partition('?')
    date_time = f'{moment(fields).astimezone(UTC):%Y-%m-%d %H:%M:%S}'
    agent, referer = fields['agent'].replace(' ', '+'), fields['referer']
    size = fields['bytes'].replace('-', '0')
    asked = f'{fields["ip"]} {fields["user"]} {method} {path} {query or "-"}'
    return f'{date_time} {asked} {fields["status"]} {size} {agent} {referer} 12'


def json_preset(fields: Fields) -> str:
    """Caddy's JSON, without the headers of the answer."""
    method, target = request(fields)
    asked = {
        'remote_ip': fields['ip'], 'remote_port': '51000', 'client_ip': fields['ip'], 'proto': 'HTTP/2.0', 'method': method,
        'host': HOST, 'uri': target, 'headers': {'User-Agent': [fields['agent']], 'Accept': ['*/*'], 'Accept-Encoding': ['gzip']},
        'tls': {'resumed': False, 'version': 772, 'cipher_suite': 4865, 'proto': 'h2', 'server_name': HOST},
    }  # fmt: skip
    call = {
        'level': 'info', 'ts': moment(fields).timestamp() + 0.125, 'logger': 'http.log.access', 'msg': 'handled request',
        'request': asked, 'user_id': fields['user'].replace('-', ''), 'duration': 0.012,
        'size': int(fields['bytes'].replace('-', '0')), 'status': int(fields['status']),
    }  # fmt: skip
    return json.dumps(call, separators=(',', ':'))


def json_guessed(fields: Fields) -> str:
    """JSON with the names that nginx' variables have."""
    call = {
        'time_iso8601': moment(fields).isoformat(), 'remote_addr': fields['ip'], 'remote_user': fields['user'], 'host': HOST,
        'request': fields['request'], 'status': fields['status'], 'body_bytes_sent': fields['bytes'].replace('-', '0'),
        'request_time': '0.012', 'http_referer': fields['referer'], 'http_user_agent': fields['agent'],
    }  # fmt: skip
    return json.dumps(call, separators=(',', ':'))


def docker(fields: Fields) -> str:
    """The combined format in Docker's json-file."""
    return json.dumps({'log': f'{combined(fields)}\n', 'stream': 'stdout', 'time': f'{moment(fields):%Y-%m-%dT%H:%M:%S}.125Z'})


def cri(fields: Fields) -> str:
    """The combined format in a log of Kubernetes."""
    return f'{moment(fields):%Y-%m-%dT%H:%M:%S}.125000000Z stdout F {combined(fields)}'


FAMILIES = (
    Family('combined', combined),
    Family('vhost_combined', vhost),
    Family('notation', notation, log_format=NOTATION),
    Family('W3C', w3c, head=f'#Version: 1.0\n#Fields: {W3C_FIELDS}\n'),
    Family('JSON, preset', json_preset),
    Family('JSON, guessed', json_guessed),
    Family('in docker-json', docker),
    Family('in cri', cri),
)


def moment(fields: Fields) -> datetime:
    """The time of a line."""
    return _parse_time(fields['time'])


@lru_cache(16)
def _parse_time(text: str) -> datetime:
    return datetime.strptime(text, '%d/%b/%Y:%H:%M:%S %z')


def request(fields: Fields) -> tuple[str, str]:
    """Method and target of a line."""
    method, target, _ = fields['request'].split(' ')
    return method, target


def usual_lines(log: Path) -> Iterator[Fields]:
    """Yields the fields of the lines without odd ones: each format writes those in its own way."""
    with log.open() as file:
        for line in file:
            match = LINE.match(line)
            if match and match['request'] != '-' and '\\' not in match['agent']:
                yield match.groupdict()


def write(log: Path, lines: int, folder: Path) -> dict[Family, Path]:
    """Writes the first lines of a log in each format."""
    paths = {family: folder / f'{number}.log' for number, family in enumerate(FAMILIES)}
    with ExitStack() as stack:
        files = {family: stack.enter_context(path.open('w')) for family, path in paths.items()}
        for family, file in files.items():
            file.write(family.head)
        for fields in islice(usual_lines(log), lines):
            for family, file in files.items():
                file.write(f'{family.write(fields)}\n')
    return paths


def compare(paths: Mapping[Family, Path], places: Path, folder: Path, lines: int, rounds: int) -> None:
    """Prints the median of each format: CPU seconds per million lines, and its ratio to the combined format in the same round.

    Half of the rounds run in the reverse order, because the previous run affects the next one.
    """
    read(places, *paths.values())
    costs = dict[Family, list[Cost]]((family, []) for family in paths)
    expected = f'{lines:,} of '
    for number in range(rounds):
        for family, path in list(paths.items())[:: -1 if number % 2 else 1]:
            options = ['--log-format', family.log_format]
            cost, result = import_log(measured_checkout(), f'database{path.stem}', path, places, folder, options)
            if not result.startswith(expected):
                raise SystemExit(f'{family.name}: {result}')
            costs[family].append(cost)
            print(f'round {number + 1} {family.name:15} {cost}', flush=True)
    base = costs[FAMILIES[0]]
    print(f'{"median of " + str(rounds):15} {"bytes a line":>12} {"CPU s a million":>15} {"ratio":>6}')
    for family, measured in costs.items():
        ratios = [cost.cpu / other.cpu for cost, other in zip(measured, base, strict=True)]
        cpu = median(cost.cpu for cost in measured) * 1e6 / lines
        size = paths[family].stat().st_size // lines
        print(f'{family.name:15} {size:12} {cpu:15.2f} {median(ratios):6.2f}   {min(ratios):.2f} to {max(ratios):.2f}')


def main() -> None:
    """Writes the logs and measures them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--lines', type=int, default=900_000, help='of each log; with few, the start of the program counts more')
    parser.add_argument('--rounds', type=int, default=3)
    options = parser.parse_args()
    # the log of the other benchmarks, or a longer one: the odd lines are left out
    log, places = inputs.log(max(1_000_000, options.lines * 11 // 10)), inputs.geo_database()
    with tempfile.TemporaryDirectory() as folder:
        paths = write(log, options.lines, Path(folder))
        compare(paths, places, Path(folder), options.lines, options.rounds)


if __name__ == '__main__':
    main()
