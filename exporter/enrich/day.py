"""Which day and hour of the portal a call falls in: decided once, on the way in."""

import polars as pl

from exporter.enrich.distinct import Distinct

QUARTER = 900  # seconds. Every time zone's offset since 1972 is a multiple of it, so a quarter lies in one local hour


class Days:
    """The local day and hour of moments, in one time zone."""

    def __init__(self, timezone: str) -> None:
        self.timezone = timezone
        self.of_quarter = Distinct(self._days)

    def __call__(self, timestamps: pl.Series) -> pl.DataFrame:
        """`day`, and `hour`: the UTC moment at which the local hour began, in Unix seconds."""
        return self.of_quarter((timestamps.dt.epoch('s') // QUARTER).cast(pl.Int32))

    def _days(self, quarters: pl.Series) -> pl.DataFrame:
        utc = (quarters.cast(pl.Int64) * QUARTER * 1000).cast(pl.Datetime('ms', 'UTC'))
        local = utc.dt.convert_time_zone(self.timezone)
        hour = quarters.cast(pl.Int64) * QUARTER - local.dt.minute().cast(pl.Int64) * 60
        return pl.DataFrame({'day': local.dt.date(), 'hour': hour.cast(pl.UInt32)})
