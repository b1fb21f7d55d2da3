"""Stores and reads events, the rows of the table `events`. An event explains a change in activity."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from exporter.errors import InputError, PeriodError
from exporter.model import counting_rules, publications
from exporter.report.period import Moment, Period
from exporter.store.clickhouse import ClickHouse, Row

SECOND = timedelta(seconds=1)


class Event(msgspec.Struct, frozen=True):
    """An event of one portal, or of every portal if `domain` is ''. `start` <= `end`, with a resolution of one second."""

    domain: str
    start: datetime
    end: datetime
    title: str
    text: str = ''
    tags: list[str] = []
    id: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex[:8])


def last_second(until: Moment) -> datetime:
    """The end of an event that was given a last day, which is included whole, or a last moment."""
    return max(until.begins, until.ends - SECOND)


def as_row(event: Event, zone: ZoneInfo) -> Row:
    """The event as the command and the HTTP interface show it, with its times in this zone (ISO 8601)."""
    times = {'start': event.start.astimezone(zone).isoformat(), 'end': event.end.astimezone(zone).isoformat()}
    return msgspec.structs.asdict(event) | times


def in_language(event: Event, language: str) -> Event:
    """The event with title and text in a language, if the program wrote it: it is stored in English."""
    if counting_rules.TAG in event.tags and (texts := counting_rules.descriptions(language).get(event.id)):
        return msgspec.structs.replace(event, title=texts.title, text=texts.text)
    if event.id.startswith(publications.PREFIX):
        title = event.title
        for pattern, translation in publications.TRANSLATIONS[language]:
            title = re.sub(pattern, translation, title)
        return msgspec.structs.replace(event, title=title)
    return event


def add(database: ClickHouse, event: Event) -> None:
    """Stores an event. Raises PeriodError if it ends before it begins, EngineError."""
    if event.end < event.start:
        raise PeriodError(f'the event ends before it begins ({event.start:%Y-%m-%d %H:%M} UTC)', 'swap --start and --end')
    times = {'start': f'{event.start.astimezone(UTC):%F %T}', 'end': f'{event.end.astimezone(UTC):%F %T}'}
    # a token of its own: an event that was removed may be added again under the same id
    database.insert_rows('events', [msgspec.structs.asdict(event) | times], token=uuid.uuid4().hex)


def read(database: ClickHouse, domain: str | None) -> list[Event]:
    """The events of a portal and those for every portal, sorted by start; without a domain, all events. Raises EngineError."""
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
        Event(
            domain=row['domain'],
            start=datetime.fromtimestamp(row['first'], UTC),
            end=datetime.fromtimestamp(row['last'], UTC),
            title=row['title'],
            text=row['text'],
            tags=list(row['tags']),
            id=row['id'],
        )
        for row in rows
    ]


def of_period(database: ClickHouse, domain: str, period: Period) -> list[Event]:
    """The events of a portal, and those for every portal, that overlap a period. Raises EngineError."""
    return [event for event in read(database, domain) if event.start < period.end and event.end >= period.start]


def remove(database: ClickHouse, event_id: str) -> None:
    """Removes an event. Raises InputError if no event has this id, EngineError."""
    if not database.query('SELECT 1 FROM events WHERE id = {id:String}', {'id': event_id}):
        raise InputError(f'there is no event {event_id}', 'run usage-exporter events list to see the events')
    database.delete('events', 'id = {id:String}', {'id': event_id})
