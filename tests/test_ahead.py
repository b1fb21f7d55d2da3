"""The next item is made while the one before is worked on, and nothing is lost, made twice or left running."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ahead import Ahead

LONG = 10  # seconds that nothing here takes


@given(st.lists(st.integers() | st.just(0) | st.text()))
def test_all_items_in_their_order(items: list[object]) -> None:
    with Ahead(iter(items)) as ahead:
        assert list(ahead) == items


def test_one_item_is_made_ahead_and_no_more() -> None:
    made: list[int] = []
    second = threading.Event()

    def items() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    with Ahead(items()) as ahead:
        assert next(iter(ahead)) == 0
        assert second.wait(LONG)  # while nobody has asked for it
        assert made == [0, 1]


def test_what_making_an_item_raises_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError('no third')

    taken = []
    with pytest.raises(ValueError, match='no third'), Ahead(items()) as ahead:
        for item in ahead:
            taken.append(item)
    assert taken == [1, 2]


def test_its_end_waits_for_what_is_being_made() -> None:
    going_on, made = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        going_on.wait(LONG)
        made.set()
        yield 2

    def leave_early() -> None:
        with Ahead(items()) as ahead:
            for _ in ahead:
                going_on.set()
                raise InterruptedError

    with pytest.raises(InterruptedError):
        leave_early()
    assert made.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith('reader')]
