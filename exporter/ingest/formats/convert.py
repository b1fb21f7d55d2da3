"""Converts the text fields of any format into the columns of a call: times, numbers, requests, escapes."""

import re
from collections.abc import Callable
from datetime import datetime

import polars as pl

from exporter.config import ACCOUNT_FIELD
from exporter.ingest.formats import NONE, Escape, Format, Lines, Time
from exporter.model.call import AHEAD, EARLIEST, SOURCE_COLUMNS, TIMESTAMP
from exporter.model.reject import Reason, Skip

METHOD = r'^[A-Za-z][A-Za-z_-]{0,19}$'
PROTOCOL = r' (?:HTTP/)?\d(?:\.\d)?$'
ABSOLUTE = r'^[A-Za-z][A-Za-z0-9+.-]{0,19}://([^/?#*]*)'
PORT = r'^(?:(\d{1,3}(?:\.\d{1,3}){3}):\d+|\[([0-9A-Fa-f:.%\w]+)\](?::\d+)?)$'  # an address with a port, or in brackets
NO_VALUE = '-'
NO_STATUS = [NO_VALUE, '', '0', '000', '-1']  # where none was sent
ESCAPES = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|u00([0-9A-Fa-f]{2})|(.))', re.DOTALL)
HASHES = re.compile(rb'#([0-9A-F]{2})')
LETTERS = {b't': b'\t', b'n': b'\n', b'r': b'\r', b'v': b'\v', b'f': b'\f', b'b': b'\b', b'"': b'"', b'\\': b'\\', b'/': b'/'}
# Fields in which callers can write any text. Of a referrer, only the host is used, which has no escapes.
UNESCAPED = ('user', 'method', 'target', 'agent', 'forwarded', 'host')
DOUBLY_ENCODED = ('user', 'target', 'agent')
LONGEST_DURATION = 2**32 - 1  # ms


def convert(
    fields: pl.DataFrame,
    log_format: Format,
    now: datetime,
    log_timezone: str = 'UTC',
    has_escapes: bool = True,
    has_latin: bool = True,
) -> Lines:
    """Returns the calls of lines, given by `line` and the text fields of the format. `now` bounds which timestamps are valid.

    A line without a valid request is skipped; one with an invalid time, status or size is rejected. `log_timezone` is that of
    times without an offset. `has_escapes`, `has_latin`: whether a line may have a backslash, or a letter such as Ã.
    """
    fields = _split_request(fields)
    suspects = _suspects(fields, log_format, has_escapes)
    account_fields = [name for name in fields.columns if name.startswith(ACCOUNT_FIELD)]
    escaped = [name for name in (*UNESCAPED, *account_fields) if suspects.get(name)]
    if escaped:
        fields = fields.with_columns(unescape(fields[name], log_format.escape) for name in escaped)
    if has_latin:
        fields = fields.with_columns(
            _undo_double_encoding(fields[name]) for name in (*DOUBLY_ENCODED, *account_fields) if name in fields.columns
        )
    if suspects['hash']:  # a target has no fragment, so a # is HAProxy's escape, also in formats that it imitates
        fields = fields.with_columns(unescape(fields['target'], Escape.HASH))
    fields, no_request = _without_requests(fields)
    if suspects['unusual target']:
        fields = _strip_origin(fields)
    has = set(fields.columns)
    calls = fields.select(
        'line',
        to_timestamps(fields['time'], log_format.time, log_timezone).alias('timestamp'),
        ip=_value('ip', has),
        forwarded=_value('forwarded', has),
        host=_value('host', has).str.replace(r':\d+$', '').str.to_lowercase() if 'host' in has else pl.lit(''),
        user_id=_value('user', has).replace('""', ''),
        user_agent=pl.col('agent').fill_null('') if 'agent' in has else pl.lit(''),
        referrer=pl.col('referrer').fill_null('') if 'referrer' in has else pl.lit(''),
        method='method',
        path=pl.col('target').replace(NO_VALUE, ''),
        status=pl.when(~_has_no_status()).then(_status()) if 'status' in has else pl.lit(None, pl.UInt16),
        no_status=_has_no_status() if 'status' in has else pl.lit(True),
        bytes=pl.col('bytes').replace([NO_VALUE, ''], ['0', '0']).fill_null('0').cast(pl.UInt64, strict=False)
        if 'bytes' in has
        else pl.lit(0, pl.UInt64),
        duration_ms=_duration(log_format.seconds) if 'duration' in has else pl.lit(None, pl.UInt32),
        **{name: pl.col(name).replace(NO_VALUE, '') for name in account_fields},  # null where the line does not have it
    )
    if suspects['port']:
        calls = calls.with_columns(pl.col('ip').str.replace(PORT, '${1}${2}'))
    if suspects['list'] or log_format.only_forwarded:
        calls = _move_lists(calls, log_format.only_forwarded)
    calls = calls.with_columns(_reason(now))
    columns = ['line', *SOURCE_COLUMNS, *account_fields]
    if not calls['reason'].count():
        return Lines(calls.select(columns), NONE, no_request)
    invalid = calls.select('line', 'reason').drop_nulls()
    return Lines(calls.filter(pl.col('reason').is_null()).select(columns), invalid, no_request)


