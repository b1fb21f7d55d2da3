"""Reads the notations of log formats: nginx `log_format` ($remote_addr ...) and Apache `LogFormat` (%h ...).

A notation becomes one regular expression with a group for each field. Rust's regex engine matches in linear time.
Sources: https://nginx.org/en/docs/varindex.html, https://httpd.apache.org/docs/current/mod/mod_log_config.html
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import polars as pl

from exporter.errors import SettingsError
from exporter.ingest.formats import Escape, Format, Time


class Variable(NamedTuple):
    """What a variable of a notation stands for: a field, the form of a time, the unit of a duration in seconds."""

    field: str
    time: Time | None = None
    seconds: float = 0.0


# In the order in which they count where several stand for one field.
NGINX = {
    'remote_addr': Variable('ip'),
    'realip_remote_addr': Variable('ip'),
    'proxy_add_x_forwarded_for': Variable('forwarded'),
    'remote_user': Variable('user'),
    'time_local': Variable('time', Time.CLF),
    'time_iso8601': Variable('time', Time.ISO),
    'msec': Variable('time', Time.UNIX),
    'request': Variable('request'),
    'request_method': Variable('method'),
    'request_uri': Variable('target'),
    'uri': Variable('target'),
    'document_uri': Variable('target'),
    'args': Variable('query'),
    'query_string': Variable('query'),
    'status': Variable('status'),
    'body_bytes_sent': Variable('bytes'),
    'bytes_sent': Variable('bytes'),
    'http_user_agent': Variable('agent'),
    'http_host': Variable('host'),
    'host': Variable('host'),
    'server_name': Variable('host'),
    'request_time': Variable('duration', seconds=1.0),
}
APACHE = {
    'a': Variable('ip'),
    'h': Variable('ip'),
    '{c}a': Variable('ip'),
    'u': Variable('user'),
    't': Variable('time', Time.CLF),
    '{sec}t': Variable('time', Time.UNIX),
    '{msec}t': Variable('time', Time.UNIX),
    '{usec}t': Variable('time', Time.UNIX),
    'r': Variable('request'),
    'm': Variable('method'),
    'U': Variable('target'),
    'q': Variable('query'),
    's': Variable('status'),
    'b': Variable('bytes'),
    'B': Variable('bytes'),
    'O': Variable('bytes'),
    '{user-agent}i': Variable('agent'),
    '{host}i': Variable('host'),
    'V': Variable('host'),
    'v': Variable('host'),
    'D': Variable('duration', seconds=1e-6),
    '{us}T': Variable('duration', seconds=1e-6),
    '{ms}T': Variable('duration', seconds=1e-3),
    'T': Variable('duration', seconds=1.0),
    '{s}T': Variable('duration', seconds=1.0),
}
UNUSED = {'http_referer', 'l', '{referer}i', 'p', 'I', 'X', 'request_length'}  # known, and not needed
NGINX_TOKEN = re.compile(r'\$(?:\{(?P<braced>\w+)\}|(?P<plain>\w+))|(?P<text>[^$]+|\$)')
APACHE_TOKEN = re.compile(r'%[!\d,]*[<>]?(?P<argument>\{[^}]*\})?(?P<letter>\^t[io]|[a-zA-Z])|(?P<text>%%|[^%]+|%)')
CAPTURE = r'(?:[^"\\]|\\.)*'  # between quotes
TIMESTAMP_PATTERN = r'\[\d{1,2}/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]'
# Two lines without a line end between them: after one timestamp the head of another line.
JOINED = rf'{TIMESTAMP_PATTERN}.*[^" ] [^" ]+ [^"]+ {TIMESTAMP_PATTERN}(?: "|\s*$)'
REQUIRED = {'time': 'the time', 'ip': 'the address', 'request': 'the request'}
Token = tuple[str, str]  # the name of a variable, or '' and a text


def is_notation(log_format: str) -> bool:
    """Whether a value of `log_format` is a notation and not the name of a preset."""
    return '$' in log_format or '%' in log_format


def notation_format(notation: str, forwarded_header: str = 'x-forwarded-for', name: str = '') -> Format:
    """Returns the format that a notation describes. `forwarded_header`: the header that names the caller behind a proxy.

    Raises SettingsError for a notation without time, address or request, and for two variables with no text between them.
    """
    variables, tokens = (NGINX, _nginx_tokens(notation)) if '$' in notation else (APACHE, _apache_tokens(notation))
    header = forwarded_header.lower()
    variables = variables | {f'http_{header.replace("-", "_")}': Variable('forwarded'), f'{{{header}}}i': Variable('forwarded')}
    named = {variables[token_name].field: token_name for token_name in reversed(variables) if (token_name, '') in tokens}
    fields = set(named)
    only_forwarded = 'forwarded' in fields and 'ip' not in fields
    present = fields | ({'ip'} if only_forwarded else set()) | ({'request'} if 'target' in fields else set())
    if missing := [text for field, text in REQUIRED.items() if field not in present]:
        raise SettingsError(f'log_format: {notation[:200]!r} does not have {" and ".join(missing)}', 'add it to the notation')
    chosen = {variable: field for field, variable in named.items()}
    pattern = _pattern(notation, tokens, chosen, variables)
    return Format(
        name or notation,
        pattern_reader(pattern, list(named)),
        variables[named['time']].time or Time.CLF,
        Escape.BACKSLASH,
        variables[named['duration']].seconds if 'duration' in named else 1.0,
        only_forwarded,
        tuple(dict.fromkeys(each for each, text in tokens if each and each not in variables and each not in UNUSED)),
    )


def pattern_reader(pattern: str, fields: Sequence[str]) -> Callable[[pl.Series], pl.DataFrame]:
    """Returns a function that reads the named groups of a pattern from each line."""

    bracketed = r'\[' in pattern

    def read(texts: pl.Series) -> pl.DataFrame:
        rows = texts.str.extract_groups(pattern).struct.unnest().select(fields)
        if not bracketed or not (joined := texts.str.contains(JOINED)).any():
            return rows
        return rows.with_columns(pl.when(~pl.lit(joined)).then(name).alias(name) for name in fields)

    return read


def _nginx_tokens(notation: str) -> list[Token]:
    text = re.sub(r"'\s*\n?\s*'", '', notation)  # as it stands in the configuration: several texts in quotes
    return [(match['braced'] or match['plain'] or '', match['text'] or '') for match in NGINX_TOKEN.finditer(text.strip("';\n "))]


def _apache_tokens(notation: str) -> list[Token]:
    text = notation.replace('\\"', '"').replace('\\t', '\t')  # as it stands in the configuration
    tokens = (
        (f'{(match["argument"] or "").lower()}{match["letter"]}', '')
        if match['letter']
        else ('', match['text'].replace('%%', '%'))
        for match in APACHE_TOKEN.finditer(text)
    )
    return list(_merge_texts(tokens))


def _merge_texts(tokens: Iterator[Token]) -> Iterator[Token]:
    before = ''
    for name, text in tokens:
        if not name:
            before += text
            continue
        if before:
            yield '', before
        before = ''
        yield name, ''
    if before:
        yield '', before


def _pattern(notation: str, tokens: list[Token], chosen: dict[str, str], variables: dict[str, Variable]) -> str:
    """Returns a pattern for whole lines, with a group for each chosen variable."""
    pattern, used = '^', set[str]()
    for index, (name, text) in enumerate(tokens):
        if not name:
            pattern += re.escape(text).replace(r'\ ', ' +')
            continue
        before, after = tokens[index - 1] if index else ('', ''), tokens[index + 1] if index + 1 < len(tokens) else ('', '')
        if before[0] or after[0]:
            raise SettingsError(
                f'log_format: {notation[:200]!r}: no text between two variables at {name}', 'put a space between them'
            )
        value = _value(variables.get(name), before[1], after[1])
        if name == 't':
            value = r'[^\]]+'
        group = f'(?<{chosen[name]}>{value})' if name in chosen and chosen[name] not in used else f'(?:{value})'
        used.add(chosen.get(name, ''))
        pattern += rf'\[{group}\]' if name == 't' else group
    return pattern + r'\s*$'


def _value(variable: Variable | None, before: str, after: str) -> str:
    """Returns the pattern of a variable's value between two texts."""
    field = variable.field if variable else ''
    if before.endswith('"') and after.startswith('"'):
        return '.*?' if field == 'agent' else CAPTURE  # some servers do not escape quotes in agents
    if before.endswith('[') and after.startswith(']'):
        return r'[^\]]*'
    if '\t' in before[-1:] + after[:1]:
        return r'[^\t]*'
    if field == 'time':
        return r'\S+ \S+' if variable and variable.time == Time.CLF else r'\S+'
    if field == 'user':
        return '.+?'
    if field == 'forwarded':
        return r'\S+(?:, ?\S+)*?'
    if field in ('agent', 'request'):
        return '.*?'
    return r'\S+(?:, \S+)*' if not field else r'\S+'
