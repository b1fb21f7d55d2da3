"""What the tests share: one engine for each worker, an empty database for each test."""

import gc
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import allocator  # noqa: F401  # before polars starts threads
import hypothesis
import pytest
from databases import Databases
from serving import Serving, serving

from exporter.store.clickhouse import ClickHouse, connect

hypothesis.settings.register_profile('suite', deadline=None)  # the engine's first answers take their time
hypothesis.settings.load_profile('suite')
SERVER = os.environ.get('USAGE_TEST_CLICKHOUSE_URL', '')  # http://user:password@host:port; else chDB in this process


def pytest_collection_finish() -> None:
    """Lets Python collect garbage often again, which the command line, imported by tests, makes rare: a failed call can hold much."""
    gc.collect()
    gc.freeze()  # what is loaded now stays, so each collection has little to look at
    gc.set_threshold(1_000, 10, 10)


@pytest.fixture(scope='session')
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The databases of this worker. A process can open one path of chDB only."""
    with closing(Databases(SERVER.rstrip('/') or f'chdb://{tmp_path_factory.mktemp("engine")}')) as databases:
        yield databases


@pytest.fixture(scope='session')
def engine_url(databases: Databases) -> str:
    """The engine's address without a database."""
    return databases.engine_url


@pytest.fixture
def database_url(databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database that no other test uses. It has the schema, unless the test is marked `no_database`."""
    with databases.missing() if request.node.get_closest_marker('no_database') else databases.ready() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[ClickHouse]:
    """An open database with the schema of this program."""
    with closing(connect(database_url)) as database:
        yield database


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
