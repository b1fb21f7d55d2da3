"""Months begin and end at midnight in the portal's time zone."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.archive.month import before, bounds, following, parse
from exporter.errors import PeriodError
from exporter.report.period import FIRST, LAST

MONTHS = st.dates(FIRST.replace(month=3), LAST.replace(day=1, month=11)).map(lambda day: day.replace(day=1))


@given(MONTHS)
def test_a_month_reads_back_and_lies_between_its_neighbours(month: date) -> None:
    assert parse('--month', f'{month:%Y-%m}') == month
    assert before(following(month)) == following(before(month)) == month


@pytest.mark.parametrize('text', ['2026-13', '2026-00', '2026', '26-10', '2026-10-01', '2026-1', 'October', '', '٢٠٢٦-10'])
def test_an_invalid_month_is_one_line(text: str) -> None:
    with pytest.raises(PeriodError, match='--month: invalid month'):
        parse('--month', text)


@pytest.mark.parametrize('text', ['1969-12', '1970-01', '2105-12', '9999-10', '0000-10'])
def test_a_month_that_the_database_cannot_hold_is_one_line(text: str) -> None:
    with pytest.raises(PeriodError, match='not between'):
        parse('--month', text)


def test_a_month_in_a_time_zone() -> None:
    assert bounds(date(2026, 10, 1), 'Europe/Paris') == (
        datetime(2026, 9, 30, 22, tzinfo=UTC),
        datetime(2026, 10, 31, 23, tzinfo=UTC),
    )
