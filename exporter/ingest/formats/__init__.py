"""From bytes to columns: one module for each family of log formats; pure."""

from typing import NamedTuple

import polars as pl

from exporter.model.reject import Reason

REASONS = {'line': pl.UInt32, 'reason': pl.String}  # of what is no call
NONE = pl.DataFrame(schema=REASONS)


class Parsed(NamedTuple):
    """What became of a block's lines: each is in one of the three, under its number in the block."""

    calls: pl.DataFrame  # `line`, and the columns of RAW
    rejected: pl.DataFrame  # REASONS
    skipped: pl.DataFrame = NONE

    @property
    def no_format(self) -> bool:
        """Whether there are lines, and none of them is in the format."""
        reasons = self.rejected['reason']
        return self.calls.is_empty() and not reasons.is_empty() and bool((reasons == Reason.FORMAT.value).all())
