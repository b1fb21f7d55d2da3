"""Web logs in the common and combined formats (Apache's and nginx's), as columns."""

import re
from datetime import UTC, datetime, timedelta

import polars as pl

from exporter.call import RAW, TIMESTAMP, Reason
from exporter.parse import Parsed

FORMATS = ('auto', 'combined', 'common')
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # before the web
AHEAD = timedelta(days=1)  # how far the clock of a portal may be ahead of ours

# A line of a log, whatever its quoted fields hold, and also when it ends within them: all that is counted stands before them.
# Rust's engine reads any line in linear time.
LINE = (
    r'^(?<ip>\S+) \S+ (?<user>.+?) (?<time>\[[^\]\s]*) (?<offset>[^\]\s]*\]) '
    r'"(?<request>(?:[^"\\]|\\.)*)" (?<status>\S+) (?<bytes>\S+)'
    r'(?: "(?:[^"\\]|\\.)*\\?(?:" ?"?(?<agent>(?:[^"\\]|\\.)*)\\?(?:".*)?)?)?\s*$'
)
METHOD = r'^[A-Za-z][A-Za-z_-]{0,19}$'


def parse(block: bytes, log_format: str, now: datetime) -> Parsed:
    """Parses whole lines, https://httpd.apache.org/docs/current/logs.html#accesslog. What is not UTF-8 becomes U+FFFD.

    `auto` takes a line of either format, `combined` wants the user agent, `common` does not look at it. Fields behind the
    agent (nginx's forwarded address, a duration) are passed over. `now` bounds which moments are taken for true.
    """
    lines = pl.read_lines(_utf8(block), name='text', row_index_name='line')
    fields = _plain(lines, escapes=b'\\"' in block)
    if len(fields) < len(lines):
        fields = pl.concat([fields, _odd(_without(lines, fields)).select(fields.columns)])
    if log_format == 'combined':
        fields = fields.filter(pl.col('agent').is_not_null())
    elif log_format == 'common':
        fields = fields.with_columns(agent=pl.lit(''))
    typed = _typed(fields)
    reason = _reason(now)
    calls = typed.filter(reason.is_null())
    rejected = [typed.filter(reason.is_not_null()).select('line', reason=reason)] if len(calls) < len(typed) else []
    if len(fields) < len(lines):
        rejected.append(_without(lines, fields).select('line', reason=pl.lit(Reason.FORMAT.value)))
    nothing = pl.DataFrame(schema={'line': pl.UInt32, 'reason': pl.String})
    return Parsed(calls.select('line', *RAW), pl.concat([nothing, *rejected]).sort('line'))


def _utf8(block: bytes) -> bytes:
    return block if block.isascii() else block.decode(errors='replace').encode()


def _without(lines: pl.DataFrame, fields: pl.DataFrame) -> pl.DataFrame:
    return lines.join(fields, on='line', how='anti')


def _cut(column: str, by: str, *names: str) -> pl.Expr:
    return pl.col(column).str.splitn(by, len(names)).struct.rename_fields(list(names))


def _plain(lines: pl.DataFrame, escapes: bool) -> pl.DataFrame:
    """Nearly all lines: where no field holds a quote or a space of its own, cutting at those costs half of a pattern."""
    if escapes:
        lines = lines.filter(~pl.col('text').str.contains('\\"', literal=True))
    quoted = lines.select('line', _cut('text', '"', 'head', 'request', 'middle', 'referer', 'space', 'agent', 'end'))
    cut = quoted.unnest(quoted.columns[1]).select(
        'line', 'request', 'referer', 'space', 'agent', 'end',
        _cut('head', ' ', 'ip', 'ident', 'user', 'time', 'offset', 'more').alias('head'),
        _cut('middle', ' ', 'before', 'status', 'bytes', 'after').alias('middle'),
    ).unnest('head', 'middle')  # fmt: skip
    combined = (pl.col('after') == '') & (pl.col('space') == ' ') & ((pl.col('end') == '') | pl.col('end').str.starts_with(' '))
    common = pl.col('referer').is_null() & (pl.col('after').fill_null('') == '') & (pl.col('bytes') != '')
    whole = cut.select((pl.col('more') == '') & (pl.col('before') == '') & (combined | common)).to_series().fill_null(False)
    return (cut if whole.all() else cut.filter(whole)).select(
        'line', 'ip', 'user', 'time', 'offset', 'request', 'status', 'bytes', 'agent'
    )


