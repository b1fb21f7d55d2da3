"""What the tests share: one engine, a database of its own for each test."""

import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import hypothesis
import pytest
from serving import Serving, serving

from exporter import schema
from exporter.clickhouse import ClickHouse, connect

hypothesis.settings.register_profile('suite', deadline=None)  # the engine's first answers take their time
hypothesis.settings.load_profile('suite')
SERVER = os.environ.get('USAGE_TEST_CLICKHOUSE_URL', '')  # http://user:password@host:port; else chDB in this process


@pytest.fixture(scope='session')
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The engine's address without a database. A process can open one path of chDB only.

    One connection stays open until the end: chDB starts the engine with its first connection and stops it with its last, each
    start loads all databases and costs up to a second, and each stop leaves 10 threads, 25 file handles and 6 MB behind.
    """
    url = SERVER.rstrip('/') or f'chdb://{tmp_path_factory.mktemp("engine")}'
    with closing(connect(in_engine(url, 'default'))):
        yield url


def in_engine(engine_url: str, database: str) -> str:
    """The address of a database in the engine."""
    return f'{engine_url}?database={database}' if engine_url.startswith('chdb') else f'{engine_url}/{database}'


@pytest.fixture
def database_url(engine_url: str) -> Iterator[str]:
    """The address of a database that no other test uses."""
    name = f'test_{uuid.uuid4().hex[:12]}'
    yield in_engine(engine_url, name)
    with closing(connect(in_engine(engine_url, 'default'))) as database:
        database.command(f'DROP DATABASE IF EXISTS `{name}` SYNC')  # else its tables stay in memory for 8 minutes


@pytest.fixture
def database(database_url: str) -> Iterator[ClickHouse]:
    """An open database with the schema of this program."""
    opened = connect(database_url)
    schema.apply(opened)
    yield opened
    opened.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which the program uses the test's database and a data directory of its own."""
    for name in [name for name in os.environ if name.startswith('USAGE_') and not name.startswith('USAGE_TEST_')]:
        monkeypatch.delenv(name)
    monkeypatch.setenv('USAGE_CLICKHOUSE_URL', database_url)
    monkeypatch.setenv('USAGE_DATA_DIR', str(tmp_path / 'data'))
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def web(tmp_path: Path, database: ClickHouse) -> Iterator[Serving]:
    """The HTTP interface over a spool and a database of its own; no token is needed until one is made."""
    with serving(tmp_path / 'data', lambda: database) as parts:
        yield parts
