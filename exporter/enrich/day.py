"""Which day and hour of the portal a call falls in: decided once, on the way in."""

import polars as pl

QUARTER = 900  # seconds. Every time zone's offset since 1972 is a multiple of it, so a quarter lies in one local hour


def local_days(timestamps: pl.Series, timezone: str) -> pl.DataFrame:
    """`day`, and `hour`: the UTC moment at which the local hour began, in Unix seconds; a row for each moment."""
    quarters = (timestamps.dt.epoch('s') // QUARTER).cast(pl.Int32).to_frame('quarter')
    second = pl.col('quarter').cast(pl.Int64) * QUARTER
    local = (second * 1000).cast(pl.Datetime('ms', 'UTC')).dt.convert_time_zone(timezone)
    known = quarters.unique().select(
        'quarter', day=local.dt.date(), hour=(second - local.dt.minute().cast(pl.Int64) * 60).cast(pl.UInt32)
    )
    return quarters.join(known, on='quarter', how='left', maintain_order='left').drop('quarter')
