"""Reads W3C extended logs (IIS, CloudFront): a line `#Fields:` names the fields of the lines that follow.

Sources: https://www.w3.org/TR/WD-logfile.html,
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
"""

from collections.abc import Callable, Sequence
from urllib.parse import unquote

import polars as pl

from exporter.ingest.formats import Format, Time
from exporter.ingest.formats.account_fields import find_field

DIRECTIVE = '#Fields:'
HOST = 'x-host-header'  # that the caller requested; CloudFront's cs(Host) is the name of the distribution
NAMES = {
    'c-ip': 'ip',
    'cs-username': 'user',
    'cs-method': 'method',
    'cs-uri-stem': 'target',
    'cs-uri-query': 'query',
    'cs-uri': 'target',
    'sc-status': 'status',
    'sc-bytes': 'bytes',
    'cs(user-agent)': 'agent',
    'cs(referer)': 'referrer',
    'cs-host': 'host',
    'cs(host)': 'host',
    'time-taken': 'duration',
}
REQUIRED = {'date': 'the date', 'time': 'the time', 'ip': 'the address', 'target': 'the request'}


def w3c_format(directive: str, forwarded_header: str = 'x-forwarded-for', account_fields: Sequence[str] = ()) -> Format | str:
    """Returns the format that a line `#Fields: ...` describes, or what it lacks. It also reads the account fields that it has."""
    header = forwarded_header.lower()
    known = NAMES | {f'cs({header})': 'forwarded', header: 'forwarded'}
    columns = directive.removeprefix(DIRECTIVE).split()
    lower = [column.lower() for column in columns]
    fields = {known[column]: index for index, column in reversed(list(enumerate(lower))) if column in known}
    if HOST in lower:
        fields['host'] = lower.index(HOST)
    accounts = {source: lower.index(name) for source in account_fields if (name := find_field(source, lower))}
    present = fields.keys() | {name for name in ('date', 'time') if name in lower}
    if missing := [text for name, text in REQUIRED.items() if name not in present]:
        return ' and '.join(missing)
    cloudfront = 'x-edge-location' in lower
    decode = _decode_twice if cloudfront else _decode_plus

    def read(texts: pl.Series) -> pl.DataFrame:
        separator = '\t' if cloudfront or texts.str.contains('\t', literal=True).any() else ' '
        names = [str(index) for index in range(len(columns) + 1)]
        split = texts.str.splitn(separator, len(names)).struct.rename_fields(names).struct.unnest()
        complete = split[names[-2]].is_not_null() & split[names[-1]].is_null() & ~texts.str.starts_with('#')
        rows = split.select(
            **{field: names[index] for field, index in (fields | accounts).items()},
            time=pl.col(names[lower.index('date')]) + 'T' + pl.col(names[lower.index('time')]) + 'Z',
        )
        rows = rows.with_columns(_decode(rows[name], decode) for name in ('agent', 'referrer', *accounts) if name in rows.columns)
        return rows.with_columns(pl.when(complete).then(name).alias(name) for name in rows.columns)

    # IIS logs milliseconds, CloudFront seconds
    return Format(directive.strip(), read, Time.ISO, seconds=1.0 if cloudfront else 1e-3)


def _decode(texts: pl.Series, decode: Callable[[str], str]) -> pl.Series:
    distinct = texts.drop_nulls().unique().to_list()
    return texts.replace(distinct, [decode(text) for text in distinct])


def _decode_plus(text: str) -> str:
    return text.replace('+', ' ')


def _decode_twice(text: str) -> str:
    """CloudFront percent-encodes agents and referrers, older files twice."""
    return unquote(unquote(text))
