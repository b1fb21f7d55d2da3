"""From bytes to columns: one module per family of formats; pure."""

from typing import NamedTuple

import polars as pl

from exporter.call import Reason


class Parsed(NamedTuple):
    """What became of a block's lines: each is in one of the two, under its number in the block."""

    calls: pl.DataFrame  # `line`, and the columns of RAW
    rejected: pl.DataFrame  # `line`, `reason`

    @property
    def no_format(self) -> bool:
        """Whether no line at all is in the format."""
        return self.calls.is_empty() and bool((self.rejected['reason'] == Reason.FORMAT.value).all())
