"""Reads the usual lines of the combined format, at half the cost of the general way; it leaves all other lines to that.

A line is usual only if the general way makes the same call of it.
"""

from datetime import datetime
from typing import NamedTuple

import polars as pl

from exporter.enrich.memo import Memo
from exporter.ingest.formats.access_log import QUOTED
from exporter.ingest.formats.convert import NO_VALUE, with_offset
from exporter.model.call import AHEAD, EARLIEST, SOURCE_COLUMNS

# Up to the time: an address or a host name, no port, no ident, a user; no escapes, no other [.
CALLER = r'^(?:[0-9A-Za-z][0-9A-Za-z._-]*|[0-9A-Fa-f:]*:[0-9A-Fa-f.:]*) - [!#-Z\]-~]+ \[$'
NO_USER = '- ['
# Up to the ?, or all of a request without one, which then ends with the protocol; no escapes, no fragment.
FRONT = r'^(?<method>[A-Z]{1,20}) (?<path>/[!"$->@-\[\]-~]*)(?<protocol> HTTP/\d\.\d)?$'
PROTOCOL = len(' HTTP/1.1')
LOCAL, OFFSET, CLOSING = len('17/May/2025:10:05:03'), len(' +0000'), len('] ')  # the parts of a time
NO_OTHERS = pl.DataFrame(schema={'line': pl.UInt32, 'text': pl.String, 'start': pl.Int64})


class Usual(NamedTuple):
    """The usual lines of a chunk.

    The calls have `line` and the SOURCE_COLUMNS. Their `path` is without the query, which is `query`, null if there is none.
    """

    calls: pl.DataFrame
    others: pl.DataFrame  # `line`, `text` and `start`, the byte offset in the chunk, of each other line


class UsualLines:
    """Looks at each distinct path once. One thread at a time may call it."""

    def __init__(self) -> None:
        self.fronts = Memo(_read_fronts)

    def read(self, text: bytes, now: datetime) -> Usual:
        """Reads whole lines of ASCII without CR. `now` bounds which timestamps are valid."""
        lines = pl.read_lines(text, name='text', row_index_name='line')
        fields = _split(lines)
        timestamps = with_offset(fields['local'], fields['offset']).alias('timestamp')
        fields = fields.hstack([timestamps, *self.fronts(fields['front'])])
        is_usual = fields.select(_is_usual(now)).to_series()
        calls = fields.select(
            'line', 'timestamp', 'ip', pl.lit('').alias('forwarded'), pl.lit('').alias('host'), 'user_id', 'user_agent',
            'referrer', 'method', 'path', 'status', 'bytes', pl.lit(None, SOURCE_COLUMNS['duration_ms']).alias('duration_ms'),
            'query',
        )  # fmt: skip
        if is_usual.all():
            return Usual(calls, NO_OTHERS)
        length = pl.col('text').str.len_bytes().cast(pl.Int64) + 1
        others = lines.with_columns(start=length.cum_sum() - length).filter(~is_usual)
        return Usual(calls.filter(is_usual), others)


def _split(lines: pl.DataFrame) -> pl.DataFrame:
    """A row for each line, split at its quotes and spaces."""
    parts = lines.select('line', pl.col('text').str.splitn('"', len(QUOTED)).struct.rename_fields(QUOTED).struct.unnest())
    before, status, size, after = (pl.col('middle').struct.field(f'field_{number}') for number in range(4))
    ip, user = (pl.col('caller').struct.field(f'field_{number}') for number in (0, 2))
    front, rest = (pl.col('request').struct.field(f'field_{number}') for number in range(2))
    caller = pl.col('head').str.head(-LOCAL - OFFSET - CLOSING)
    time = pl.col('head').str.tail(LOCAL + OFFSET + CLOSING)
    return (
        parts.lazy()
        .with_columns(
            pl.col('middle').str.splitn(' ', 4),
            pl.col('request').str.splitn('?', 2),
            caller=caller.str.splitn(' ', 3),
            is_usual_caller=caller.str.contains(CALLER),
        )
        .select(
            'line',
            'is_usual_caller',
            ip=ip,
            user_id=pl.when(user != NO_USER).then(user.str.head(-len(' ['))).otherwise(pl.lit('')),
            local=time.str.head(LOCAL).str.to_datetime('%d/%b/%Y:%H:%M:%S', time_unit='ms', strict=False),
            offset=time.str.slice(LOCAL, OFFSET),
            front=front.fill_null(''),
            query=rest.str.head(-PROTOCOL),
            status=status.cast(pl.UInt16, strict=False),
            bytes=pl.when(size != NO_VALUE).then(size).otherwise(pl.lit('0')).cast(pl.UInt64, strict=False),
            user_agent='agent',
            referrer='referrer',
            is_split=(
                time.str.ends_with('] ') & (before == '') & (after == '') & (pl.col('space') == ' ')
                & (pl.col('end') == '') & ~pl.col('referrer').str.ends_with('\\')  # an escaped quote
                & (rest.is_null() | rest.str.tail(PROTOCOL).str.starts_with(' HTTP/'))
            ),
        )
        .collect()
    )  # fmt: skip


def _is_usual(now: datetime) -> pl.Expr:
    """Whether a line is usual."""
    return pl.all_horizontal(
        'is_split',
        'is_usual_caller',
        'is_usual_front',
        pl.col('has_protocol') == pl.col('query').is_null(),
        pl.col('timestamp').is_between(EARLIEST, now + AHEAD),
        pl.col('status').is_between(100, 999),
        pl.col('bytes').is_not_null(),
        ~pl.col('query').str.contains(r'[ #\\]').fill_null(False),
        ~pl.col('user_agent').str.contains('\\', literal=True),
    ).fill_null(False)


def _read_fronts(texts: pl.Series) -> pl.DataFrame:
    """A row for each request up to its query."""
    method = pl.col('method')
    return (
        texts.str.extract_groups(FRONT)
        .struct.unnest()
        .select(
            'method',
            'path',
            is_usual_front=method.is_not_null() & (method != 'PRI'),
            has_protocol=pl.col('protocol').is_not_null(),
        )
    )
