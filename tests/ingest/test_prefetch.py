"""The next items are computed early; none is lost, computed twice or left running."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ingest.prefetch import ITEMS, Prefetch

LONG = 10  # seconds that nothing here takes


@given(st.lists(st.integers() | st.just(0) | st.text()))
def test_all_items_in_their_order(items: list[object]) -> None:
    with Prefetch(iter(items)) as ahead:
        assert list(ahead) == items


def test_a_fixed_number_of_items_is_prefetched() -> None:
    made: list[int] = []
    last = threading.Event()

    def items() -> Iterator[int]:
        for number in range(ITEMS + 4):
            made.append(number)
            if number == ITEMS:
                last.set()
            yield number

    with Prefetch(items()) as ahead:
        assert next(iter(ahead)) == 0
        assert last.wait(LONG)  # while nobody has asked for it
        assert made == list(range(1 + ITEMS))


def test_prefetch_starts_before_iteration() -> None:
    begun = threading.Event()

    def items() -> Iterator[int]:
        begun.set()
        yield 1

    with Prefetch(items()):
        assert begun.wait(LONG)


def test_error_of_an_item_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError('no third')

    items_taken = []
    with pytest.raises(ValueError, match='no third'), Prefetch(items()) as ahead:
        for item in ahead:
            items_taken.append(item)
    assert items_taken == [1, 2]


def test_exit_waits_for_the_item_in_progress() -> None:
    begun, going_on, made = threading.Event(), threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        begun.set()
        going_on.wait(LONG)
        made.set()
        yield 2

    def leave_early() -> None:
        with Prefetch(items()) as ahead:
            for _ in ahead:
                assert begun.wait(LONG)
                going_on.set()
                raise InterruptedError

    with pytest.raises(InterruptedError):
        leave_early()
    assert made.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith('prefetch')]


def test_exit_cancels_items_that_have_not_started() -> None:
    made: list[int] = []
    begun, going_on = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            yield number
            begun.set()
            going_on.wait(LONG)

    with Prefetch(items()) as ahead:
        assert next(iter(ahead)) == 0
        assert begun.wait(LONG)  # else the thread may end before it asks for the second item
        threading.Timer(0.5, going_on.set).start()
    assert made == [0, 1]
