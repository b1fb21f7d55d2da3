"""`prune` removes old calls and keeps their daily sums; every answer is correct before, during and after."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from access_logs import FIRST, asked, imported, log, paths, run, summary
from databases import Databases
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from independent import Call, Count, begin
from test_views import MIDNIGHTS, PLACES, SEASONS, SECOND, ZONES, Period, agree, periods, some_domains, store

from exporter.config import Settings, load
from exporter.errors import EngineError
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect
from exporter.store.rollups import calls_from
from exporter.upkeep.retention import Removed, remove_old

pytestmark = pytest.mark.slow
DAYS = [date(2026, 3, 29), date(2026, 10, 25)]  # on which clocks of Paris change
TODAY = date(2026, 11, 1)
CALLS_FROM = date(2026, 10, 27)


def settings_with(**days: int) -> Settings:
    """The current settings with these changes."""
    return load().model_copy(update=days)


def dates(database: ClickHouse, table: str) -> list[date]:
    return [row['day'] for row in database.query(f'SELECT DISTINCT day FROM {table} ORDER BY day')]


@pytest.fixture(scope='module')
def removed(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ClickHouse, list[Call]]]:
    """Calls of six portals, many around midnight. Old calls are removed; other old calls are stored afterwards."""
    chance = random.Random(3)
    stored = [
        Call(
            (chance.choice(MIDNIGHTS[zone]) + timedelta(milliseconds=chance.choice([-1, 0, 999, 1000, 40_000_000]))).astimezone(
                UTC
            ),
            domain,
            zone,
            f'user {chance.randrange(40)}' if chance.random() < 0.3 else '',
            chance.randrange(400),
            chance.choice(['desktop', 'phone', 'tablet', 'unknown']),
            chance.choice(['browser', 'api_client', 'crawler']),
            chance.choice(PLACES),
        )
        for domain, zone in chance.choices(list(ZONES.items()), k=2000)
    ]
    kept = Settings(data_dir=tmp_path_factory.mktemp('data'), keep_calls_days=(TODAY - CALLS_FROM).days)
    with databases.ready() as url, closing(connect(url)) as database:
        store(database, *stored[:1500])
        assert remove_old(kept, database, TODAY).calls
        store(database, *stored[1500:])
        yield database, stored


@pytest.mark.parametrize('zone', ZONES.values())
@pytest.mark.parametrize('day', [*DAYS, CALLS_FROM])
def test_a_period_near_any_midnight_includes_whole_days_without_calls(
    removed: tuple[ClickHouse, list[Call]], zone: str, day: date
) -> None:
    database, stored = removed
    first, last = begin(day, zone), begin(day + timedelta(1), zone)
    domains = [domain for domain, other in ZONES.items() if other == zone]
    for before in (-SECOND, 0 * SECOND, SECOND):
        for after in {-before, before}:
            period = first + before, last + after
            agree(database, Count(stored, domains, *period, False, CALLS_FROM), domains, False)


@hypothesis_settings(max_examples=40)
@given(period=periods, domains=some_domains, crawlers=st.booleans())
@example(period=[SEASONS[0][0], SEASONS[1][0]], domains=[], crawlers=True)
@example(period=[datetime(2026, 3, 29, 12, tzinfo=UTC)] * 2, domains=[], crawlers=False)
def test_any_period_is_counted_correctly(
    removed: tuple[ClickHouse, list[Call]], period: Period, domains: list[str], crawlers: bool
) -> None:
    database, stored = removed
    agree(database, Count(stored, domains, *period, crawlers, CALLS_FROM), domains, crawlers)


@pytest.fixture
def access_log(settings: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A log of ten days."""
    path = tmp_path / 'access.log'
    path.write_bytes(log(range(0, 2000, 10)))
    assert imported(path) == summary(stored=200)
    return path


def first_day(days: int) -> date:
    return FIRST.date() + timedelta(days)


def test_without_a_setting_everything_stays(access_log: Path, database: ClickHouse) -> None:
    assert remove_old(load(), database, date(2100, 1, 1)) == Removed()
    assert paths(database) == asked(range(0, 2000, 10))
    assert schema.pending(database) == []


