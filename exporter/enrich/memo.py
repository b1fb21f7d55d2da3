"""Computes an expensive function once for each distinct text of a column, and remembers the results between batches."""

from collections.abc import Callable

import polars as pl

CHUNKS = 8  # of results, before they are joined: joining copies all, and polars looks up in up to 8 chunks without it
REMEMBERED = 300_000  # results, some 300 bytes each; beyond that all are forgotten, so that the memory stays bounded


class Memo:
    """A memoized function from texts to rows. One thread at a time may call it.

    `compute` takes distinct texts and returns one row for each, in the same order. polars numbers the texts by a dictionary of
    its own; the result of a text is the row with its number.
    """

    def __init__(self, compute: Callable[[pl.Series], pl.DataFrame], remembered: int = REMEMBERED) -> None:
        self.compute = compute
        self.remembered = remembered
        self.dictionary, self.results = _empty()

    def __call__(self, column: pl.Series) -> pl.DataFrame:
        """A row for each text of `column` (no nulls), in its order."""
        if len(self.results) > self.remembered:
            self.dictionary, self.results = _empty()
        numbers = column.cast(self.dictionary.dtype).to_physical()
        size = len(self.results)
        new = pl.DataFrame({'number': numbers, 'text': column}).filter(pl.col('number') >= size).unique('number').sort('number')
        if len(new) or not size:
            try:
                computed = self.compute(new['text'])
            except BaseException:  # the new texts have numbers already, and no later result may take their rows
                self.dictionary, self.results = _empty()
                raise
            self.results = self.results.vstack(computed) if size else computed
            if self.results.n_chunks() > CHUNKS:
                self.results = self.results.rechunk()
        return self.results[numbers]


def _empty() -> tuple[pl.Series, pl.DataFrame]:
    """A column whose type numbers texts from 0 on, as long as the column lives; and no results."""
    return pl.Series(dtype=pl.Categorical(pl.Categories.random())), pl.DataFrame()
