"""Web logs in the common and combined formats (Apache's and nginx's), as columns."""

import re
from datetime import datetime
from typing import get_args

import polars as pl

from exporter.config import LogFormat
from exporter.ingest.formats import NONE, Lines
from exporter.model.call import AHEAD, EARLIEST, RAW, TIMESTAMP
from exporter.model.reject import Reason, Skip

FORMATS = get_args(LogFormat)

# A line of a log, whatever its quoted fields hold, and also when it ends within them: all that is counted stands before them.
# Rust's engine reads any line in linear time.
LINE = (
    r'^(?<ip>\S+) \S+ (?<user>.+?) (?<time>\[[^\]\s]*) (?<offset>[^\]\s]*\]) '
    r'"(?<request>(?:[^"\\]|\\.)*)" (?<status>\S+) (?<bytes>\S+)'
    r'(?: "(?:[^"\\]|\\.)*\\?(?:" ?"?(?<agent>(?:[^"\\]|\\.)*)\\?(?:".*)?)?)?\s*$'
)
MOMENT = r'\[\d{1,2}/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]'
# Two lines without an end between them: behind one moment the head of another line.
GLUED = rf'{MOMENT}.*[^" ] [^" ]+ [^"]+ {MOMENT}(?: "|\s*$)'
NO_TEXT = '\0\ufeff'  # what may stand before a line: the rest of a hole, a byte order mark
FIELDS = ('ip', 'user', 'time', 'offset', 'request', 'status', 'bytes', 'agent')
QUOTED = ['head', 'request', 'middle', 'referer', 'space', 'agent', 'end']  # what quotes separate
METHOD = r'^[A-Za-z][A-Za-z_-]{0,19}$'


def parse(block: bytes, log_format: str, now: datetime) -> Lines:
    """Parses whole lines, https://httpd.apache.org/docs/current/logs.html#accesslog. What is not UTF-8 becomes U+FFFD.

    `auto` takes a line of either format, `combined` wants the user agent, `common` does not look at it. Fields behind the
    agent (nginx's forwarded address, a duration) are passed over. `now` bounds which moments are taken for true.
    """
    lines = pl.read_lines(_utf8(block), name='text', row_index_name='line')
    fields, skipped = _fields(lines)
    if log_format == 'common':
        fields = fields.with_columns(agent=pl.lit(''))
    wanted = 'agent' if log_format == 'combined' else 'ip'
    no_format = fields.filter(pl.col('ip').is_null() | pl.col(wanted).is_null()).select(
        'line', reason=pl.lit(Reason.FORMAT.value)
    )
    typed = _typed(fields.drop_nulls(['ip', wanted]) if len(no_format) else fields, now)
    reason = typed['reason']
    if not reason.count() and not len(no_format):
        return Lines(typed.drop('reason'), no_format, skipped)
    refused = typed.select('line', 'reason').drop_nulls()
    return Lines(typed.filter(reason.is_null()).drop('reason'), pl.concat([no_format, refused]), skipped)


def _utf8(block: bytes) -> bytes:
    return block if block.isascii() else block.decode(errors='replace').encode()


def _cut(text: str, by: str, *names: str) -> pl.Expr:
    return pl.col(text).str.split_exact(by, len(names) - 1).struct.rename_fields(list(names))


