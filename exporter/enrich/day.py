"""Finds the local day and hour of calls; they are stored and never computed again."""

import polars as pl

QUARTER = 900  # seconds. Every time zone's offset since 1972 is a multiple of it, so a quarter lies in one local hour


def local_days(timestamps: pl.Series, timezone: str) -> pl.DataFrame:
    """A row for each timestamp: `day`, the local date, and `hour`, when the local hour began, in Unix seconds (UTC)."""
    quarters = (timestamps.dt.epoch('s') // QUARTER).cast(pl.Int32).to_frame('quarter')
    second = pl.col('quarter').cast(pl.Int64) * QUARTER
    local = (second * 1000).cast(pl.Datetime('ms', 'UTC')).dt.convert_time_zone(timezone)
    days_and_hours = quarters.unique().select(
        'quarter', day=local.dt.date(), hour=(second - local.dt.minute().cast(pl.Int64) * 60).cast(pl.UInt32)
    )
    return quarters.join(days_and_hours, on='quarter', how='left', maintain_order='left').drop('quarter')
