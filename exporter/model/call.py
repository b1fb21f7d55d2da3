"""A call: the columns that one answered API call becomes, in the order of the table `calls`."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import polars as pl

TIMESTAMP = pl.Datetime('ms', 'UTC')
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # before the web
AHEAD = timedelta(days=1)  # how far the clock of a portal may be ahead of ours


class Column(NamedTuple):
    """One column of a call. `words`: few distinct values, sent to ClickHouse as an Arrow dictionary."""

    name: str
    type: pl.DataType
    categorical: bool
    about: str


COLUMNS = (
    Column('timestamp', TIMESTAMP, False, 'when the call was answered, UTC, to the millisecond'),
    Column('domain', pl.String(), True, 'the portal'),
    Column('timezone', pl.String(), True, "the portal's time zone when the call was stored"),
    Column('day', pl.Date(), False, "the day in the portal's time zone"),
    Column('hour', pl.UInt32(), False, 'the UTC moment at which the local hour began, in Unix seconds'),
    Column('user_id', pl.String(), True, "the account; '' is not logged in"),
    Column('visitor', pl.UInt64(), False, 'keyed hash of the address'),
    Column('device', pl.String(), True, 'desktop, phone, tablet, tv, other or unknown'),
    Column('client', pl.String(), True, 'browser, api_client, crawler or unknown'),
    Column('browser', pl.String(), True, "the client's name, as Firefox or python-requests"),
    Column('os', pl.String(), True, 'the operating system'),
    Column('country', pl.String(), True, "ISO 3166-1 alpha-2; '' is unlocated"),
    Column('city', pl.String(), True, 'English name'),
    Column('latitude', pl.Float64(), False, 'degrees, rounded to 0.01; 0 where unlocated'),
    Column('longitude', pl.Float64(), False, 'degrees, rounded to 0.01; 0 where unlocated'),
    Column('method', pl.String(), True, 'GET, POST …'),
    Column('path', pl.String(), False, 'what was asked, without its query string'),
    Column('dataset_id', pl.String(), True, "the data set that was asked; '' is none"),
    Column('status', pl.UInt16(), False, 'HTTP status of the answer'),
    Column('bytes', pl.UInt64(), False, 'size of the answer'),
    Column('duration_ms', pl.UInt32(), False, 'time to answer, in milliseconds; 0 where unknown'),
    Column('batch_id', pl.String(), True, 'the batch that brought the call'),
)

# What a source hands on: one row per call, before enrichment. No nulls: an unknown text is '', an unknown number 0.
RAW: dict[str, pl.DataType] = {
    'timestamp': TIMESTAMP,
    'ip': pl.String(),  # an address or a host name, as it came
    'user_id': pl.String(),
    'user_agent': pl.String(),
    'method': pl.String(),
    'path': pl.String(),  # with its query string
    'status': pl.UInt16(),
    'bytes': pl.UInt64(),
    'duration_ms': pl.UInt32(),
}
# What calls have besides that speak for themselves (those sent over HTTP): their `user_id` and `dataset_id` go before what the
# portal's rules find in the request; '' where a call says none.
SAID = RAW | {'domain': pl.String(), 'dataset_id': pl.String()}


def categorical(name: str) -> pl.Categorical:
    """The type of a column of few distinct texts: an Arrow dictionary, which ClickHouse takes as LowCardinality or Enum.

    Each column has a dictionary of its own: in one that is shared, each would bring the words of all.
    """
    return pl.Categorical(pl.Categories(name, physical=pl.UInt8 if name in ('device', 'client') else pl.UInt32))


def is_category(column: pl.Series, text: str) -> pl.Series:
    """Where a column of words holds this one."""
    return column.to_frame('word').select(pl.col('word') == text).to_series()


class Device(StrEnum):
    """What the caller held in hand."""

    UNKNOWN = 'unknown'
    DESKTOP = 'desktop'
    PHONE = 'phone'
    TABLET = 'tablet'
    TV = 'tv'
    OTHER = 'other'


class Client(StrEnum):
    """What kind of program called. Crawlers are no users."""

    UNKNOWN = 'unknown'
    BROWSER = 'browser'
    API_CLIENT = 'api_client'
    CRAWLER = 'crawler'
