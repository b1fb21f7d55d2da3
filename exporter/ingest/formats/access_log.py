"""Reads lines in the common and combined formats of Apache and nginx: fast where no field has spaces or quotes of its own."""

import polars as pl

from exporter.ingest.formats.notation import CAPTURE, JOINED

# Also with more than one space between the fields, or with one of ident and user only.
HEAD = r'^ *(?<ip>\S+)(?: +(?<ident>\S+))? +(?<user>\S.*?)? *\[(?<time>[^\]\s]* [^\]\s]*)\] '
# A line with any content in its quoted fields, and also if it ends within them. Numbers may precede the referer. Rust's regex
# engine matches in linear time.
LINE = (
    rf'{HEAD}"(?<request>{CAPTURE})" (?<status>\S+) (?<bytes>\S+)'
    rf'(?<tail>(?: [\d.]+)*(?: "(?<referrer>{CAPTURE})\\?(?:" ?"?(?<agent>{CAPTURE})\\?(?:".*)?)?)?)\s*$'
)
# Servers that do not escape quotes; the agent ends with the last one.
RAW_QUOTES = rf'{HEAD}"(?<request>.*?)" (?<status>\S+) (?<bytes>\d+|-)(?<tail>) "(?<referrer>.*?)" "(?<agent>.*)"(?: [^"]*)?$'
# The address is a list: the header stands in its place.
LISTED = (
    r'^(?<ip>[^\s,]+(?:, ?[^\s,]+)+) (?<ident>\S+) (?<user>.+?) \[(?<time>[^\]\s]* [^\]\s]*)\] '
    rf'"(?<request>.*?)" (?<status>\S+) (?<bytes>\d+|-)(?<tail>)(?: "(?<referrer>{CAPTURE})" "(?<agent>{CAPTURE})"(?: .*)?)?$'
)
ADDRESS = r'(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]+)(?::\d+)?'
FIELDS = ('ip', 'user', 'time', 'request', 'status', 'bytes', 'referrer', 'agent')
TIME_BYTES = len('17/May/2025:10:05:03 +0000] ')
QUOTED = ['head', 'request', 'middle', 'referrer', 'space', 'agent', 'end']  # the parts between the quotes


def read_access_log(texts: pl.Series) -> pl.DataFrame:
    """Returns a row of FIELDS for each line, null if it is in neither format; `agent` is null in the common format.

    In nearly all lines no field holds a quote or a space; splitting these takes a tenth of the time of the pattern.
    """
    escaped = pl.col('text').str.contains('\\"', literal=True)
    end = pl.col('end')
    at_end = (end == '') | (end.str.starts_with(' ') & ~end.str.contains('[', literal=True))
    combined = (pl.col('after') == '') & (pl.col('space') == ' ') & at_end
    common = pl.col('referrer').is_null() & (pl.col('after').fill_null('') == '') & (pl.col('bytes') != '')
    one_user = pl.col('more').is_null() & ~pl.col('ip').str.contains(',', literal=True)
    plain = (
        one_user
        & pl.col('time').str.ends_with('] ')
        & (pl.col('time').str.len_bytes() == TIME_BYTES)
        & (pl.col('before') == '')
        & (combined | common)
    )
    split = (
        texts.to_frame('text')
        .select(pl.col('text').str.splitn('"', len(QUOTED)).struct.rename_fields(QUOTED).struct.unnest(), escaped=escaped)
        .with_columns(pl.col('head').str.splitn(' [', 2).struct.rename_fields(['who', 'time']).struct.unnest())
        .with_columns(
            pl.col('who').str.splitn(' ', 4).struct.rename_fields(['ip', 'ident', 'user', 'more']).struct.unnest(),
            pl.col('middle').str.splitn(' ', 4).struct.rename_fields(['before', 'status', 'bytes', 'after']).struct.unnest(),
        )
        .select(
            'ip', 'user', 'request', 'status', 'bytes', 'agent', 'referrer',
            time=pl.col('time').str.strip_suffix('] '),
            plain=plain.fill_null(False) & pl.col('user').is_not_null() & ~pl.col('escaped'),
        )
    )  # fmt: skip
    is_plain = split['plain']
    if is_plain.all():
        return split.select(FIELDS)
    rows = split.select(FIELDS).with_row_index('row')
    irregular = rows['row'].filter(~is_plain)
    parsed = _read_irregular(texts.filter(~is_plain)).insert_column(0, irregular)
    return pl.concat([rows.filter(is_plain), parsed]).sort('row').drop('row')


def without_misread(fields: pl.DataFrame, texts: pl.Series) -> pl.DataFrame:
    """The fields, null for two lines without a line end between them, and where something precedes the address (a virtual host,
    the header of syslog): then the address stands in the place of ident or in the user, and the call may be of another portal."""
    user = pl.col('user')
    misread = user.str.contains(rf'^- |(?:^| ){ADDRESS} - ') | user.str.ends_with(' -')
    if 'ident' in fields.columns:
        misread = misread.fill_null(False) | pl.col('ident').str.contains(f'^{ADDRESS}$')
    joined = pl.lit(texts.str.contains(JOINED))
    return fields.with_columns(pl.when(~misread.fill_null(False) & ~joined).then(name).alias(name) for name in fields.columns)


def _read_irregular(texts: pl.Series) -> pl.DataFrame:
    """Reads lines with quotes in a field, a user name with spaces, a truncated user agent or missing spaces.

    The fields are null for a line in another format, and for two lines without a line end between them.
    """
    columns = [*FIELDS, 'ident', 'tail']
    escaped, raw, listed = (
        texts.str.extract_groups(pattern).struct.unnest().select(columns) for pattern in (LINE, RAW_QUOTES, LISTED)
    )
    is_raw = raw['ip'].is_not_null() & ~texts.str.contains(rf'^[^"]*"{CAPTURE}" \S+ \S+ "{CAPTURE}" "{CAPTURE}"(?: .*)?$')
    fields = pl.DataFrame([escaped[name].zip_with(~is_raw, raw[name]) for name in columns])
    fields = pl.DataFrame([fields[name].zip_with(listed['ip'].is_null(), listed[name]) for name in columns])
    # a line that ends after its size is in the common format; one that ends later is in the combined, without an agent
    without_agent = pl.when(pl.col('tail') != '').then(pl.lit(''))
    fields = fields.with_columns(pl.coalesce('agent', without_agent), pl.col('user').fill_null('-'))
    return without_misread(fields, texts).select(FIELDS)
