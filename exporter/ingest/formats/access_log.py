"""Parses web logs in the common and combined formats of Apache and nginx into columns."""

import re
from datetime import datetime
from typing import get_args

import polars as pl

from exporter.config import LogFormat
from exporter.ingest.formats import NONE, Lines
from exporter.model.call import AHEAD, EARLIEST, SOURCE_COLUMNS, TIMESTAMP
from exporter.model.reject import Reason, Skip

FORMATS = get_args(LogFormat)

# A line of a log, with any content in its quoted fields, and also if it ends within them.
# Rust's regex engine matches in linear time.
LINE = (
    r'^(?<ip>\S+) \S+ (?<user>.+?) (?<time>\[[^\]\s]*) (?<offset>[^\]\s]*\]) '
    r'"(?<request>(?:[^"\\]|\\.)*)" (?<status>\S+) (?<bytes>\S+)'
    r'(?: "(?:[^"\\]|\\.)*\\?(?:" ?"?(?<agent>(?:[^"\\]|\\.)*)\\?(?:".*)?)?)?\s*$'
)
TIMESTAMP_PATTERN = r'\[\d{1,2}/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]'
# Two lines without a line end between them: after one timestamp the head of another line.
JOINED = rf'{TIMESTAMP_PATTERN}.*[^" ] [^" ]+ [^"]+ {TIMESTAMP_PATTERN}(?: "|\s*$)'
NO_TEXT = '\0\ufeff'  # may precede a line: the rest of a hole, a byte order mark
FIELDS = ('ip', 'user', 'time', 'offset', 'request', 'status', 'bytes', 'agent')
QUOTED = ['head', 'request', 'middle', 'referer', 'space', 'agent', 'end']  # the parts between the quotes
METHOD = r'^[A-Za-z][A-Za-z_-]{0,19}$'


def parse(chunk: bytes, log_format: str, now: datetime) -> Lines:
    """Parses whole lines, https://httpd.apache.org/docs/current/logs.html#accesslog. Bytes that are not UTF-8 become U+FFFD.

    `auto` accepts both formats, `combined` requires the user agent, `common` ignores it. Fields after the user agent
    (nginx's forwarded address, a duration) are ignored. `now` bounds which timestamps are valid.
    """
    lines = pl.read_lines(_utf8(chunk), name='text', row_index_name='line')
    fields, skipped = _split_fields(lines)
    if log_format == 'common':
        fields = fields.with_columns(agent=pl.lit(''))
    required = 'agent' if log_format == 'combined' else 'ip'
    unparsed = fields.filter(pl.col('ip').is_null() | pl.col(required).is_null()).select(
        'line', reason=pl.lit(Reason.FORMAT.value)
    )
    typed = _convert(fields.drop_nulls(['ip', required]) if len(unparsed) else fields, now)
    reason = typed['reason']
    if not reason.count() and not len(unparsed):
        return Lines(typed.drop('reason'), unparsed, skipped)
    invalid = typed.select('line', 'reason').drop_nulls()
    return Lines(typed.filter(reason.is_null()).drop('reason'), pl.concat([unparsed, invalid]), skipped)


def _utf8(chunk: bytes) -> bytes:
    return chunk if chunk.isascii() else chunk.decode(errors='replace').encode()


def _split(column: str, separator: str, *names: str) -> pl.Expr:
    return pl.col(column).str.split_exact(separator, len(names) - 1).struct.rename_fields(list(names))