def _odd(lines: pl.DataFrame) -> pl.DataFrame:
    """Escaped quotes, a user's name with spaces, an agent cut short, no space where one belongs."""
    groups = lines.select('line', pl.col('text').str.extract_groups(LINE).alias('groups')).unnest('groups')
    return groups.drop_nulls('ip')


def _typed(fields: pl.DataFrame) -> pl.DataFrame:
    """Texts to moments and numbers, null where a text is none, and the request to its parts."""
    seconds = {
        offset: int(offset[0] + '1') * (int(offset[1:3]) * 3600 + int(offset[3:5]) * 60)
        for offset in fields['offset'].unique()  # a handful: each is read once
        if re.fullmatch(r'[+-](?:0\d|1[0-4])[0-5]\d\]', offset)
    }
    behind = pl.col('offset').replace_strict(seconds, default=None, return_dtype=pl.Int64).mul(1000).cast(pl.Duration('ms'))
    moment = pl.col('time').str.to_datetime('[%d/%b/%Y:%H:%M:%S', time_unit='ms', time_zone='UTC', strict=False)
    typed = fields.select(
        'line',
        'ip',
        timestamp=(moment - behind).cast(TIMESTAMP),
        user_id=pl.col('user').replace(['-', '""'], ''),
        user_agent=pl.col('agent').fill_null(''),
        status=pl.col('status').cast(pl.UInt16, strict=False),
        bytes=pl.col('bytes').replace('-', '0').cast(pl.UInt64, strict=False),
        duration_ms=pl.lit(0, pl.UInt32),
    )
    return pl.concat([typed, _request(fields['request'])], how='horizontal')


def _request(requests: pl.Series) -> pl.DataFrame:
    """`method` and `path` of request lines. What is no request line (a port scan, a client that said nothing) is a path."""
    cut = requests.str.splitn(' ', 3).struct.rename_fields(['method', 'path', 'protocol']).struct.unnest()
    method, path, protocol = pl.col('method'), pl.col('path'), pl.col('protocol')
    if cut['protocol'].drop_nulls().str.contains(' ', literal=True).any():  # the path has spaces of its own
        rest = path + ' ' + protocol
        cut = cut.with_columns(
            path=pl.when(protocol.str.contains(' ', literal=True)).then(rest.str.replace(r' HTTP/[\d.]+$', '')).otherwise(path)
        )
    methods = cut['method'].unique()
    if len(odd := methods.filter(~methods.str.contains(METHOD))):
        none = method.is_in(odd.implode())
        whole = pl.Series('request', requests).replace('-', '')
        cut = cut.with_columns(
            path=pl.when(none).then(whole).otherwise(path), method=pl.when(none).then(pl.lit('')).otherwise(method)
        )
    return cut.select('method', path.fill_null(''))


def _reason(now: datetime) -> pl.Expr:
    """Why a typed line is rejected; null where it is not."""
    moment = pl.col('timestamp').is_between(EARLIEST, now + AHEAD).fill_null(False)
    return (
        pl.when(~moment).then(pl.lit(Reason.TIMESTAMP.value))
        .when(~pl.col('status').is_between(100, 999).fill_null(False)).then(pl.lit(Reason.STATUS.value))
        .when(pl.col('bytes').is_null()).then(pl.lit(Reason.BYTES.value))
    )  # fmt: skip
