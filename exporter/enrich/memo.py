"""Numbers the distinct texts of a column, and computes an expensive function once for each of them."""

from collections.abc import Callable

import polars as pl

CHUNKS = 8  # of results, before they are joined: joining copies all, and polars looks up in up to 8 chunks without it
REMEMBERED = 300_000  # texts, some 300 bytes each with their results; beyond that all are forgotten: the memory stays bounded


class Dictionary:
    """Numbers the texts of columns from 0 on, in the order in which they first come. One thread at a time may call it.

    The numbers are those of a categorical type, which keeps its texts as long as a column of the type exists.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self.remembered = remembered
        self.size, self.none = 0, _no_texts()

    def __call__(self, texts: pl.Series) -> pl.Series:
        """The texts of a column (no nulls) as a categorical column, which takes 4 bytes a row."""
        if self.size > self.remembered:
            self.size, self.none = 0, _no_texts()
        numbered = texts.cast(self.none.dtype)
        self.size = max(self.size, _end(numbered.to_physical()))
        return numbered


class Memo:
    """A memoized function from texts to rows. One thread at a time may call it.

    `compute` takes distinct texts and returns one row for each, in the same order.
    """

    def __init__(self, compute: Callable[[pl.Series], pl.DataFrame], remembered: int = REMEMBERED) -> None:
        self.compute = compute
        self.dictionary = Dictionary(remembered)
        self.type: pl.DataType = self.dictionary.none.dtype
        self.results = pl.DataFrame()
        self.rows = _no_rows()  # the row of each number in `results`, null if it is not computed yet

    def __call__(self, column: pl.Series) -> pl.DataFrame:
        """A row for each text of `column` (no nulls), in its order: texts, or a column that a Dictionary numbered."""
        numbered = self.dictionary(column) if column.dtype == pl.String else column
        if numbered.dtype != self.type:
            self.type, self.results, self.rows = numbered.dtype, pl.DataFrame(), _no_rows()
        numbers = numbered.to_physical()
        if (missing := _end(numbers) - len(self.rows)) > 0:
            self.rows = self.rows.extend_constant(None, missing)
        rows = self.rows[numbers]
        if rows.has_nulls() or not self.results.width:
            missing_rows = rows.is_null().arg_true()
            self._add(numbered[missing_rows[numbers[missing_rows].arg_unique()]])
            rows = self.rows[numbers]
        return self.results[rows]

    def _add(self, new: pl.Series) -> None:
        """Computes the results of numbered texts, which are distinct and new."""
        results, size = self.compute(new.cast(pl.String)), len(self.results)
        self.results = self.results.vstack(results) if self.results.width else results
        if self.results.n_chunks() > CHUNKS:
            self.results = self.results.rechunk()
        self.rows = self.rows.scatter(new.to_physical(), pl.int_range(size, len(self.results), dtype=pl.UInt32, eager=True))


def _no_texts() -> pl.Series:
    """An empty column with a categorical type of its own."""
    return pl.Series(dtype=pl.Categorical(pl.Categories.random()))


def _no_rows() -> pl.Series:
    return pl.Series(dtype=pl.UInt32)


def _end(numbers: pl.Series) -> int:
    """The number after the greatest."""
    return 0 if numbers.is_empty() else int(numbers.max()) + 1  # type: ignore[arg-type]
