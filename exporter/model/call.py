"""The columns of a call, in the order of the table `calls`."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import polars as pl

TIMESTAMP = pl.Datetime('ms', 'UTC')
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # before the web
LONGEST_NAME = 200  # characters of an account or a data set that are stored
AHEAD = timedelta(days=1)  # a portal's clock may be this far ahead


class Device(StrEnum):
    """The kind of device."""

    UNKNOWN = 'unknown'
    DESKTOP = 'desktop'
    PHONE = 'phone'
    TABLET = 'tablet'
    TV = 'tv'
    OTHER = 'other'


class Client(StrEnum):
    """The kind of program that called. Crawlers are not users."""

    UNKNOWN = 'unknown'
    BROWSER = 'browser'
    API_CLIENT = 'api_client'
    CRAWLER = 'crawler'


class Action(StrEnum):
    """The kind of access."""

    OTHER = 'other'
    QUERY = 'query'  # reads data through an API
    DOWNLOAD = 'download'  # files and exports
    PAGE = 'page'
    METADATA = 'metadata'  # the catalogue, feeds, DCAT
    SEARCH = 'search'
    MAP = 'map'  # WMS, WFS, WMTS, OGC API


KINDS: dict[str, type[StrEnum]] = {'device': Device, 'client': Client, 'action': Action}  # of columns; the first is the default


class Column(NamedTuple):
    """A column of a call.

    `categorical`: few distinct texts; each is kept once, and a row has its number. `nullable`: a number, null if it is unknown;
    in other columns an unknown number is 0, an unknown text is ''.
    """

    name: str
    type: pl.DataType
    categorical: bool
    about: str
    nullable: bool = False

    @property
    def unknown(self) -> str | int | None:
        """The value of a call that lacks the column."""
        if self.name in KINDS:
            return str(next(iter(KINDS[self.name])))
        return None if self.nullable else '' if self.type == pl.String() else 0


COLUMNS = (
    Column('timestamp', TIMESTAMP, False, 'time of the response, UTC, in milliseconds'),
    Column('domain', pl.String(), True, 'the portal'),
    Column('timezone', pl.String(), True, "the portal's time zone when the call was stored"),
    Column('day', pl.Date(), False, "the day in the portal's time zone"),
    Column('hour', pl.UInt32(), False, 'the UTC moment at which the local hour began, in Unix seconds'),
    Column('user_id', pl.String(), True, "the account; '' is not logged in"),
    Column('visitor', pl.UInt64(), False, 'keyed hash of the address'),
    Column('device', pl.String(), True, 'desktop, phone, tablet, tv, other or unknown'),
    Column('client', pl.String(), True, 'browser, api_client, crawler or unknown'),
    Column('browser', pl.String(), True, "the client's name, for example Firefox or python-requests"),
    Column('os', pl.String(), True, 'the operating system'),
    Column('country', pl.String(), True, "ISO 3166-1 alpha-2; '' is unlocated"),
    Column('city', pl.String(), True, 'English name'),
    Column('latitude', pl.Float64(), False, 'degrees, rounded to 0.01; 0 is unlocated'),
    Column('longitude', pl.Float64(), False, 'degrees, rounded to 0.01; 0 is unlocated'),
    Column('method', pl.String(), True, 'GET, POST …'),
    Column('path', pl.String(), False, 'the requested path, without the query string'),
    Column('dataset_id', pl.String(), True, "the requested data set; '' is none"),
    Column('action', pl.String(), True, 'query, download, page, metadata, search, map or other'),
    Column('file', pl.UInt32(), False, 'keyed hash of the file that a download gets; 0 is no download'),
    Column('audience', pl.String(), True, "the audience of the caller by the setting audiences; '' is the public"),
    Column('left_out', pl.UInt8(), False, 'whether the call is left out of all numbers by left_out or suspect'),
    Column('as_number', pl.UInt32(), False, 'number of the autonomous system of the address; 0 is unknown'),
    Column('network', pl.String(), True, 'the organisation of that autonomous system'),
    Column('suspect', pl.UInt8(), False, 'whether a browser without an account called from a hosting network'),
    Column('referrer_host', pl.String(), True, "the host of the referring page; (own) is the portal, '' is none"),
    Column('status', pl.UInt16(), False, 'HTTP status of the response; null is unknown', nullable=True),
    Column('failed', pl.UInt8(), False, 'whether the call failed; 1 for a status of 400 or more'),
    Column('bytes', pl.UInt64(), False, 'size of the response, in bytes'),
    Column('duration_ms', pl.UInt32(), False, 'response time, in milliseconds; null is unknown', nullable=True),
    Column('batch_id', pl.String(), True, 'the batch of the call'),
)

# The columns of a call before enrichment, with nulls as in COLUMNS.
SOURCE_COLUMNS: dict[str, pl.DataType] = {
    'timestamp': TIMESTAMP,
    'ip': pl.String(),  # of the peer: an address or a host name, unchanged
    'forwarded': pl.String(),  # the header that names the caller behind a proxy
    'host': pl.String(),  # that was requested
    'user_id': pl.String(),
    'user_agent': pl.String(),
    'referrer': pl.String(),  # as sent; only its host is kept
    'method': pl.String(),
    'path': pl.String(),  # with its query string
    'status': pl.UInt16(),
    'bytes': pl.UInt64(),
    'duration_ms': pl.UInt32(),
}
# The columns of a call sent over HTTP. Its `user_id` and `dataset_id` take precedence over the portal's rules; '' is unset.
HTTP_COLUMNS = SOURCE_COLUMNS | {'domain': pl.String(), 'dataset_id': pl.String()}


def categorical(name: str) -> pl.Categorical:
    """Returns the type of a categorical column, which ClickHouse gets as LowCardinality.

    Each column has its own dictionary: with a shared one, each column would send the texts of all.
    """
    return pl.Categorical(pl.Categories(name, physical=pl.UInt8 if name in KINDS else pl.UInt32))


def failed() -> pl.Expr:
    """Whether each call failed, by its `status` only."""
    return (pl.col('status').fill_null(0) >= 400).cast(pl.UInt8).alias('failed')


def is_category(column: pl.Series, text: str) -> pl.Series:
    """Returns a Boolean column: whether each value of a categorical column is `text`."""
    return column.to_frame('category').select(pl.col('category') == text).to_series()