def _suspects(fields: pl.DataFrame, log_format: Format, has_escapes: bool) -> dict[str, bool]:
    """Whether some value of a field needs a closer look: found for all fields at once, since most chunks have few of them."""
    target, mark = pl.col('target'), '#' if log_format.escape == Escape.HASH else '\\'
    unescaped = [name for name in fields.columns if name in UNESCAPED or name.startswith(ACCOUNT_FIELD)]
    names = unescaped if has_escapes or mark == '#' else []
    return fields.select(
        *(pl.col(name).str.contains(mark, literal=True).any().alias(name) for name in names if log_format.escape != Escape.NONE),
        target.str.contains('#', literal=True).any().alias('hash'),
        (~target.str.starts_with('/') | target.str.ends_with(' ')).any().alias('unusual target'),
        (pl.col('ip').str.contains(',', literal=True).any() if 'ip' in fields.columns else pl.lit(False)).alias('list'),
        (pl.col('ip').str.contains(':', literal=True).any() if 'ip' in fields.columns else pl.lit(False)).alias('port'),
    ).row(0, named=True)


def _value(name: str, names: set[str]) -> pl.Expr:
    """A field in which null and - stand for no value; '' if the format does not have it."""
    return pl.col(name).replace(NO_VALUE, '').fill_null('') if name in names else pl.lit('')


def _move_lists(calls: pl.DataFrame, only_forwarded: bool) -> pl.DataFrame:
    """Moves a forwarded header that is logged in place of the address into the column `forwarded`."""
    moved = pl.lit(True) if only_forwarded else pl.col('ip').str.contains(',', literal=True)
    joined = pl.concat_str(pl.col('ip', 'forwarded').replace('', None), separator=', ', ignore_nulls=True)
    return calls.with_columns(
        forwarded=pl.when(moved).then(joined).otherwise('forwarded'), ip=pl.when(moved).then(pl.lit('')).otherwise('ip')
    )


def _split_request(fields: pl.DataFrame) -> pl.DataFrame:
    """Adds `method` and `target` of the request line where they are not given; joins a query that is given alone."""
    if 'request' in fields.columns:
        protocol = pl.col('third')
        split = fields.select(
            pl.col('request').str.splitn(' ', 3).struct.rename_fields(['first', 'second', 'third']).struct.unnest()
        ).with_columns(unusual=(protocol.str.len_bytes() > len('HTTP/1.1')) | ~protocol.str.starts_with('HTTP/'))
        if split['unusual'].any():
            rest = pl.col('second') + ' ' + protocol  # a path with spaces
            spaced = protocol.str.contains(' ', literal=True) | ~protocol.str.starts_with('HTTP/')
            split = split.with_columns(second=pl.when(spaced).then(rest.str.replace(PROTOCOL, '')).otherwise('second'))
        method, target = split['first'], split['second']
        if 'target' in fields.columns:
            given = fields['target'].is_not_null()
            target = fields['target'].zip_with(given, target)
            method = fields['method'].zip_with(given, method) if 'method' in fields.columns else method
        fields = fields.with_columns(method.alias('method'), target.alias('target'))
    elif 'method' not in fields.columns:
        fields = fields.with_columns(method=pl.lit('GET'))
    if 'query' in fields.columns:
        path, query = pl.col('target'), pl.col('query').str.strip_prefix('?')
        lacks = query.is_not_null() & ~query.is_in(['', NO_VALUE]) & ~path.str.contains('?', literal=True)
        fields = fields.with_columns(target=pl.when(lacks).then(path + '?' + query).otherwise(path))
    return fields


