"""Web logs in the common and combined formats (Apache's and nginx's), as columns."""

import re
from datetime import datetime
from typing import get_args

import polars as pl

from exporter.call import AHEAD, EARLIEST, RAW, TIMESTAMP, Reason
from exporter.parse import Parsed
from exporter.values import LogFormat

FORMATS = get_args(LogFormat)

# A line of a log, whatever its quoted fields hold, and also when it ends within them: all that is counted stands before them.
# Rust's engine reads any line in linear time.
LINE = (
    r'^(?<ip>\S+) \S+ (?<user>.+?) (?<time>\[[^\]\s]*) (?<offset>[^\]\s]*\]) '
    r'"(?<request>(?:[^"\\]|\\.)*)" (?<status>\S+) (?<bytes>\S+)'
    r'(?: "(?:[^"\\]|\\.)*\\?(?:" ?"?(?<agent>(?:[^"\\]|\\.)*)\\?(?:".*)?)?)?\s*$'
)
FIELDS = ('ip', 'user', 'time', 'offset', 'request', 'status', 'bytes', 'agent')
METHOD = r'^[A-Za-z][A-Za-z_-]{0,19}$'


def parse(block: bytes, log_format: str, now: datetime) -> Parsed:
    """Parses whole lines, https://httpd.apache.org/docs/current/logs.html#accesslog. What is not UTF-8 becomes U+FFFD.

    `auto` takes a line of either format, `combined` wants the user agent, `common` does not look at it. Fields behind the
    agent (nginx's forwarded address, a duration) are passed over. `now` bounds which moments are taken for true.
    """
    lines = pl.read_lines(_utf8(block), name='text', row_index_name='line')
    fields, odd = _plain(lines)
    if len(odd):
        fields = pl.concat([fields, _odd(odd)])
    if log_format == 'common':
        fields = fields.with_columns(agent=pl.lit(''))
    wanted = 'agent' if log_format == 'combined' else 'ip'
    no_format = fields.filter(pl.col('ip').is_null() | pl.col(wanted).is_null()).select(
        'line', reason=pl.lit(Reason.FORMAT.value)
    )
    typed = _typed(fields.drop_nulls(['ip', wanted]) if len(no_format) else fields)
    reason = typed.select(_reason(now)).to_series()
    if not reason.count() and not len(no_format):
        return Parsed(typed, no_format)
    no_value = pl.DataFrame([typed['line'], reason]).drop_nulls('reason')
    return Parsed(typed.filter(reason.is_null()), pl.concat([no_format, no_value]))


def _utf8(block: bytes) -> bytes:
    return block if block.isascii() else block.decode(errors='replace').encode()


def _cut(texts: pl.Series, by: str, *names: str) -> pl.DataFrame:
    return texts.str.split_exact(by, len(names) - 1).struct.rename_fields(list(names)).struct.unnest()


def _plain(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The fields of nearly all lines, and the odd ones. Where no field holds a quote or a space of its own, cutting at these
    costs a tenth of a pattern."""
    text = lines['text']
    quoted = _cut(text, '"', 'head', 'request', 'middle', 'referer', 'space', 'agent', 'end')
    head = _cut(quoted['head'], ' ', 'ip', 'ident', 'user', 'time', 'offset', 'more')
    middle = _cut(quoted['middle'], ' ', 'before', 'status', 'bytes', 'after')
    cut = pl.concat([lines.select('line'), quoted, head, middle], how='horizontal')
    combined = (pl.col('after') == '') & (pl.col('space') == ' ') & ((pl.col('end') == '') | pl.col('end').str.starts_with(' '))
    common = pl.col('referer').is_null() & (pl.col('after').fill_null('') == '') & (pl.col('bytes') != '')
    plain = cut.select((pl.col('more') == '') & (pl.col('before') == '') & (combined | common)).to_series().fill_null(False)
    plain &= ~text.str.contains('\\"', literal=True)
    fields = cut.select('line', *FIELDS)
    return (fields, lines.clear()) if plain.all() else (fields.filter(plain), lines.filter(~plain))


def _odd(lines: pl.DataFrame) -> pl.DataFrame:
    """Escaped quotes, a user's name with spaces, an agent cut short, no space where one belongs. All null: no log's line."""
    groups = lines.select('line', pl.col('text').str.extract_groups(LINE).alias('groups')).unnest('groups')
    # a lone - in the user: something stands before the address (a virtual host, syslog's head), and may be another portal's
    misread = pl.col('user').str.contains('(?:^-| -) ') | pl.col('user').str.ends_with(' -')
    return groups.select('line', pl.when(~misread).then('ip'), *FIELDS[1:])


def _typed(fields: pl.DataFrame) -> pl.DataFrame:
    """`line` and the columns of RAW: texts to moments and numbers, null where a text is none, the request to its parts."""
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
        user_id=pl.col('user').replace('""', ''),
        user_agent=pl.col('agent').fill_null(''),
        status=pl.col('status').cast(pl.UInt16, strict=False),
        bytes=pl.col('bytes').replace('-', '0').cast(pl.UInt64, strict=False),
        duration_ms=pl.lit(0, pl.UInt32),
    )
    return pl.concat([typed, _request(fields['request'])], how='horizontal').select('line', *RAW)


def _request(requests: pl.Series) -> pl.DataFrame:
    """`method` and `path` of request lines. What is no request line (a port scan, a client that said nothing) is a path."""
    cut = requests.str.splitn(' ', 3).struct.rename_fields(['method', 'path', 'protocol']).struct.unnest()
    method, path, protocol = pl.col('method'), pl.col('path'), pl.col('protocol')
    odd_protocol = cut['protocol'].str.len_bytes().gt(len('HTTP/1.1')) | ~cut['protocol'].str.starts_with('HTTP/')
    if odd_protocol.any():  # the path has spaces of its own
        rest = path + ' ' + protocol
        spaced = protocol.str.contains(' ', literal=True) | ~protocol.str.starts_with('HTTP/')
        cut = cut.with_columns(path=pl.when(spaced).then(rest.str.replace(r' HTTP/[\d.]+$', '')).otherwise(path))
    methods = cut['method'].unique()
    if len(odd := methods.filter(~methods.str.contains(METHOD))):
        none = method.is_in(odd.implode())
        whole = pl.Series('request', requests).replace('-', '')
        cut = cut.with_columns(
            path=pl.when(none).then(whole).otherwise(path), method=pl.when(none).then(pl.lit('')).otherwise(method)
        )
    return cut.select('method', path.fill_null('') if cut['path'].null_count() else path)


def _reason(now: datetime) -> pl.Expr:
    """Why a typed line is rejected; null where it is not."""
    moment = pl.col('timestamp').is_between(EARLIEST, now + AHEAD).fill_null(False)
    reason = (
        pl.when(~moment).then(pl.lit(Reason.TIMESTAMP.value))
        .when(~pl.col('status').is_between(100, 999).fill_null(False)).then(pl.lit(Reason.STATUS.value))
        .when(pl.col('bytes').is_null()).then(pl.lit(Reason.BYTES.value))
    )  # fmt: skip
    return reason.alias('reason')
