"""Events: what explains a change in activity. Rows of the table `events`."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from exporter.errors import InputError, PeriodError
from exporter.report.period import Moment, Period
from exporter.store.clickhouse import ClickHouse

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Event:
    """Something that happened to a portal, or with domain '' to every one. `start` <= `end`, to the second."""

    domain: str
    start: datetime
    end: datetime
    title: str
    text: str = ''
    tags: list[str] = field(default_factory=list)
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])


def last_second(until: Moment) -> datetime:
    """When an event ends that lasts until a day, which is included whole, or until a moment."""
    return max(until.begins, until.ends - SECOND)


def add(database: ClickHouse, event: Event) -> None:
    """Stores an event. Raises PeriodError for one that ends before it begins, EngineError."""
    if event.end < event.start:
        raise PeriodError(f'the event ends before it begins ({event.start:%Y-%m-%d %H:%M} UTC)', 'swap --start and --end')
    row = vars(event) | {name: f'{getattr(event, name).astimezone(UTC):%Y-%m-%d %H:%M:%S}' for name in ('start', 'end')}
    database.insert_rows('events', [row], token=event.id)


def listed(database: ClickHouse, domain: str | None) -> list[Event]:
    """The events of a portal and those of every portal, by their start; without a domain all there are. Raises EngineError."""
    rows = database.query(
        """
        SELECT domain, toUnixTimestamp(start) AS first, toUnixTimestamp(end) AS last, title, text, tags, id
        FROM events
        WHERE {domain:String} = '' OR domain IN ('', {domain:String})
        ORDER BY start, id
        """,
        {'domain': domain or ''},
    )
    return [
        Event(row['domain'], datetime.fromtimestamp(row.pop('first'), UTC), datetime.fromtimestamp(row.pop('last'), UTC),
              row['title'], row['text'], list(row['tags']), row['id'])
        for row in rows
    ]  # fmt: skip


def of_period(database: ClickHouse, domain: str, asked: Period) -> list[Event]:
    """The events of a portal, and of every portal, that overlap a period. Raises EngineError."""
    return [event for event in listed(database, domain) if event.start < asked.end and event.end >= asked.start]


def remove(database: ClickHouse, event_id: str) -> None:
    """Takes an event away. Raises InputError where there is none of this id, EngineError."""
    if not database.query('SELECT 1 FROM events WHERE id = {id:String}', {'id': event_id}):
        raise InputError(f'there is no event {event_id}', 'run usage-exporter events list to see the events')
    database.command('ALTER TABLE events DELETE WHERE id = {id:String} SETTINGS mutations_sync = 1', {'id': event_id})
