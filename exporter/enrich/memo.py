"""Asks an expensive question once per distinct text of a column, and remembers the answers between batches."""

from collections.abc import Callable

import polars as pl

CHUNKS = 8  # up to so many polars looks up without joining them, and joining copies all
REMEMBERED = 300_000  # answers kept; past that the memory starts again, so that it stays bounded: some 300 bytes each


class Memo:
    """A question over texts, answered once per distinct one.

    `ask` takes distinct texts and gives as many rows of answers, in the same order. Each text has a number, which polars
    finds by one look-up in a dictionary; its answers are the row of that number.
    """

    def __init__(self, ask: Callable[[pl.Series], pl.DataFrame], remembered: int = REMEMBERED) -> None:
        self.ask = ask
        self.remembered = remembered
        self.numbered, self.answers = _nothing()

    def __call__(self, column: pl.Series) -> pl.DataFrame:
        """The answers, a row for each text of `column` (no nulls), in its order."""
        if len(self.answers) > self.remembered:
            self.numbered, self.answers = _nothing()
        numbers = column.cast(self.numbered.dtype).to_physical()
        known = len(self.answers)
        new = pl.DataFrame({'number': numbers, 'text': column}).filter(pl.col('number') >= known).unique('number').sort('number')
        if len(new) or not known:
            try:
                found = self.ask(new['text'])
            except BaseException:  # the texts are numbered, and no later answer may take their rows
                self.numbered, self.answers = _nothing()
                raise
            self.answers = self.answers.vstack(found) if known else found
            if self.answers.n_chunks() > CHUNKS:
                self.answers = self.answers.rechunk()
        return self.answers[numbers]


def _nothing() -> tuple[pl.Series, pl.DataFrame]:
    """No answers, and a column by whose type texts are numbered: from 0 on, for as long as the column lives."""
    return pl.Series(dtype=pl.Categorical(pl.Categories.random())), pl.DataFrame()
