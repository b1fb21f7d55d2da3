"""Makes the next item of an iterator while the one before is worked on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Self, TypeVar

Item = TypeVar('Item')


class Ahead(Generic[Item]):
    """An iterator that a thread keeps one item ahead. Use it in a `with`: its end waits for the item that is being made."""

    def __init__(self, items: Iterator[Item]) -> None:
        self.items = items
        self.thread = ThreadPoolExecutor(1, thread_name_prefix='reader')

    def __iter__(self) -> Iterator[Item]:
        """The items, in their order; raises what making one raises."""
        coming = self.thread.submit(next, self.items, None)
        while (item := coming.result()) is not None:
            coming = self.thread.submit(next, self.items, None)
            yield item

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.shutdown()
