"""The axis covers the values in round steps, and the line ends where the axis does."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from exporter.page import chart


@given(st.integers(0, 10**12))
def test_the_axis_covers_the_largest_value_with_few_round_numbers(largest: int) -> None:
    ticks = chart.ticks(largest)
    step = ticks[1]
    assert ticks == [step * number for number in range(len(ticks))]
    assert 2 <= len(ticks) <= 6
    assert ticks[-2] < max(largest, 1) <= ticks[-1]
    assert str(step).rstrip('0') in ('1', '2', '5')


@given(st.integers(1, 3000), st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_a_few_days_have_a_label(number: int, first: date) -> None:
    days = [first + timedelta(day) for day in range(number)]
    labelled, skeleton = chart.labels(days)
    assert 1 <= len(labelled) <= chart.LABELS
    assert skeleton == 'MMMd' or all(days[at].day == 1 for at in labelled)
    assert skeleton != 'y' or all(days[at].month == 1 for at in labelled)
    assert all(0 <= chart.positions(number)[at] <= 1 for at in labelled)


def test_a_line_goes_from_edge_to_edge_and_from_top_to_bottom() -> None:
    assert chart.line([0, 5, 10], 10) == '0.0,1000.0 500.0,500.0 1000.0,0.0'
    assert chart.line([5], 10) == '0.0,500.0 1000.0,500.0'
