"""Makes the next items of an iterator while the one before is worked on."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

ITEMS = 2  # ahead
Item = TypeVar('Item')


class Prefetch(Generic[Item]):
    """An iterator that a thread keeps ITEMS ahead, from the start. Use it in a `with`: its end waits for what is being made."""

    def __init__(self, items: Iterator[Item]) -> None:
        self.items = items
        self.thread = ThreadPoolExecutor(1, thread_name_prefix='ahead')
        self.coming = deque(self._next() for _ in range(ITEMS))

    def __iter__(self) -> Iterator[Item]:
        """The items, in their order; raises what making one raises."""
        while (item := self.coming.popleft().result()) is not None:
            self.coming.append(self._next())
            yield item

    def _next(self) -> Future[Item | None]:
        return self.thread.submit(next, self.items, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.shutdown(cancel_futures=True)
