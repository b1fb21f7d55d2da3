"""A log of several portals is imported into each of them, once."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from access_logs import line, run

from exporter.store.clickhouse import ClickHouse

A, B = 'a.example.org', 'b.example.org'
KILLED = """
import os, signal, sys
from exporter.cli import main
from exporter.ingest.logs import batches
from exporter.store.ledger import Ledger

batches.CHUNK, batches.FIRST_BATCH, batches.BATCH = {{'normal': 3_000}}, 1, 4
left, done = {left}, Ledger.done

def kill(*arguments):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    done(*arguments)

Ledger.done = kill
main(sys.argv[1:])
"""


def host_of(number: int) -> str:
    return ('a.example.org', 'B.example.org:443', 'x.b.example.org', 'other.example.org')[number % 4]


def lines(numbers: range) -> list[str]:
    return [f'{host_of(number)} {line(number)}' for number in numbers]


@pytest.fixture
def file(settings: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    configure(tmp_path, {A: [A], B: [B, f'*.{B}']})
    return tmp_path / 'access.log'


def configure(directory: Path, hosts: dict[str, list[str]]) -> None:
    tables = (f'[domains."{domain}"]\nhosts = {json.dumps(names)}\n' for domain, names in hosts.items())
    (directory / 'usage-exporter.toml').write_text('\n'.join(tables))


def imported(file: Path, *options: str) -> dict[str, Any]:
    result = run('import', file, '--format', 'json', *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def counted(database: ClickHouse) -> dict[str, int]:
    rows = database.query('SELECT domain, count() AS calls, uniqExact(path) AS paths FROM calls GROUP BY domain')
    assert all(row['calls'] == row['paths'] for row in rows)  # each once
    return {row['domain']: int(row['calls']) for row in rows}


def test_each_line_is_counted_for_one_portal(file: Path, database: ClickHouse) -> None:
    file.write_text('\n'.join([*lines(range(40)), 'no log', '', '# comment', f'{A} {line(41, status="abc")}', '']))
    first = imported(file)
    assert (first['read'], first['stored'], first['already_stored']) == (44, 30, 0)
    assert first['skipped_by_reason'] == {'host': 10, 'blank': 1, 'comment': 1}
    assert first['rejected'] == {'format': 1, 'status': 1}
    portals = first['portals']
    assert {name: portal['stored'] for name, portal in portals.items()} == {A: 10, B: 20}
    assert all(portal['read'] == portal['stored'] for portal in portals.values())
    assert counted(database) == {A: 10, B: 20}

    again = imported(file)
    assert (again['read'], again['stored'], again['already_stored']) == (44, 0, 30)
    assert again['skipped_by_reason'] == first['skipped_by_reason']
    assert again['rejected'] == first['rejected']
    assert {name: portal['already_stored'] for name, portal in again['portals'].items()} == {A: 10, B: 20}
    assert counted(database) == {A: 10, B: 20}


def test_the_table_shows_each_portal_and_the_total(file: Path, database: ClickHouse) -> None:
    file.write_text('\n'.join([*lines(range(8)), '']))
    result = run('import', file)
    assert result.exit_code == 0
    headings = [row for row in result.stdout.splitlines() if row.endswith(':')]
    assert headings == [f'{A}:', f'{B}:', 'no portal:', 'total:']
    assert result.stdout.count('Next: usage-exporter report') == 2


def test_a_portal_that_is_added_later_is_read_from_the_beginning(file: Path, database: ClickHouse) -> None:
    configure(file.parent, {A: [A]})
    file.write_text('\n'.join([*lines(range(20)), '']))
    assert imported(file)['stored'] == 5
    configure(file.parent, {A: [A], B: [B, f'*.{B}']})
    with file.open('a') as log:
        log.write('\n'.join([*lines(range(20, 40)), '']))
    later = imported(file)
    assert (later['stored'], later['already_stored']) == (25, 5)
    assert {name: portal['read'] for name, portal in later['portals'].items()} == {A: 10, B: 20}
    assert counted(database) == {A: 10, B: 20}
    assert (later['read'], later['skipped_by_reason']) == (40, {'host': 10})
    assert_balanced(database, 40)


def assert_balanced(database: ClickHouse, lines: int) -> None:
    """The ledger counts each line of the log once."""
    done = "SELECT stored + skipped + arraySum(mapValues(rejected)) AS lines FROM batches WHERE state = 'done'"
    assert database.query(f'SELECT sum(lines) AS lines FROM ({done})') == [{'lines': lines}]


def test_hosts_change_and_each_line_counts_once(file: Path, database: ClickHouse) -> None:
    """Hosts are added to a portal, removed, given back and given to another portal, while the log grows."""
    steps = [
        ({A: [A], B: [B]}, {A: 5, B: 5}),
        ({A: [A], B: [B, f'*.{B}']}, {A: 10, B: 20}),  # added: read from the beginning
        ({A: [A], B: [B]}, {A: 15, B: 30}),  # removed: stays with the portal in this log
        ({A: [A, 'other.example.org'], B: [B, f'*.{B}']}, {A: 40, B: 40}),
        ({A: [A, 'other.example.org', f'x.{B}'], B: [B]}, {A: 55, B: 45}),  # moved: from here on
        ({A: [A, 'other.example.org'], B: [B, f'*.{B}']}, {A: 65, B: 55}),
    ]
    for step, (hosts, expected) in enumerate(steps):
        configure(file.parent, hosts)
        with file.open('a') as log:
            log.write('\n'.join([*lines(range(20 * step, 20 * step + 20)), '']))
        for _ in range(2):
            summary = imported(file)
            total = 20 * step + 20
            assert (summary['read'], summary['skipped']) == (total, total - sum(expected.values())), step
        assert counted(database) == expected, step
        assert_balanced(database, total)


def test_a_host_below_a_pattern_gets_a_portal_of_its_own(file: Path, database: ClickHouse) -> None:
    configure(file.parent, {A: ['*.example.org']})
    file.write_text('\n'.join([*lines(range(20)), '']))
    assert imported(file)['stored'] == 20
    configure(file.parent, {A: ['*.example.org'], B: [B]})
    with file.open('a') as log:
        log.write('\n'.join([*lines(range(20, 40)), '']))
    for stored in (20, 0):
        summary = imported(file)
        assert (summary['read'], summary['stored'], summary['already_stored']) == (40, stored, 40 - stored)
    assert counted(database) == {A: 35, B: 5}  # its lines so far are those of the first portal
    assert_balanced(database, 40)


def test_a_log_is_either_of_one_portal_or_divided(file: Path, database: ClickHouse) -> None:
    file.write_text('\n'.join([*lines(range(20)), '']))
    assert imported(file)['stored'] == 15
    refused = run('import', file, '--domain', A)
    assert refused.exit_code == 1
    assert f'the calls of this log are stored for {A}, and a line counts for one portal only' in refused.stderr
    for domain in (A, B):
        assert run('forget', '--file', file, '--domain', domain, '--yes').exit_code == 0
    assert imported(file, '--domain', A)['stored'] == 20
    refused = run('import', file)
    assert refused.exit_code == 1
    assert f'run usage-exporter forget --file {file} --domain {A} first' in refused.stderr
    assert counted(database) == {A: 20}


def test_standard_input_is_divided(file: Path, database: ClickHouse) -> None:
    content = '\n'.join([*lines(range(20)), '']).encode()
    assert run('import', '-', stdin=content).exit_code == 0
    assert counted(database) == {A: 5, B: 10}


def test_a_shorter_copy_adds_up(file: Path, database: ClickHouse) -> None:
    file.write_text('\n'.join([*lines(range(40)), '']))
    imported(file)
    file.write_text('\n'.join([*lines(range(20)), '']))
    summary = imported(file)
    assert (summary['read'], summary['already_stored']) == (20, 20)
    assert counted(database) == {A: 10, B: 20}


def test_the_format_is_that_of_the_log(file: Path, database: ClickHouse) -> None:
    """What all portals agree on, or else the setting of all: so each line is read in the same way for each portal."""
    notation = '$http_host $remote_addr|$time_iso8601|$request|$status'
    with (file.parent / 'usage-exporter.toml').open('r+') as settings:
        tables = settings.read().replace('hosts', f'log_format = {json.dumps(notation)}\nhosts')
        settings.seek(0)
        settings.write(tables)
    file.write_text(f'{A} 192.0.2.7|2026-11-02T08:30:00+01:00|GET / HTTP/1.1|200\nother.example.org no call\n')
    summary = imported(file)
    assert (summary['stored'], summary['rejected']) == (1, {'format': 1})


def test_a_named_portal_takes_every_line(file: Path, database: ClickHouse) -> None:
    file.write_text('\n'.join([*lines(range(8)), '']))
    result = imported(file, '--domain', A)
    assert 'portals' not in result
    assert counted(database) == {A: 8}


def test_a_log_without_hosts_is_of_no_portal(file: Path, database: ClickHouse) -> None:
    file.write_text(''.join(f'{line(number)}\n' for number in range(5)))
    result = imported(file)
    assert (result['read'], result['skipped_by_reason']) == (5, {'host': 5})
    assert counted(database) == {}


def test_variables_that_are_not_used_are_named_once(file: Path, database: ClickHouse) -> None:
    file.write_text('192.0.2.7 [17/May/2025:10:05:03 +0000] "GET / HTTP/1.1" 200 5 x 10.0.0.1:80\n')
    notation = '$remote_addr [$time_local] "$request" $status $bytes_sent $request_id $upstream_addr'
    result = run('import', file, file, '--log-format', notation)
    assert result.stderr.count("the format's variables request_id, upstream_addr are not used") == 1


@pytest.mark.slow
def test_each_portal_is_exact_after_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process with its own embedded database gets `kill -9`."""
    configure(tmp_path, {A: [A], B: [B, f'*.{B}']})
    monkeypatch.setenv('USAGE_DATA_DIR', str(tmp_path / 'data'))
    monkeypatch.delenv('USAGE_DOMAIN', raising=False)
    monkeypatch.setenv('PYTHONPATH', ':'.join(sys.path))
    file = tmp_path / 'access.log'
    file.write_text('\n'.join([*lines(range(400)), '']))

    def call(left: int, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, '-c', KILLED.format(left=left), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    for left in 2, 6:
        killed = call(left, 'import', str(file))
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    finished = json.loads(call(0, 'import', str(file), '--format', 'json').stdout)
    assert finished['read'] == 400
    assert finished['stored'] + finished['already_stored'] == 300
    assert finished['skipped_by_reason'] == {'host': 100}
    assert {name: each['read'] for name, each in finished['portals'].items()} == {A: 100, B: 200}
    query = 'SELECT domain, count() AS calls, uniqExact(path) AS paths FROM calls GROUP BY domain ORDER BY domain'
    rows = json.loads(call(0, 'query', query, '--format', 'json').stdout)
    assert [(row['domain'], int(row['calls']), int(row['paths'])) for row in rows] == [(A, 100, 100), (B, 200, 200)]
