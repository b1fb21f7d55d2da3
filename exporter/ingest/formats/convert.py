"""Converts the text fields of any format into the columns of a call: times, numbers, requests, escapes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl

from exporter.ingest.formats import NONE, TEXT_FIELDS, Escape, Format, Lines, Time
from exporter.model.call import AHEAD, EARLIEST, SOURCE_COLUMNS, TIMESTAMP
from exporter.model.reject import Reason, Skip

METHOD = r'^[A-Za-z][A-Za-z_-]{0,19}$'
PROTOCOL = r' (?:HTTP/)?\d(?:\.\d)?$'
ABSOLUTE = r'^[A-Za-z][A-Za-z0-9+.-]{0,19}://([^/?#*]*)'
NO_VALUE = '-'
ESCAPES = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|u00([0-9A-Fa-f]{2})|(.))', re.DOTALL)
HASHES = re.compile(rb'#([0-9A-F]{2})')
LETTERS = {b't': b'\t', b'n': b'\n', b'r': b'\r', b'v': b'\v', b'f': b'\f', b'b': b'\b', b'"': b'"', b'\\': b'\\', b'/': b'/'}
UNESCAPED = ('user', 'method', 'target', 'agent', 'forwarded', 'host')  # fields in which callers can write any text
LONGEST_DURATION = 2**32 - 1  # ms


def convert(fields: pl.DataFrame, log_format: Format, now: datetime, log_timezone: str = 'UTC') -> Lines:
    """Returns the calls of lines, given by `line` and the text fields of the format. `now` bounds which timestamps are valid.

    A line without a valid request is skipped; one with an invalid time, status or size is rejected. `log_timezone` is that of
    times without an offset.
    """
    missing = [pl.lit(None, pl.String).alias(name) for name in TEXT_FIELDS if name not in fields.columns]
    fields = _split_request(fields.with_columns(missing))
    fields = fields.with_columns(unescape(fields[name], log_format.escape) for name in UNESCAPED)
    # a target has no fragment, so a # is HAProxy's escape, also in formats that it imitates
    fields = fields.with_columns(unescape(fields['target'], Escape.HASH))
    fields = _strip_origin(_undo_double_encoding(fields))
    no_request = fields.filter(~_is_request()).select('line', reason=pl.lit(Skip.NO_REQUEST.value))
    if len(no_request):
        fields = fields.filter(_is_request())
    timestamp = to_timestamps(fields['time'], log_format.time, log_timezone)
    calls = fields.select(
        'line',
        ip=_value('ip'),
        forwarded=_value('forwarded'),
        host=_value('host').str.replace(r':\d+$', '').str.to_lowercase(),
        user_id=_value('user').replace('""', ''),
        user_agent=pl.col('agent').fill_null(''),
        method=_value('method'),
        path=_value('target'),
        status=_status(),
        bytes=_value('bytes').replace('', '0').cast(pl.UInt64, strict=False),
        duration_ms=_duration(log_format.seconds),
    ).with_columns(timestamp.alias('timestamp'))
    if log_format.only_forwarded or calls['ip'].str.contains(',', literal=True).any():
        listed = pl.lit(True) if log_format.only_forwarded else pl.col('ip').str.contains(',', literal=True)
        joined = pl.concat_str(pl.col('ip', 'forwarded').replace('', None), separator=', ', ignore_nulls=True)
        calls = calls.with_columns(forwarded=pl.when(listed).then(joined).otherwise('forwarded'), ip=pl.when(listed).then(pl.lit('')).otherwise('ip'))
    calls = calls.with_columns(_reason(now, fields['status']))
    invalid = calls.select('line', 'reason').drop_nulls()
    if len(invalid):
        calls = calls.filter(pl.col('reason').is_null())
    return Lines(calls.select('line', *SOURCE_COLUMNS), invalid if len(invalid) else NONE, no_request if len(no_request) else NONE)


def _value(name: str) -> pl.Expr:
    """A field in which null and - stand for no value."""
    return pl.col(name).replace(NO_VALUE, '').fill_null('')


def _split_request(fields: pl.DataFrame) -> pl.DataFrame:
    """Adds `method` and `target` of the request line where they are not given; joins a query that is given alone."""
    request = pl.col('request').str.replace(PROTOCOL, '')
    parts = request.str.splitn(' ', 2).struct.rename_fields(['first', 'rest']).struct.unnest()
    if fields['request'].count():
        split = fields.select(parts)
        given = fields['method'].is_null() & fields['target'].is_null()
        fields = fields.with_columns(
            method=fields['method'].zip_with(~given, split['first']), target=fields['target'].zip_with(~given, split['rest'].str.strip_chars_end(' '))
        )
    if fields['query'].count():
        target, query = pl.col('target'), pl.col('query').str.strip_prefix('?')
        lacks = query.is_not_null() & ~query.is_in(['', NO_VALUE]) & ~target.str.contains('?', literal=True)
        fields = fields.with_columns(target=pl.when(lacks).then(target + '?' + query).otherwise(target))
    return fields


def _is_request() -> pl.Expr:
    """Whether a line is of an HTTP request. PRI is the preface of HTTP/2, not a request of a caller."""
    method, target = pl.col('method'), pl.col('target')
    return (
        method.is_not_null() & method.str.contains(METHOD) & (method != 'PRI') & target.is_not_null() & (target != '')
        & ~target.str.contains(r'[\x00-\x08]')
    ).fill_null(False)  # fmt: skip


def _strip_origin(fields: pl.DataFrame) -> pl.DataFrame:
    """Takes scheme and host off absolute URLs (RFC 9112, section 3.2.2); the host counts where the format has none."""
    absolute = fields['target'].str.extract(ABSOLUTE)
    if not absolute.count():
        return fields
    path = pl.col('target').str.replace(ABSOLUTE, '')
    path = pl.when(path.str.contains('^[/*]')).then(path).otherwise('/' + path)
    return fields.with_columns(
        target=pl.when(absolute.is_not_null()).then(path).otherwise('target'),
        host=pl.when(_value('host') == '').then(pl.lit(absolute)).otherwise('host'),
    )


def unescape(texts: pl.Series, escape: Escape) -> pl.Series:
    """Undoes the escapes of a format; each different text once."""
    if escape == Escape.NONE:
        return texts
    mark, decode = ('#', _decode_hashes) if escape == Escape.HASH else ('\\', _decode_backslashes)
    return _map_texts(texts, texts.str.contains(mark, literal=True).fill_null(False), decode)


def _decode_backslashes(text: str) -> str:
    def decoded(match: re.Match[bytes]) -> bytes:
        if code := match[1] or match[2]:
            return bytes.fromhex(code.decode())
        return LETTERS.get(match[3], match[0])

    return ESCAPES.sub(decoded, text.encode()).decode(errors='replace')


def _decode_hashes(text: str) -> str:
    return HASHES.sub(lambda match: bytes.fromhex(match[1].decode()), text.encode()).decode(errors='replace')


def _undo_double_encoding(fields: pl.DataFrame) -> pl.DataFrame:
    """Corrects users and agents that a server took for Latin-1 and wrote as UTF-8: jÃ¶rg is jörg."""
    return fields.with_columns(
        _map_texts(fields[name], fields[name].str.contains('[\u00c2-\u00f4][\u0080-\u00bf]'), _decode_latin) for name in ('user', 'agent')
    )


def _decode_latin(text: str) -> str:
    try:
        return text.encode('latin-1').decode()
    except UnicodeError:
        return text


def _map_texts(texts: pl.Series, applies: pl.Series, function: Callable[[str], str]) -> pl.Series:
    """Applies a function to each different text for which `applies` is true."""
    if not applies.any():
        return texts
    distinct = texts.filter(applies).unique().to_list()
    return texts.replace(distinct, [function(text) for text in distinct])


def _status() -> pl.Expr:
    """The status; null if it is unknown: - or missing, 0 and -1 where none was sent."""
    text = pl.col('status').replace([NO_VALUE, '', '0', '000', '-1'], [None] * 5)
    return text.cast(pl.UInt16, strict=False)


def _duration(seconds: float) -> pl.Expr:
    """The duration in whole milliseconds; null if it is unknown. Of several, as of a request that was passed on, the last."""
    number = pl.col('duration').str.extract(r'(-?[\d.]+(?:[eE][+-]?\d+)?)\D*$').cast(pl.Float64, strict=False)
    milliseconds = (number * (1000 * seconds)).round()
    return pl.when(milliseconds.is_between(0, LONGEST_DURATION)).then(milliseconds).cast(pl.UInt32, strict=False)


def _reason(now: datetime, statuses: pl.Series) -> pl.Expr:
    """Why a line is rejected; null if it is not."""
    in_range = pl.col('timestamp').is_between(EARLIEST, now + AHEAD).fill_null(False)
    given = pl.lit(~statuses.is_in([NO_VALUE, '', '0', '000', '-1']) & statuses.is_not_null())
    reason = (
        pl.when(~in_range).then(pl.lit(Reason.TIMESTAMP.value))
        .when(given & ~pl.col('status').is_between(100, 999).fill_null(False)).then(pl.lit(Reason.STATUS.value))
        .when(pl.col('bytes').is_null()).then(pl.lit(Reason.BYTES.value))
    )  # fmt: skip
    return reason.alias('reason')


def to_timestamps(texts: pl.Series, time: Time, log_timezone: str) -> pl.Series:
    """The times, null if invalid. A time without an offset is of `log_timezone`; of an hour that occurs twice, the first counts."""
    text = texts.rename('time')
    if time == Time.UNIX:
        number = pl.col('time').cast(pl.Float64, strict=False)
        scale = pl.when(number < 1e11).then(1e3).when(number < 1e14).then(1.0).when(number < 1e17).then(1e-3).otherwise(1e-6)
        return text.to_frame().select((number * scale).round().cast(pl.Int64, strict=False).cast(TIMESTAMP)).to_series()
    if time == Time.CTIME:
        local = text.str.to_datetime('%a %b %e %H:%M:%S %Y', time_unit='ms', strict=False)
        return _in_zone(local, log_timezone)
    if time == Time.CLF:
        text = text.str.replace(r'^(\d{1,2}/[A-Za-z]{3}/\d{4}) ', '${1}:')  # werkzeug writes a space for the first colon
        whole, offset = text.str.slice(0, 20), text.str.extract(r' ?([+-]\d{2}:?\d{2}|Z)$')
        fraction = text.str.extract(r':\d\d(\.\d{1,9})').cast(pl.Float64, strict=False).fill_null(0)
        local = text.str.extract(r'^(\d{1,2}/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d)').str.to_datetime('%d/%b/%Y:%H:%M:%S', time_unit='ms', strict=False)
        del whole
    else:
        offset = text.str.extract(r'([+-]\d{2}:?\d{2}|[Zz])$')
        normal = text.str.extract(r'^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)').str.replace(' ', 'T')
        local = normal.str.to_datetime('%Y-%m-%dT%H:%M:%S', time_unit='ms', strict=False)
        fraction = text.str.extract(r':\d\d([.,]\d{1,9})').str.replace(',', '.').cast(pl.Float64, strict=False).fill_null(0)
    local = (local.cast(pl.Int64) + (fraction * 1000).cast(pl.Int64)).cast(pl.Datetime('ms'))
    known = {each: _offset(each) for each in offset.unique().to_list() if each is not None}
    shift = offset.replace_strict(known, default=None, return_dtype=pl.Int64)
    moments = (local.cast(pl.Int64) - shift).cast(TIMESTAMP)
    without = offset.is_null() & local.is_not_null()
    if without.any():
        moments = moments.zip_with(~without, _in_zone(local, log_timezone))
    return moments


def _offset(text: str) -> int | None:
    """An offset from UTC in milliseconds; null if it is out of range."""
    if text in ('Z', 'z'):
        return 0
    digits = text[1:].replace(':', '')
    hours, minutes = int(digits[:2]), int(digits[2:])
    return int(text[0] + '1') * (hours * 60 + minutes) * 60_000 if hours <= 14 and minutes < 60 else None


def _in_zone(local: pl.Series, log_timezone: str) -> pl.Series:
    zoned = local.dt.replace_time_zone(log_timezone, ambiguous='earliest', non_existent='null')
    return zoned.dt.convert_time_zone('UTC').cast(TIMESTAMP)


def in_year_before(now: datetime, zone: str) -> datetime:
    """The local time in `zone`, for times without a year."""
    return now.astimezone(ZoneInfo(zone)).astimezone(UTC)