def _fields(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`line` and the FIELDS, and what is skipped. Where no field holds a quote or a space of its own, and so in nearly all lines,
    cutting at these costs a tenth of a pattern."""
    end = pl.col('end')
    no_more = (end == '') | (end.str.starts_with(' ') & ~end.str.contains('[', literal=True))
    combined = (pl.col('after') == '') & (pl.col('space') == ' ') & no_more
    common = pl.col('referer').is_null() & (pl.col('after').fill_null('') == '') & (pl.col('bytes') != '')
    plain = pl.col('begins') & (pl.col('more') == '') & (pl.col('before') == '') & (combined | common) & ~pl.col('escaped')
    cut = (
        lines.select(
            'line',
            escaped=pl.col('text').str.contains('\\"', literal=True),
            begins=pl.col('text').is_between(pl.lit('$'), pl.lit('\x7f')),  # not with a #, a space, a NUL or a byte order mark
            quoted=pl.col('text').str.splitn('"', len(QUOTED)).struct.rename_fields(QUOTED),
        )
        .unnest('quoted')
        .with_columns(
            head=_cut('head', ' ', 'ip', 'ident', 'user', 'time', 'offset', 'more'),
            middle=_cut('middle', ' ', 'before', 'status', 'bytes', 'after'),
        )
        .unnest('head', 'middle')
        .select('line', *FIELDS, plain=plain.fill_null(False))
    )
    plain_ones = cut['plain']
    if plain_ones.all():
        return cut.drop('plain'), NONE
    odd, skipped = _apart(lines.filter(~plain_ones))
    return pl.concat([cut.filter(plain_ones).drop('plain'), _odd(odd)]), skipped


def _apart(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lines that are to be read, without what is no text of theirs; and those that are skipped."""
    lines = lines.with_columns(pl.col('text').str.strip_chars_start(NO_TEXT).str.strip_chars_end('\0'))
    reason = (
        pl.when(pl.col('text').str.strip_chars() == '').then(pl.lit(Skip.BLANK.value))
        .when(pl.col('text').str.starts_with('#')).then(pl.lit(Skip.COMMENT.value))
    )  # fmt: skip
    lines = lines.with_columns(reason=reason)
    return lines.filter(pl.col('reason').is_null()), lines.select('line', 'reason').drop_nulls()


def _odd(lines: pl.DataFrame) -> pl.DataFrame:
    """Escaped quotes, a user's name with spaces, an agent cut short, no space where one belongs. All null: no log's line, or two
    of them that nothing separates."""
    groups = lines.select('line', pl.col('text').str.extract_groups(LINE).alias('groups')).unnest('groups')
    # a lone - in the user: something stands before the address (a virtual host, syslog's head), and may be another portal's
    misread = pl.col('user').str.contains('(?:^-| -) ') | pl.col('user').str.ends_with(' -')
    glued = lines['text'].str.contains(GLUED)
    return groups.select('line', pl.when(~misread & ~glued).then('ip'), *FIELDS[1:])


def _typed(fields: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """`line`, the columns of RAW, and `reason`: texts to moments and numbers, null where a text is none, the request to its
    parts."""
    seconds = {
        offset: int(offset[0] + '1') * (int(offset[1:3]) * 3600 + int(offset[3:5]) * 60)
        for offset in fields['offset'].unique()  # a handful: each is read once
        if re.fullmatch(r'[+-](?:0\d|1[0-4])[0-5]\d\]', offset)
    }
    behind = pl.col('offset').replace_strict(seconds, default=None, return_dtype=pl.Int64).mul(1000).cast(pl.Duration('ms'))
    moment = pl.col('time').str.to_datetime('[%d/%b/%Y:%H:%M:%S', time_unit='ms', time_zone='UTC', strict=False)
    typed = (
        fields.select(
            'line',
            'ip',
            'request',
            timestamp=(moment - behind).cast(TIMESTAMP),
            user_id=pl.col('user').replace('""', ''),
            user_agent=pl.col('agent').fill_null(''),
            status=pl.col('status').cast(pl.UInt16, strict=False),
            bytes=pl.col('bytes').replace('-', '0').cast(pl.UInt64, strict=False),
            duration_ms=pl.lit(0, pl.UInt32),
            parts=pl.col('request').str.splitn(' ', 3).struct.rename_fields(['method', 'path', 'protocol']),
        )
        .unnest('parts')
        .with_columns(
            path=pl.col('path').fill_null(''),
            reason=_reason(now),
            odd_protocol=(pl.col('protocol').str.len_bytes() > len('HTTP/1.1')) | ~pl.col('protocol').str.starts_with('HTTP/'),
        )
    )
    return _odd_requests(typed).select('line', *RAW, 'reason')


def _odd_requests(typed: pl.DataFrame) -> pl.DataFrame:
    """With the `method` and `path` of requests whose path has spaces of its own, and of what is no request line (a port scan, a
    client that said nothing): that is a path."""
    method, path, protocol, request = pl.col('method'), pl.col('path'), pl.col('protocol'), pl.col('request')
    if typed['odd_protocol'].any():
        rest = path + ' ' + protocol
        spaced = protocol.str.contains(' ', literal=True) | ~protocol.str.starts_with('HTTP/')
        typed = typed.with_columns(path=pl.when(spaced).then(rest.str.replace(r' HTTP/[\d.]+$', '')).otherwise(path))
    methods = typed['method'].unique()
    if len(odd := methods.filter(~methods.str.contains(METHOD))):
        none = method.is_in(odd.implode())
        typed = typed.with_columns(
            path=pl.when(none).then(request.replace('-', '')).otherwise(path),
            method=pl.when(none).then(pl.lit('')).otherwise(method),
        )
    return typed


def _reason(now: datetime) -> pl.Expr:
    """Why a line is rejected; null where it is not."""
    moment = pl.col('timestamp').is_between(EARLIEST, now + AHEAD).fill_null(False)
    reason = (
        pl.when(~moment).then(pl.lit(Reason.TIMESTAMP.value))
        .when(~pl.col('status').is_between(100, 999).fill_null(False)).then(pl.lit(Reason.STATUS.value))
        .when(pl.col('bytes').is_null()).then(pl.lit(Reason.BYTES.value))
    )  # fmt: skip
    return reason.alias('reason')
