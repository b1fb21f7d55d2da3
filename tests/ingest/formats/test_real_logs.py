"""Every real log is read, without a word about its format, as what the clients sent and the servers counted."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import pytest
import real_logs

from exporter.errors import InputError
from exporter.ingest.formats.reader import LogReader
from exporter.model.reject import Skip

NOW = datetime.fromisoformat('2026-11-29T12:00:00Z')
REFUSED = {  # the beginning of what is said about a log that lacks what a call needs
    'caddy2.11-console': "this is a log of Caddy's console: its lines do not have a format that stays the same",
    'morgan-dev': 'this is a log of morgan dev or tiny: its lines do not have the time and the address',
    'morgan-tiny': 'this is a log of morgan dev or tiny: its lines do not have the time and the address',
    'syslog-rfc3164-haproxy-default': 'this is a log of HAProxy without option httplog: its lines do not have the request',
    'uvicorn-default': 'this is a log of uvicorn: its lines do not have the time',
}
READ = [name for name in real_logs.names() if name not in REFUSED]
HARDLY_REQUESTS = {'tls', 'truncated', 'badheader', 'early', 'garbage', 'silent', 'http09'}
# Fields of single requests, by their number, that the line itself does not have as the client sent them.
AMBIGUOUS_AGENT = {(88, 'agent')}  # neither the backslashes nor the quotes are escaped so that they can be told apart
LATIN_AGENT = {(90, 'agent')}  # Latin-1, which these servers write as UTF-8: read as é, which the truth has as U+FFFD
# The header stands in the peer's place. With one address, it cannot be told from a peer: only a notation says so.
LONE_FORWARDED = {(number, 'xff') for number in (102, 105, 106, 107)}
ACCEPTED: dict[str, set[tuple[int, str]]] = {
    # the truth is wrong where %I has three digits: it took the numbers of the line's end for status and bytes
    'apache-combinedio': {(4, 'bytes'), (126, 'status'), (126, 'bytes'), (128, 'status'), (128, 'bytes')},
    'docker-compose-logs-morgan-combined': LATIN_AGENT,
    'docker-compose-logs-traefik-default-clf': LONE_FORWARDED,
    'docker-jsonfile-traefik-default-clf': LONE_FORWARDED,
    'envoy-default': {(83, 'path')},  # it logs no path of CONNECT
    'gunicorn-default': AMBIGUOUS_AGENT | LATIN_AGENT,
    'haproxy-combined': AMBIGUOUS_AGENT,
    # the truth says silent, but the line has a request: the one of the client that had hung up
    'hypercorn-default': LATIN_AGENT | {(130, 'method'), (130, 'path'), (130, 'agent')},
    'morgan-combined': LATIN_AGENT,
    # and an escaped quote, which no address has
    'nginx-xff-first': LONE_FORWARDED | {(111, 'xff')},
    'squid-combined': AMBIGUOUS_AGENT,
    'traefik-default-clf': LONE_FORWARDED,
    # behind a proxy that Traefik trusts, the header stands in the peer's place
    'traefik-json-default': {(number, 'peer') for number in range(102, 113)},
    # of CONNECT, the log has http:// and the Host header before the target
    'varnishncsa-default': {(83, 'path'), (83, 'host')},
    # the same as with agents
    'werkzeug-dev': {(59, 'path')},
}
# The logged path is percent-encoded anew, or decoded.
REWRITTEN_PATHS = ('traefik-default-clf', 'traefik-json-default', 'apache-json')
PEER_IN_HEADER = {'envoy-default', 'traefik-json-default'}  # which ends with the peer, or is the peer


@pytest.mark.parametrize('name', REFUSED)
def test_a_log_that_lacks_what_a_call_needs_is_refused(name: str) -> None:
    with pytest.raises(InputError) as error:
        LogReader().read(real_logs.read_bytes(name), NOW, name, first=True)
    assert str(error.value).startswith(f'{name}: {REFUSED[name]}')
    assert error.value.remedy


@pytest.mark.parametrize('name', READ)
def test_a_real_log_is_read_as_what_was_sent(name: str) -> None:
    reader = LogReader()
    lines = reader.read(real_logs.read_bytes(name), NOW, name, first=True)
    texts = real_logs.read_lines(name)
    calls = {call['line'] + 1: call for call in lines.calls.to_dicts()}
    skipped = {line + 1: reason for line, reason in lines.skipped.iter_rows()}
    rejected = {line + 1: reason for line, reason in lines.rejected.iter_rows()}
    assert sorted([*calls, *skipped, *rejected]) == list(range(1, len(texts) + 1))  # each in one of the three

    differences = list[tuple[object, ...]]()
    for truth in real_logs.read_truth(name):
        line = truth['line']
        if skipped.get(line) == Skip.NO_REQUEST and (truth['kind'] in HARDLY_REQUESTS or 'path' in truth.get('lost', ())):
            continue
        if line not in calls:
            differences.append((line, skipped.get(line) or rejected.get(line), texts[line - 1]))
            continue
        differences += [
            (line, field, wanted, read)
            for field, wanted, read in compare(name, truth, calls[line])
            if (truth['request'], field) not in ACCEPTED.get(name, ())
        ]
    assert '\n'.join(map(str, differences)) == ''


@pytest.mark.parametrize('name', READ)
def test_a_log_is_read_in_the_same_way_from_any_line(name: str) -> None:
    """A reader that begins later, in the recorded format, reads the same calls."""
    data = real_logs.read_bytes(name)
    whole = LogReader()
    expected = whole.read(data, NOW, name, first=True)
    half = data.index(b'\n', len(data) // 2) + 1
    resumed = LogReader()
    resumed.resume(whole.name)
    assert resumed.name == whole.name
    if 'cri-' in name:  # a line in parts is cut: only whole lines are in a chunk
        return
    lines = data[:half].count(b'\n')
    read = resumed.read(data[half:], NOW)
    assert read.calls['path'].to_list() == expected.calls.filter(expected.calls['line'] >= lines)['path'].to_list()


def compare(name: str, truth: dict[str, Any], call: dict[str, Any]) -> list[tuple[str, object, object]]:
    """The fields that differ: their names, what is right, and what was read."""
    fields: dict[str, tuple[str, Callable[[Any], object]]] = {
        'time': ('timestamp', _time),
        'status': ('status', lambda status: status or None),  # 0 and null: none was sent
        'bytes': ('bytes', lambda size: size or 0),
        'duration_ms': ('duration_ms', lambda duration: None if duration is None or duration < 0 else duration),
        'method': ('method', _text),
        'path': ('path', _unquoted if name.endswith(REWRITTEN_PATHS) else _text),
        'user': ('user_id', _text),
        'agent': ('user_agent', _text),
        'host': ('host', _host),
        'peer': ('ip', _text),
        'xff': ('forwarded', _without_peer if name in PEER_IN_HEADER else _text),
    }
    differences = []
    for field, (column, normalize) in fields.items():
        if field not in truth or field in truth.get('lost', ()):
            continue
        if field == 'peer' and name in PEER_IN_HEADER and truth.get('xff'):  # not logged
            continue
        if field == 'host' and not truth['host']:  # servers log a name of their own
            continue
        hexadecimal = truth.get(f'{field}_hex')
        wanted = normalize(bytes.fromhex(hexadecimal).decode(errors='replace') if hexadecimal else truth[field])
        read = normalize(call['forwarded' if field == 'peer' and name in PEER_IN_HEADER else column])
        if isinstance(wanted, float) and isinstance(read, int) and abs(wanted - read) <= 0.5:  # a fraction of a millisecond
            continue
        if read != wanted:
            differences.append((field, wanted, read))
    return differences


def _time(time: datetime | str) -> datetime:
    return time if isinstance(time, datetime) else datetime.fromisoformat(time)


def _text(value: str | None) -> str:
    return '' if value in (None, '-') else str(value)


def _unquoted(path: str | None) -> str:
    return unquote(_text(path))


def _host(value: str | None) -> str:
    return re.sub(r':\d+$', '', value or '').lower()


def _without_peer(header: str | None) -> str:
    return re.sub(r'(?:^|, ?)127\.0\.0\.\d$', '', _text(header))