def test_old_calls_are_removed_and_their_sums_stay(access_log: Path, database: ClickHouse) -> None:
    sums = database.query('SELECT * FROM domains')
    all_days = dates(database, 'calls')
    assert remove_old(settings_with(keep_calls_days=5), database, first_day(10)).calls == 200 - len(paths(database))
    assert dates(database, 'calls') == [day for day in all_days if day >= first_day(5)]
    assert dates(database, 'days') == dates(database, 'accounts') == dates(database, 'places') == all_days
    assert database.query('SELECT * FROM domains') == sums
    assert calls_from(database) == first_day(5)
    assert remove_old(settings_with(keep_calls_days=5), database, first_day(10)) == Removed()


def test_old_sums_are_removed(access_log: Path, database: ClickHouse) -> None:
    all_days = dates(database, 'days')
    assert remove_old(settings_with(keep_calls_days=2, keep_rollups_days=7), database, first_day(10)).days == 3
    assert dates(database, 'calls') == [day for day in all_days if day >= first_day(8)]
    for table in ('days', 'accounts', 'places'):
        assert dates(database, table) == [day for day in all_days if day >= first_day(3)], table


def test_a_log_with_removed_calls_is_not_imported_again(access_log: Path, database: ClickHouse) -> None:
    remove_old(settings_with(keep_calls_days=5), database, first_day(10))
    kept = paths(database)
    assert imported(access_log) == summary(already=200)
    assert paths(database) == kept
    with access_log.open('ab') as file:
        file.write(log([2000]))
    assert imported(access_log) == summary(already=200, stored=1)


def test_a_longer_retention_later_keeps_the_answers_correct(access_log: Path, database: ClickHouse) -> None:
    remove_old(settings_with(keep_calls_days=2), database, first_day(10))
    remove_old(settings_with(keep_calls_days=9), database, first_day(10))
    assert calls_from(database) == first_day(8)
    [row] = database.query('SELECT sum(calls) AS calls FROM days WHERE crawler = 0')
    period = "domains=[], from='2024-10-30 22:15:00', to='2024-11-20 00:00:00', crawlers=0"
    assert database.query(f'SELECT calls FROM summary({period})') == [row]


def test_an_interrupted_removal_is_finished_by_the_next(
    access_log: Path, database: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, kept = ClickHouse.command, settings_with(keep_calls_days=5, keep_rollups_days=7)
    all_days = dates(database, 'days')
    period = "domains=[], from='2024-11-02 00:00:00', to='2024-11-20 00:00:00', crawlers=1"
    expected = database.query(f'SELECT * FROM summary({period})')
    for done in range(20 + len(schema.views())):  # each view is a statement
        remaining = done

        def failing_command(self: ClickHouse, statement: str, parameters: object = None) -> None:
            nonlocal remaining
            if remaining == 0:
                raise EngineError('interrupted')
            remaining -= 1
            real(self, statement, parameters)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(ClickHouse, 'command', failing_command)
            try:
                remove_old(kept, database, first_day(10))
                break
            except EngineError:
                pass
        assert database.query(f'SELECT * FROM summary({period})') == expected
    else:
        pytest.fail('the removal never ended')
    assert dates(database, 'calls') == [day for day in all_days if day >= first_day(5)]
    assert dates(database, 'days') == dates(database, 'accounts') == [day for day in all_days if day >= first_day(3)]
    assert schema.pending(database) == []


def test_the_command_prints_what_it_removed(access_log: Path, settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    assert run('prune').output == 'removed 0 calls and the sums of 0 days\n'
    settings.setenv('USAGE_KEEP_CALLS_DAYS', '10')
    settings.setenv('USAGE_KEEP_ROLLUPS_DAYS', '20')
    assert run('prune').output == 'removed 200 calls and the sums of 11 days\n'
    assert (paths(database), dates(database, 'days')) == ([], [])
    assert run('prune').output == 'removed 0 calls and the sums of 0 days\n'
