"""Asks an expensive question once per distinct value of a column, and remembers the answers between batches."""

from collections.abc import Callable

import polars as pl

REMEMBERED = 500_000  # answers kept; past that the memory starts again, so that it stays bounded


class Distinct:
    """A question over values, answered once per distinct one.

    `ask` takes a column of distinct values (no nulls) and gives as many rows of answers, in the same order.
    """

    def __init__(self, ask: Callable[[pl.Series], pl.DataFrame], remembered: int = REMEMBERED) -> None:
        self.ask = ask
        self.remembered = remembered
        self.known: pl.DataFrame | None = None

    def __call__(self, column: pl.Series) -> pl.DataFrame:
        """The answers, a row for each of `column`, in its order."""
        keys = column.rename('key').to_frame()
        asked = keys.unique()
        if self.known is None or len(self.known) > self.remembered:
            self.known = self._answer(asked)
        elif len(new := asked.join(self.known, on='key', how='anti')):
            self.known = pl.concat([self.known, self._answer(new)])
        return keys.join(self.known, on='key', how='left', maintain_order='left').drop('key')

    def _answer(self, keys: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([keys, self.ask(keys['key'])], how='horizontal')
