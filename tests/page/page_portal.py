"""A portal with a catalogue, an event with markup, and calls on 31 days."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from databases import Databases
from known_calls import DOMAIN, store

from exporter.report import events
from exporter.report.events import Event
from exporter.store.clickhouse import ClickHouse, connect

MARKUP = '</style><script>alert("1")</script>\x1b\u202e & \'<b>'


@pytest.fixture(scope='module')
def portal(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """The portal of known_calls.py, which the command reads. Tests only read it."""
    folder = tmp_path_factory.mktemp('page')
    with databases.ready() as url, pytest.MonkeyPatch.context() as environment, closing(connect(url)) as database:
        environment.setenv('USAGE_CLICKHOUSE_URL', url)
        environment.setenv('USAGE_DATA_DIR', str(folder))
        store(database)
        day = datetime(2026, 11, 3, tzinfo=UTC)
        events.add(database, Event(DOMAIN, day, day, MARKUP, MARKUP))
        yield database
