"""Grafana reads the same numbers through `/clickhouse` as from the database: every panel, variable, event and alert."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from dashboards import LANGUAGES, alerts, expand, queries
from serving import listening, read_through, serving

from exporter.cli import main
from exporter.ingest.demo.traffic import DOMAIN, TIMEZONE
from exporter.store.clickhouse import ClickHouse
from exporter.store.connections import Connections

pytestmark = pytest.mark.slow


@pytest.fixture
def demo(settings: pytest.MonkeyPatch) -> None:
    """The demo in the database of the test."""
    settings.setenv('USAGE_TIMEZONE', TIMEZONE)
    assert CliRunner().invoke(main, ['demo']).exit_code == 0


@pytest.fixture
def through(tmp_path: Path, database: ClickHouse, database_url: str) -> Iterator[ClickHouse]:
    """The database as clickhouse-connect reads it through the interface: in Native, with a protocol version."""
    with (
        Connections(database_url) as connections,
        serving(tmp_path / 'serving', connections) as parts,
        listening(parts.app) as port,
    ):
        yield read_through(port, database)


@pytest.mark.usefixtures('demo')
def test_every_statement_of_pages_and_alerts_is_answered_as_by_the_database(database: ClickHouse, through: ClickHouse) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    periods = [(now - timedelta(days=14), now), (now - timedelta(days=900), now - timedelta(days=800))]
    statements = [
        expand(query, f'{start:%F %T}', f'{end:%F %T}', domains=(DOMAIN,), language=language)
        for start, end in periods
        for language in LANGUAGES
        for query in queries(language)
    ] + alerts(int(now.timestamp()))
    assert len(statements) > 200
    with_rows = 0
    for statement in statements:
        rows = through.query(statement)
        assert rows == database.query(statement), statement
        assert through.columns(statement) == database.columns(statement), statement
        with_rows += bool(rows)
    assert with_rows > 100


@pytest.mark.usefixtures('demo')
def test_the_indicators_equal_the_report(through: ClickHouse) -> None:
    report = json.loads(CliRunner().invoke(main, ['report', '--format', 'json']).stdout)
    zone = ZoneInfo(TIMEZONE)
    start = datetime.fromisoformat(report['from']).replace(tzinfo=zone)
    end = datetime.fromisoformat(report['to']).replace(tzinfo=zone) + timedelta(days=1) - timedelta(seconds=1)
    first, last = (f'{moment.astimezone(UTC):%F %T}' for moment in (start, end))

    def panel(number: int) -> list[tuple[object, ...]]:
        statement = expand(('users', number), first, last, domains=(DOMAIN,))
        return [tuple(row.values()) for row in through.query(statement)]

    assert [row[1] for row in panel(1)] == [day['calls'] for day in report['activity']]
    names = ('total_users', 'calls_per_user', 'anonymous_users_percent', 'mobile_users_percent')
    assert [panel(number)[0][0] for number in (2, 3, 4, 5)] == [report[name] for name in names]
    assert panel(6) == [(row['user'], row['calls']) for row in report['top_users']]
    assert sum(int(str(row[3])) for row in panel(7)) == sum(row['calls'] for row in report['map'])
