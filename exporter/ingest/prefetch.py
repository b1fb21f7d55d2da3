"""Computes the next items of an iterator in a thread while the caller works on the current one."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

ITEMS = 1  # ahead
Item = TypeVar('Item')


class Prefetch(Generic[Item]):
    """An iterator that a thread keeps ITEMS ahead. A context manager: its exit waits for the item in progress.

    Threads: one thread may iterate; only the thread of the executor advances `items`.
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self.items = items
        self.executor = ThreadPoolExecutor(1, thread_name_prefix='prefetch')
        self.futures = deque(self._next() for _ in range(ITEMS))

    def __iter__(self) -> Iterator[Item]:
        """Yields the items in order; raises the errors of `items`."""
        while (item := self.futures.popleft().result()) is not None:
            self.futures.append(self._next())
            yield item

    def _next(self) -> Future[Item | None]:
        return self.executor.submit(next, self.items, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.shutdown(cancel_futures=True)
