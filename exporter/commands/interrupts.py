"""Ctrl-C while something is stored: heeded between two batches, so that what is said of them is true."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self


class Interrupts:
    """The first Ctrl-C raises KeyboardInterrupt, at once or where `check` is called; further ones change nothing. Use it in a
    `with`."""

    def __init__(self) -> None:
        self.asked = False
        self._held = False
        self._before = signal.getsignal(signal.SIGINT)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it only `check` raises, and its end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self.check()

    def check(self) -> None:
        """Raises KeyboardInterrupt where it was asked for, in whatever thread this is."""
        if self.asked:
            raise KeyboardInterrupt

    def over(self) -> None:
        """There is nothing left to interrupt."""
        self._held = True

    def _ask(self, *_: object) -> None:
        if self.asked:
            return
        self.asked = True
        if self._held:
            os.write(2, b'stopping after this batch\n')  # print may be at work, and cannot be called twice
        else:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        with suppress(ValueError):  # only the main thread is interrupted
            signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, self._before)
