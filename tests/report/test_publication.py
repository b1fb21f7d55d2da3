"""What is published tells nothing about single persons."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.report.publication import few


@given(st.integers(0, 100), st.integers(1, 100))
def test_a_small_number_of_users_is_not_told(number: int, minimum: int) -> None:
    shown = few(number, minimum)
    assert shown == (f'fewer than {minimum}' if 1 <= number < minimum else number)
