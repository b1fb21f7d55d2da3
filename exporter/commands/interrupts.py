"""Delays Ctrl-C to the end of a batch, so that the summary of an import is true."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self


class Interrupts:
    """A context manager in which the first Ctrl-C raises KeyboardInterrupt, at once or in `check`; further ones do nothing.

    The main thread creates and enters it; any thread may call `check`.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._held = False
        self._before = signal.getsignal(signal.SIGINT)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Inside it, only `check` raises KeyboardInterrupt; a Ctrl-C is raised at its end at the latest."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self.check()

    def check(self) -> None:
        """Raises KeyboardInterrupt, in the calling thread, if Ctrl-C was pressed."""
        if self.interrupted:
            raise KeyboardInterrupt

    def over(self) -> None:
        """Ignores Ctrl-C from now on: the work is done."""
        self._held = True

    def _on_signal(self, *_: object) -> None:
        if self.interrupted:
            return
        self.interrupted = True
        if self._held:
            os.write(2, b'stopping after this batch\n')  # not print, which is not reentrant
        else:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        with suppress(ValueError):  # only the main thread is interrupted
            signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, self._before)
