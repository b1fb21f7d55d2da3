"""Adds an event for each day on which data sets were published, and keeps these events as the catalogue has them."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from exporter.catalogue import storage
from exporter.model.publications import PREFIX, title
from exporter.report import indicators
from exporter.store.clickhouse import ClickHouse, Row

TAG = 'catalogue'
SECOND = timedelta(seconds=1)


def refresh(database: ClickHouse, domain: str, wanted: bool) -> None:
    """Makes the events of a portal's catalogue those of its data sets; removes them all unless they are wanted.

    Only days after that of the portal's first call, up to today, have an event. Repeating this changes nothing.
    Raises EngineError.
    """
    rows = {row['id']: row for row in _events(database, domain)} if wanted else {}
    stored = database.query(
        """
        SELECT id, groupArray((title, toString(start))) AS versions FROM events
        WHERE domain = {domain:String} AND startsWith(id, {prefix:String})
        GROUP BY id
        """,
        {'domain': domain, 'prefix': PREFIX},
    )
    same = {row['id'] for row in stored if (new := rows.get(row['id'])) and row['versions'] == [(new['title'], new['start'])]}
    if old := [row['id'] for row in stored if row['id'] not in same]:
        database.delete('events', 'domain = {domain:String} AND id IN {ids:Array(String)}', {'domain': domain, 'ids': old})
    if new_rows := [row for event_id, row in rows.items() if event_id not in same]:
        database.insert_rows('events', new_rows, token=uuid.uuid4().hex)  # one that was removed may come again


def _events(database: ClickHouse, domain: str) -> list[Row]:
    """The rows of the events that the stored catalogue gives."""
    portal = next((portal for portal in indicators.portals(database) if portal.domain == domain), None)
    if portal is None:
        return []
    zone = ZoneInfo(portal.timezone)
    published = storage.published(database, domain, portal.first_day, datetime.now(zone).date())
    return [
        {
            'id': f'{PREFIX}{domain}-{day}',
            'domain': domain,
            'start': _utc(day, zone),
            'end': _utc(day + timedelta(1), zone, -SECOND),
            'title': title([text for _, text in group]),
            'text': '',
            'tags': [TAG],
        }
        for day, group in groupby(published, key=lambda row: row[0])
    ]


def _utc(day: date, zone: ZoneInfo, difference: timedelta = timedelta()) -> str:
    """The moment at which a day begins, as ClickHouse writes it, or one near it."""
    return f'{datetime.combine(day, time(), zone).astimezone(UTC) + difference:%F %T}'
