"""Which month is due, and that its archive is written once."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from access_logs import FIREFOX, imported
from hypothesis import given
from hypothesis import strategies as st
from months import DOMAIN, check

from exporter.archive.due import archive_due, due_month
from exporter.archive.month import before, bounds, following
from exporter.config import load
from exporter.store.clickhouse import ClickHouse


@pytest.mark.parametrize(
    ('now', 'day', 'month'),
    [
        ('2026-11-05 00:00', 5, '2026-10-01'),
        ('2026-11-30 12:00', 5, '2026-10-01'),
        ('2026-12-04 23:59', 5, '2026-10-01'),  # serve was down for a month
        ('2026-12-05 00:00', 5, '2026-11-01'),
        ('2027-01-01 00:00', 1, '2026-12-01'),
        ('2027-01-01 00:00', 28, '2026-11-01'),
    ],
)
def test_the_last_month_whose_day_has_come(now: str, day: int, month: str) -> None:
    assert due_month(datetime.fromisoformat(f'{now}+00:00'), day, ['UTC']) == date.fromisoformat(month)


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 28),
    st.lists(st.sampled_from(['UTC', 'Europe/Paris', 'Pacific/Kiritimati', 'America/Adak']), min_size=1),
)
def test_a_due_month_is_over_in_every_time_zone(now: datetime, day: int, zones: list[str]) -> None:
    month = due_month(now, day, zones)
    assert all(bounds(month, zone)[1] <= now for zone in zones)
    assert (now.date() - following(month)).days < 31 + 28


class Log:
    """What `serve` would log."""

    def __init__(self) -> None:
        self.lines = list[str]()

    def __call__(self, text: str, *values: object) -> None:
        self.lines.append(text % values)


@pytest.fixture
def due(tmp_path: Path, settings: pytest.MonkeyPatch) -> str:
    """The month that is due, in which there is a call."""
    settings.setenv('USAGE_ARCHIVE_DIR', str(tmp_path / 'published'))
    settings.setenv('USAGE_ARCHIVE_DAY', '1')
    month = before(datetime.now(UTC).date().replace(day=1))
    (tmp_path / 'log').write_text(
        f'192.0.2.1 - - [{month + timedelta(3):%d/%b/%Y}:08:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "{FIREFOX}"\n'
    )
    imported(tmp_path / 'log', domain=DOMAIN)
    return f'{month:%Y-%m}'


def test_it_is_written_once(due: str, database: ClickHouse, tmp_path: Path) -> None:
    info, warn = Log(), Log()
    archive_due(load(), database, info, warn)
    table = tmp_path / 'published' / f'{due}.csv'
    assert (info.lines, warn.lines) == ([f'wrote {table}'], [])
    before = table.stat()
    archive_due(load(), database, info, warn)
    assert (len(info.lines), warn.lines, table.stat()) == (1, [], before)
    assert check(table.parent).exit_code == 0


def test_a_folder_that_cannot_be_written_is_one_line_and_tried_again(due: str, database: ClickHouse, tmp_path: Path) -> None:
    info, warn = Log(), Log()
    (tmp_path / 'published').write_text('')
    archive_due(load(), database, info, warn)
    assert (info.lines, len(warn.lines)) == ([], 1)
    assert warn.lines[0].startswith(f'cannot archive {due}, tries again in an hour: ')
    (tmp_path / 'published').unlink()
    archive_due(load(), database, info, warn)
    assert len(info.lines) == 1


def test_without_calls_there_is_nothing_to_write(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> None:
    settings.setenv('USAGE_ARCHIVE_DIR', str(tmp_path / 'published'))
    settings.setenv('USAGE_ARCHIVE_DAY', '1')
    info, warn = Log(), Log()
    archive_due(load(), database, info, warn)
    (tmp_path / 'log').write_text(f'192.0.2.1 - - [01/Oct/2024:08:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "{FIREFOX}"\n')
    imported(tmp_path / 'log', domain=DOMAIN)
    archive_due(load(), database, info, warn)
    assert info.lines == warn.lines == []
    assert not (tmp_path / 'published').exists()