def _without_requests(fields: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Returns the lines with an HTTP request, and the others as skipped. PRI is the preface of HTTP/2, not a caller's request."""
    methods = fields['method'].unique()
    valid = methods.filter(methods.str.contains(METHOD) & (methods != 'PRI'))
    if len(valid) == len(methods) and (fields['target'] != '').fill_null(False).all():
        return fields, NONE
    is_request = fields['method'].is_in(valid.implode()) & fields['target'].is_not_null() & (fields['target'] != '')
    is_request = is_request.fill_null(False)
    skipped = fields.filter(~is_request).select('line', reason=pl.lit(Skip.NO_REQUEST.value))
    return fields.filter(is_request), skipped


def _strip_origin(fields: pl.DataFrame) -> pl.DataFrame:
    """Takes scheme and host off absolute URLs (RFC 9112, section 3.2.2); the host counts where the format has none."""
    fields = fields.with_columns(pl.col('target').str.strip_chars_end(' '))
    others = fields['target'].str.starts_with('/')
    if others.all():
        return fields
    absolute = fields['target'].set(others, None).str.extract(ABSOLUTE)
    if not absolute.count():
        return fields
    path = pl.col('target').str.replace(ABSOLUTE, '')
    path = pl.when(path.str.contains('^[/*]')).then(path).otherwise('/' + path)
    host = _value('host', set(fields.columns))
    return fields.with_columns(
        target=pl.when(absolute.is_not_null()).then(path).otherwise('target'),
        host=pl.when(host == '').then(pl.lit(absolute)).otherwise(host),
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


def _undo_double_encoding(texts: pl.Series) -> pl.Series:
    """Corrects texts that a server took for Latin-1 and wrote as UTF-8: jÃ¶rg is jörg."""
    return _map_texts(texts, texts.str.contains('[\u00c2-\u00f4][\u0080-\u00bf]').fill_null(False), _decode_latin)


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
    """The status; null if it is unknown or invalid."""
    return pl.col('status').cast(pl.UInt16, strict=False)


def _has_no_status() -> pl.Expr:
    return pl.col('status').is_in(NO_STATUS) | pl.col('status').is_null()


def _duration(seconds: float) -> pl.Expr:
    """The duration in whole milliseconds; null if it is unknown. Of several, as of a request that was passed on, the last."""
    number = pl.col('duration').str.extract(r'(-?[\d.]+(?:[eE][+-]?\d+)?)\D*$').cast(pl.Float64, strict=False)
    milliseconds = (number * (1000 * seconds)).round()
    return pl.when(milliseconds.is_between(0, LONGEST_DURATION)).then(milliseconds).cast(pl.UInt32, strict=False)


def _reason(now: datetime) -> pl.Expr:
    """Why a line is rejected; null if it is not."""
    in_range = pl.col('timestamp').is_between(EARLIEST, now + AHEAD).fill_null(False)
    invalid_status = ~pl.col('status').is_between(100, 999).fill_null(False) & ~pl.col('no_status')
    reason = (
        pl.when(~in_range).then(pl.lit(Reason.TIMESTAMP.value))
        .when(invalid_status).then(pl.lit(Reason.STATUS.value))
        .when(pl.col('bytes').is_null()).then(pl.lit(Reason.BYTES.value))
    )  # fmt: skip
    return reason.alias('reason')


def to_timestamps(texts: pl.Series, time: Time, log_timezone: str) -> pl.Series:
    """The times, null if invalid. A time without an offset is of `log_timezone`: of an hour that occurs twice, of the first."""
    text = texts.rename('time')
    if time == Time.UNIX:
        number = pl.col('time').cast(pl.Float64, strict=False)
        scale = pl.when(number < 1e11).then(1e3).when(number < 1e14).then(1.0).when(number < 1e17).then(1e-3).otherwise(1e-6)
        return text.to_frame().select((number * scale).round().cast(pl.Int64, strict=False).cast(TIMESTAMP)).to_series()
    if time == Time.CTIME:
        local = text.str.to_datetime('%a %b %e %H:%M:%S %Y', time_unit='ms', strict=False)
        return _in_zone(local, log_timezone)
    if time == Time.CLF:
        parts = text.to_frame().select(
            local=pl.col('time').str.slice(0, 20).str.to_datetime('%d/%b/%Y:%H:%M:%S', time_unit='ms', strict=False),
            offset=pl.col('time').str.slice(20),
        )
        moments = with_offset(parts['local'], parts['offset'])
        if not moments.has_nulls():
            return moments
        usual = moments.is_not_null()
        return moments.zip_with(usual, _other_clf(text.set(usual, None), log_timezone))
    local = (
        text.str.slice(0, 19)
        .str.replace(' ', 'T', literal=True)
        .str.to_datetime('%Y-%m-%dT%H:%M:%S', time_unit='ms', strict=False)
    )
    rest = text.str.slice(19)
    return _with_fraction(local, rest, log_timezone)


def _other_clf(text: pl.Series, log_timezone: str) -> pl.Series:
    """Times with a day of one digit, a fraction of the second, without an offset, or with a space for the first colon."""
    parts = (
        text.str.extract_groups(r'^(\d{1,2}/[A-Za-z]{3}/\d{4})[: ](\d\d:\d\d:\d\d)(.*)$')
        .struct.rename_fields(['day', 'time', 'rest'])
        .struct.unnest()
    )
    local = (parts['day'] + ':' + parts['time']).str.to_datetime('%d/%b/%Y:%H:%M:%S', time_unit='ms', strict=False)
    return _with_fraction(local, parts['rest'], log_timezone)


def _with_fraction(local: pl.Series, rest: pl.Series, log_timezone: str) -> pl.Series:
    """Adds the fraction of the second and the offset, which is that of `log_timezone` where there is none."""
    fraction = rest.str.extract(r'^([.,]\d{1,9})').str.replace(',', '.').cast(pl.Float64, strict=False).fill_null(0)
    local = (local.cast(pl.Int64) + (fraction * 1000).round().cast(pl.Int64)).cast(pl.Datetime('ms'))
    offset = rest.str.replace(r'^[.,]\d{1,9}', '')
    moments = with_offset(local, offset)
    without = (offset.str.strip_chars() == '').fill_null(False)
    return moments.zip_with(~without, _in_zone(local, log_timezone)) if without.any() else moments


def with_offset(local: pl.Series, offset: pl.Series) -> pl.Series:
    """The times in UTC; null if the offset is invalid or missing."""
    first = offset.first() if len(offset) else None
    shift: pl.Expr
    if first is not None and (offset == first).all():  # in nearly all chunks
        shift = pl.lit(_offset(str(first)), pl.Int64)
    else:
        known = {each: _offset(each) for each in offset.unique().to_list() if each is not None}
        shift = pl.col('offset').replace_strict(known, default=None, return_dtype=pl.Int64)
    parts = pl.DataFrame([local.alias('local'), offset.alias('offset')])
    return parts.select((pl.col('local').cast(pl.Int64) - shift).cast(TIMESTAMP)).to_series()


def _offset(text: str) -> int | None:
    """An offset from UTC in milliseconds; null if it is invalid."""
    if text.strip() in ('Z', 'z'):
        return 0
    match = re.fullmatch(r' ?([+-])(\d\d):?(\d\d)', text)
    if not match or int(match[2]) > 14 or int(match[3]) > 59:
        return None
    return int(match[1] + '1') * (int(match[2]) * 60 + int(match[3])) * 60_000


def _in_zone(local: pl.Series, log_timezone: str) -> pl.Series:
    zoned = local.dt.replace_time_zone(log_timezone, ambiguous='earliest', non_existent='null')
    return zoned.dt.convert_time_zone('UTC').cast(TIMESTAMP)
