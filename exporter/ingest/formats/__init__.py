"""Parses bytes into columns: one module for each family of log formats; pure."""

from typing import NamedTuple

import polars as pl

from exporter.model.reject import Reason

REASONS = {'line': pl.UInt32, 'reason': pl.String}  # of input that is not counted
NONE = pl.DataFrame(schema=REASONS)


class Lines(NamedTuple):
    """The lines of a chunk. Each line is in one of the three frames, under its number in the chunk, from 0."""

    calls: pl.DataFrame  # `line`, the columns of SOURCE_COLUMNS, and the columns that the steps of the pipeline add
    rejected: pl.DataFrame = NONE
    skipped: pl.DataFrame = NONE

    @property
    def no_format(self) -> bool:
        """Whether there are lines and none of them is in the format."""
        reasons = self.rejected['reason']
        return self.calls.is_empty() and not reasons.is_empty() and bool((reasons == Reason.FORMAT.value).all())
