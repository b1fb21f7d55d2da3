"""Each thread gets its own connection to a database with the schema."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from exporter.errors import SchemaError
from exporter.store.clickhouse import ClickHouse, connect
from exporter.store.connections import Connections


@pytest.mark.no_database
def test_each_thread_has_its_own_and_keeps_it(database_url: str) -> None:
    together = threading.Barrier(4)

    def ask(connections: Connections) -> tuple[int, bool, list[dict[str, object]]]:
        together.wait()
        mine = connections()
        return id(mine), connections() is mine, mine.query('SELECT count() AS n FROM calls')

    with Connections(database_url) as connections, ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: ask(connections), range(4)))
    assert len({number for number, *_ in answers}) == 4
    assert [rest for _, *rest in answers] == [[True, [{'n': 0}]]] * 4


def test_a_database_of_another_version_is_refused(database_url: str) -> None:
    database = connect(database_url)
    database.command("INSERT INTO migrations (name, digest) VALUES ('9999_later', '')")
    database.close()
    with Connections(database_url) as connections:
        with pytest.raises(SchemaError, match='install a newer usage-exporter'):
            connections()
        before = open_connections()
        for _ in range(3):  # as the jobs of serve do
            with suppress(SchemaError):
                connections()
        assert open_connections() <= before


def open_connections() -> int:
    gc.collect()
    return sum(isinstance(item, ClickHouse) for item in gc.get_objects())
