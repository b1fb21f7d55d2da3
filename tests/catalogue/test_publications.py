"""A day on which data sets were published is one event, however often the catalogue is updated."""

from datetime import UTC, date, datetime, timedelta

import pytest
from access_logs import DOMAIN, imported, line

from exporter.catalogue import publications, storage
from exporter.catalogue.dataset import Dataset
from exporter.model.publications import title
from exporter.report import events
from exporter.report.events import Event, in_language
from exporter.store.clickhouse import ClickHouse

pytestmark = pytest.mark.usefixtures('settings')
FIRST = date(2024, 10, 1)  # of the calls


@pytest.fixture
def portal(settings: pytest.MonkeyPatch, database: ClickHouse) -> ClickHouse:
    """A portal with a call on the first day, in Paris."""
    settings.setenv('USAGE_TIMEZONE', 'Europe/Paris')
    imported('-', stdin=line(1).encode())
    return database


def first_day(database: ClickHouse) -> date:
    [row] = database.query('SELECT first_day FROM domains')
    day: date = row['first_day']
    return day


def refresh(database: ClickHouse, created: dict[str, date | None], wanted: bool = True) -> list[Event]:
    """The events after an update with these data sets."""
    pairs = [(name, Dataset(name, title=name.title(), created=day)) for name, day in created.items()]
    storage.replace(database, DOMAIN, 'sets.csv', pairs, len(pairs))
    publications.refresh(database, DOMAIN, wanted)
    return events.read(database, DOMAIN)


def test_a_day_is_one_event_in_the_portals_time_zone(portal: ClickHouse) -> None:
    first = first_day(portal)
    after = first + timedelta(1)
    future = datetime.now(UTC).date() + timedelta(9)
    created = {'trees': after, 'air': after, 'old': first, 'unknown': None, 'future': future}
    [event] = refresh(portal, created)
    assert (event.id, event.title, event.tags) == (f'catalogue-{DOMAIN}-{after}', '2 new data sets: Air, Trees', ['catalogue'])
    assert event.start.astimezone(UTC).hour in (22, 23)
    assert event.end - event.start in (timedelta(hours=hours, seconds=-1) for hours in (23, 24, 25))


def test_updating_again_adds_nothing_and_a_changed_day_replaces_its_event(portal: ClickHouse) -> None:
    after = first_day(portal) + timedelta(1)
    events.add(portal, Event(DOMAIN, datetime.now(UTC), datetime.now(UTC), 'My own', id='mine', tags=['catalogue']))
    first = refresh(portal, {'trees': after})
    assert refresh(portal, {'trees': after}) == first
    assert [event.title for event in refresh(portal, {'trees': after, 'air': after})] == ['2 new data sets: Air, Trees', 'My own']
    assert [event.title for event in refresh(portal, {'water': None})] == ['My own']
    assert refresh(portal, {'trees': after}) == first


def test_events_that_are_not_wanted_are_removed(portal: ClickHouse) -> None:
    after = first_day(portal) + timedelta(1)
    assert len(refresh(portal, {'trees': after})) == 1
    assert refresh(portal, {'trees': after}, wanted=False) == []


def test_a_portal_without_calls_has_no_events(database: ClickHouse) -> None:
    assert refresh(database, {'trees': FIRST}) == []


@pytest.mark.parametrize(
    ('number', 'english', 'french'),
    [
        (1, '1 new data set: T0', '1 nouveau jeu de données : T0'),
        (2, '2 new data sets: T0, T1', '2 nouveaux jeux de données : T0, T1'),
        (
            1_017,
            '1,017 new data sets: T0, T1, T2, T3, T4, …and 1,012 more',
            '1,017 nouveaux jeux de données : T0, T1, T2, T3, T4, … et 1,012 de plus',
        ),
    ],
)
def test_a_title_is_cut_and_translated(number: int, english: str, french: str) -> None:
    event = Event(DOMAIN, datetime.now(UTC), datetime.now(UTC), title([f'T{n}' for n in range(number)]), id='catalogue-x')
    assert in_language(event, 'en').title == english
    assert in_language(event, 'fr').title == french
