"""`events` stores, lists and removes events, to the second, in the portal's time zone."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from access_logs import imported, line, run

from exporter.report.events import Event, add, of_period, read
from exporter.report.period import Period
from exporter.store.clickhouse import ClickHouse

pytestmark = pytest.mark.usefixtures('settings')


def add_event(*options: str) -> str:
    result = run('events', 'add', *options)
    assert result.exit_code == 0, result.output
    return result.stdout.split()[-1]


def list_events(*options: str) -> list[dict[str, Any]]:
    result = run('events', 'list', '--format', 'json', *options)
    assert result.exit_code == 0, result.output
    return list(json.loads(result.stdout))


def test_an_event_is_stored_with_all_its_fields(settings: pytest.MonkeyPatch) -> None:
    settings.setenv('USAGE_TIMEZONE', 'Europe/Paris')
    event_id = add_event(
        'Air quality', '--start', '2026-11-03T08:15', '--end', '2026-11-03T10:00:30', '--domain', 'Data.Example.org',
        '--text', 'A new "data set"; hourly', '--tag', 'dataset', '--tag', 'air',
    )  # fmt: skip
    assert list_events() == [
        {
            'id': event_id, 'domain': 'data.example.org',
            'start': '2026-11-03T08:15:00+01:00', 'end': '2026-11-03T10:00:30+01:00',
            'title': 'Air quality', 'text': 'A new "data set"; hourly', 'tags': ['dataset', 'air'],
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('options', 'start', 'end'),
    [
        (['--start', '2026-11-03'], '2026-11-03T00:00:00+00:00', '2026-11-03T00:00:00+00:00'),
        (['--start', '2026-11-03', '--end', '2026-11-03'], '2026-11-03T00:00:00+00:00', '2026-11-03T23:59:59+00:00'),
        (['--start', '2026-11-03T09:00+02:00'], '2026-11-03T07:00:00+00:00', '2026-11-03T07:00:00+00:00'),
    ],
)
def test_a_day_begins_at_midnight_and_as_the_end_is_included_whole(options: list[str], start: str, end: str) -> None:
    add_event('Outage', *options)
    assert [(event['start'], event['end'], event['domain']) for event in list_events()] == [(start, end, '')]


def test_times_are_in_the_time_zone_of_the_portals_calls(settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    settings.setenv('USAGE_TIMEZONE', 'Asia/Kathmandu')
    imported('-', stdin=line(1).encode())
    settings.delenv('USAGE_TIMEZONE')
    add_event('Published', '--start', '2026-11-03', '--domain', 'data.example.org')
    [event] = read(database, None)
    assert event.start == datetime(2026, 11, 2, 18, 15, tzinfo=UTC)
    assert list_events()[0]['start'] == '2026-11-03T00:00:00+05:45'


def test_a_portal_lists_its_events_and_those_for_every_portal_by_start() -> None:
    add_event('Third', '--start', '2026-11-03', '--domain', 'data.example.org')
    add_event('First', '--start', '2026-11-01')
    add_event('Other', '--start', '2026-11-02', '--domain', 'other.example.org')
    assert [event['title'] for event in list_events()] == ['First', 'Other', 'Third']
    assert [event['title'] for event in list_events('--domain', 'data.example.org')] == ['First', 'Third']


def test_an_event_belongs_to_the_periods_that_it_overlaps(database: ClickHouse) -> None:
    def utc(hour: int) -> datetime:
        return datetime(2026, 11, 3, hour, tzinfo=UTC)

    for start, end in ((1, 2), (1, 5), (5, 5), (6, 9), (9, 12), (10, 12), (1, 23)):
        add(database, Event('data.example.org', utc(start), utc(end), f'{start}-{end}'))
    add(database, Event('other.example.org', utc(6), utc(7), 'other'))
    events = of_period(database, 'data.example.org', Period(utc(5), utc(10), '', ''))
    assert {event.title for event in events} == {'1-5', '5-5', '6-9', '9-12', '1-23'}


def test_an_event_can_be_removed_by_its_id() -> None:
    kept, removed = (add_event(title, '--start', '2026-11-03') for title in ('Kept', 'Removed'))
    result = run('events', 'remove', removed)
    assert (result.exit_code, result.stdout) == (0, f'removed event {removed}\n')
    assert [event['id'] for event in list_events()] == [kept]
    again = run('events', 'remove', removed)
    assert (again.exit_code, again.stdout) == (1, '')
    assert again.stderr == f'error: there is no event {removed}; run usage-exporter events list to see the events\n'


def test_the_list_as_a_table_and_as_csv() -> None:
    event_id = add_event('Air quality', '--start', '2026-11-03', '--tag', 'a', '--tag', 'b')
    assert event_id in run('events', 'list').stdout
    [row] = csv.DictReader(io.StringIO(run('events', 'list', '--format', 'csv').stdout))
    assert (row['id'], row['title'], json.loads(row['tags'])) == (event_id, 'Air quality', ['a', 'b'])


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    add_event('caf\udce9 \U0001f600', '--start', '2026-11-03', '--text', 'é\udcff', '--tag', '\udcc3')
    assert [(event['title'], event['text'], event['tags']) for event in list_events()] == [('caf? \U0001f600', 'é?', ['?'])]


def test_without_events_the_list_is_empty() -> None:
    assert list_events() == []
    assert run('events', 'list', '--format', 'csv').stdout == 'id,domain,start,end,title,text,tags\n'
    assert run('events', 'list').exit_code == 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['T'], "Missing option '--start'"),
        ([' ', '--start', '2026-11-03'], 'the title is empty; write a title'),
        (['T', '--start', 'soon'], "--start: invalid day or date-time 'soon'; write"),
        (['T', '--start', '2026-11-03', '--end', '2026-11-31'], "--end: invalid day or date-time '2026-11-31'"),
        (['T', '--start', '2026-11-03', '--end', '2026-11-02'], 'ends before it begins'),
        (['T', '--start', '2026-11-03T10:00', '--end', '2026-11-03T09:59:59'], 'swap --start and --end'),
        (['T', '--start', '1812-11-03'], '--start: 1812-11-03 is not between'),
        (['T', '--start', '2026-11-03', '--domain', 'a b'], "--domain: invalid domain name 'a b'"),
    ],
)
def test_an_invalid_event_is_an_error_of_one_line_and_is_not_stored(options: list[str], message: str) -> None:
    result = run('events', 'add', *options)
    assert (result.exit_code, result.stdout) == (2, '')
    assert message in result.stderr
    assert result.stderr.count('\n') == 1
    assert list_events() == []