def _split_fields(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Returns `line` and the FIELDS, and the skipped lines.

    In nearly all lines no field holds a quote or a space; splitting these takes a tenth of the time of the pattern.
    """
    end = pl.col('end')
    at_end = (end == '') | (end.str.starts_with(' ') & ~end.str.contains('[', literal=True))
    combined = (pl.col('after') == '') & (pl.col('space') == ' ') & at_end
    common = pl.col('referer').is_null() & (pl.col('after').fill_null('') == '') & (pl.col('bytes') != '')
    plain = pl.col('begins') & (pl.col('more') == '') & (pl.col('before') == '') & (combined | common) & ~pl.col('escaped')
    split = (
        lines.select(
            'line',
            escaped=pl.col('text').str.contains('\\"', literal=True),
            begins=pl.col('text').is_between(pl.lit('$'), pl.lit('\x7f')),  # not with a #, a space, a NUL or a byte order mark
            quoted=pl.col('text').str.splitn('"', len(QUOTED)).struct.rename_fields(QUOTED),
        )
        .unnest('quoted')
        .with_columns(
            head=_split('head', ' ', 'ip', 'ident', 'user', 'time', 'offset', 'more'),
            middle=_split('middle', ' ', 'before', 'status', 'bytes', 'after'),
        )
        .unnest('head', 'middle')
        .select('line', *FIELDS, plain=plain.fill_null(False))
    )
    is_plain = split['plain']
    if is_plain.all():
        return split.drop('plain'), NONE
    irregular, skipped = _without_skipped(lines.filter(~is_plain))
    return pl.concat([split.filter(is_plain).drop('plain'), _parse_irregular(irregular)]), skipped


def _without_skipped(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Returns the lines to parse, without NO_TEXT around them, and the skipped lines."""
    lines = lines.with_columns(pl.col('text').str.strip_chars_start(NO_TEXT).str.strip_chars_end('\0'))
    reason = (
        pl.when(pl.col('text').str.strip_chars() == '').then(pl.lit(Skip.BLANK.value))
        .when(pl.col('text').str.starts_with('#')).then(pl.lit(Skip.COMMENT.value))
    )  # fmt: skip
    lines = lines.with_columns(reason=reason)
    return lines.filter(pl.col('reason').is_null()), lines.select('line', 'reason').drop_nulls()


def _parse_irregular(lines: pl.DataFrame) -> pl.DataFrame:
    """Parses lines with escaped quotes, a user name with spaces, a truncated user agent or missing spaces.

    The fields are null for a line in another format, and for two lines without a line end between them.
    """
    groups = lines.select('line', pl.col('text').str.extract_groups(LINE).alias('groups')).unnest('groups')
    # a lone - in the user: something precedes the address (a virtual host, syslog's header); the call may be of another portal
    misread = pl.col('user').str.contains('(?:^-| -) ') | pl.col('user').str.ends_with(' -')
    joined = lines['text'].str.contains(JOINED)
    return groups.select('line', pl.when(~misread & ~joined).then('ip'), *FIELDS[1:])


def _convert(fields: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Returns `line`, the SOURCE_COLUMNS and `reason`. Converts texts to timestamps and numbers (null if invalid), and splits the
    request line."""
    seconds = {
        offset: int(offset[0] + '1') * (int(offset[1:3]) * 3600 + int(offset[3:5]) * 60)
        for offset in fields['offset'].unique()  # a few different ones: each is parsed once
        if re.fullmatch(r'[+-](?:0\d|1[0-4])[0-5]\d\]', offset)
    }
    utc_offset = pl.col('offset').replace_strict(seconds, default=None, return_dtype=pl.Int64).mul(1000).cast(pl.Duration('ms'))
    timestamp = pl.col('time').str.to_datetime('[%d/%b/%Y:%H:%M:%S', time_unit='ms', time_zone='UTC', strict=False)
    typed = (
        fields.select(
            'line',
            'ip',
            'request',
            timestamp=(timestamp - utc_offset).cast(TIMESTAMP),
            user_id=pl.col('user').replace('""', ''),
            user_agent=pl.col('agent').fill_null(''),
            status=pl.col('status').cast(pl.UInt16, strict=False),
            bytes=pl.col('bytes').replace('-', '0').cast(pl.UInt64, strict=False),
            duration_ms=pl.lit(None, pl.UInt32),
            forwarded=pl.lit(''),
            host=pl.lit(''),
            parts=pl.col('request').str.splitn(' ', 3).struct.rename_fields(['method', 'path', 'protocol']),
        )
        .unnest('parts')
        .with_columns(
            path=pl.col('path').fill_null(''),
            reason=_reason(now),
            odd_protocol=(pl.col('protocol').str.len_bytes() > len('HTTP/1.1')) | ~pl.col('protocol').str.starts_with('HTTP/'),
        )
    )
    return _complete_requests(typed).select('line', *SOURCE_COLUMNS, 'reason')


def _complete_requests(typed: pl.DataFrame) -> pl.DataFrame:
    """Corrects `method` and `path` of requests with spaces in the path. An invalid request line (a port scan, an empty request)
    becomes the path."""
    method, path, protocol, request = pl.col('method'), pl.col('path'), pl.col('protocol'), pl.col('request')
    if typed['odd_protocol'].any():
        rest = path + ' ' + protocol
        spaced = protocol.str.contains(' ', literal=True) | ~protocol.str.starts_with('HTTP/')
        typed = typed.with_columns(path=pl.when(spaced).then(rest.str.replace(r' HTTP/[\d.]+$', '')).otherwise(path))
    methods = typed['method'].unique()
    if len(irregular := methods.filter(~methods.str.contains(METHOD))):
        is_invalid = method.is_in(irregular.implode())
        typed = typed.with_columns(
            path=pl.when(is_invalid).then(request.replace('-', '')).otherwise(path),
            method=pl.when(is_invalid).then(pl.lit('')).otherwise(method),
        )
    return typed


def _reason(now: datetime) -> pl.Expr:
    """Returns why a line is rejected; null if it is not."""
    in_range = pl.col('timestamp').is_between(EARLIEST, now + AHEAD).fill_null(False)
    reason = (
        pl.when(~in_range).then(pl.lit(Reason.TIMESTAMP.value))
        .when(~pl.col('status').is_between(100, 999).fill_null(False)).then(pl.lit(Reason.STATUS.value))
        .when(pl.col('bytes').is_null()).then(pl.lit(Reason.BYTES.value))
    )  # fmt: skip
    return reason.alias('reason')
