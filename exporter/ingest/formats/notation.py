"""Reads the notations of log formats: nginx `log_format` ($remote_addr ...) and Apache `LogFormat` (%h ...).

A notation becomes one regular expression with a group for each field. Rust's regex engine matches in linear time.
A notation that is a JSON object becomes the names of its values. Sources: https://nginx.org/en/docs/varindex.html, https://httpd.apache.org/docs/current/mod/mod_log_config.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from exporter.config import ACCOUNT_FIELD
from exporter.errors import SettingsError
from exporter.ingest.formats import TEXT_FIELDS, Escape, Format, Time
from exporter.ingest.formats.account_fields import find_field, with_columns
from exporter.ingest.formats.json_lines import json_format


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
    'http_referer': Variable('referrer'),
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
    '{q}U': Variable('target'),  # stands for %U%q
    'U': Variable('target'),
    'q': Variable('query'),
    's': Variable('status'),
    'b': Variable('bytes'),
    'B': Variable('bytes'),
    'O': Variable('bytes'),
    '{user-agent}i': Variable('agent'),
    '{referer}i': Variable('referrer'),
    '{host}i': Variable('host'),
    'V': Variable('host'),
    'v': Variable('host'),
    'D': Variable('duration', seconds=1e-6),
    '{us}T': Variable('duration', seconds=1e-6),
    '{ms}T': Variable('duration', seconds=1e-3),
    'T': Variable('duration', seconds=1.0),
    '{s}T': Variable('duration', seconds=1.0),
}
UNUSED = {'l', 'p', 'I', 'X', 'request_length'}  # known, and not needed
STRFTIME = {'%d/%b/%y': Time.CLF, '%y-%m-%d': Time.ISO, '%f': Time.ISO, '%s': Time.UNIX}  # the beginning, in lower case
# The directives of a configuration, from which a notation may be copied whole.
DIRECTIVE = re.compile(r'\s*(?:log_format\s+\S+(?:\s+escape=\w+)?|LogFormat)\s+(?=[\'"])')
QUOTED = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""", re.DOTALL)
# What describes one field with several variables, and the one that stands for them.
COMPOSED = {
    '$uri$is_args$args': '$request_uri',
    '$request_method $request_uri $server_protocol': '$request',
    '%U%q': '%{q}U',
    '%m %{q}U %H': '%r',
}
BARE = re.compile(r'(?<=[:\[,\s])(\$\{?\w+\}?|%[<>]?(?:\{[^}]*\})?[a-zA-Z])(?=\s*[,}\]])')  # a number in JSON
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


def notation_format(
    notation: str, forwarded_header: str = 'x-forwarded-for', name: str = '', account_fields: Sequence[str] = ()
) -> Format:
    """Returns the format that a notation describes. `forwarded_header`: the header that names the caller behind a proxy.
    It also reads the account fields that it has.

    Raises SettingsError for a notation without time, address or request, and for two variables with no text between them.
    """
    text = _unquoted(notation)
    for several, one in COMPOSED.items():
        text = text.replace(several, one)
    of_server, tokenize = (NGINX, _nginx_tokens) if '$' in text else (APACHE, _apache_tokens)
    tokens = list(tokenize(text))
    header = forwarded_header.lower()
    variables = of_server | {f'http_{header.replace("-", "_")}': Variable('forwarded'), f'{{{header}}}i': Variable('forwarded')}
    variables |= {each: Variable('time', time) for each, _ in tokens if (time := _strftime(each))}
    names = _json_names(text, tokenize)
    if names is not None:
        tokens = [(variable, '') for variable, dotted in names.items() if dotted]
        tokens += [(variable, ' ') for variable, dotted in names.items() if not dotted]  # not alone: they count as unused
    named = {variables[token_name].field: token_name for token_name in reversed(variables) if (token_name, '') in tokens}
    accounts = dict[str, str]()  # the field with the values of each source of accounts
    for source in account_fields:
        # also by the name that a notation in JSON gives the value
        dotted = (each for each, dotted_name in (names or {}).items() if dotted_name == source.removeprefix(ACCOUNT_FIELD))
        if variable := find_field(source, [each for each, text in tokens if each and not text]) or next(dotted, None):
            accounts[source] = next((field for field, each in named.items() if each == variable), f'account_{len(accounts)}')
            named[accounts[source]] = variable
    fields = set(named)
    only_forwarded = 'forwarded' in fields and 'ip' not in fields
    present = fields | ({'ip'} if only_forwarded else set()) | ({'request'} if 'target' in fields else set())
    if missing := [text for field, text in REQUIRED.items() if field not in present]:
        raise SettingsError(f'log_format: {notation[:200]!r} does not have {" and ".join(missing)}', 'add it to the notation')
    chosen = {variable: field for field, variable in named.items()}
    time = variables[named['time']].time or Time.CLF
    seconds = variables[named['duration']].seconds if 'duration' in named else 1.0
    known = {*variables, *chosen}
    notes = tuple(dict.fromkeys(each for each, text in tokens if each and (text or each not in known) and each not in UNUSED))
    if names is not None:
        mapping = {field: names[variable] for field, variable in named.items() if field in TEXT_FIELDS}
        mapping |= {source: names[named[field]] for source, field in accounts.items()}
        return json_format(name or notation, mapping, time=time, seconds=seconds, only_forwarded=only_forwarded, notes=notes)
    pattern = _pattern(notation, tokens, chosen, variables)
    return Format(
        name or notation,
        with_columns(_not_joined(pattern_reader(pattern, list(named))), accounts),
        time,
        Escape.BACKSLASH,
        seconds,
        only_forwarded,
        notes,
    )


def pattern_reader(pattern: str, fields: Sequence[str]) -> Callable[[pl.Series], pl.DataFrame]:
    """Returns a function that reads the named groups of a pattern from each line."""

    def read(texts: pl.Series) -> pl.DataFrame:
        return texts.str.extract_groups(pattern).struct.unnest().select(fields)

    return read


def _not_joined(reader: Callable[[pl.Series], pl.DataFrame]) -> Callable[[pl.Series], pl.DataFrame]:
    """Returns a function that reads as `reader`, but not two lines without a line end: the agent would hold the second."""

    def read(texts: pl.Series) -> pl.DataFrame:
        fields = reader(texts)
        if 'agent' not in fields.columns or not fields['agent'].str.contains('] "', literal=True).any():
            return fields
        return fields.with_columns(pl.when(pl.lit(~texts.str.contains(JOINED))).then(name).alias(name) for name in fields.columns)

    return read


def _unquoted(notation: str) -> str:
    """Returns the text of a notation that stands in quotes, as in a configuration: it may be in several parts."""
    text, rest = '', DIRECTIVE.sub('', notation, 1).replace('\\\n', '')
    escaped, whole = '\\"' in rest, rest != notation
    end = parts = 0
    while match := QUOTED.match(rest, end):
        text, end, parts = text + (match[1] if match[2] is None else match[2]), match.end(), parts + 1
    # a notation may itself begin with a quote, as "$request" $status does
    if end and (whole or (re.fullmatch(r'[\s;]*', rest[end:]) and (escaped or parts == 1 or rest.lstrip()[0] == "'"))):
        return re.sub(r'\\([\'"\\])', r'\1', text).replace('\\t', '\t')
    return rest.strip('; \n').replace('\\"', '"').replace('\\t', '\t')


def _strftime(variable: str) -> Time | None:
    """The kind of time of Apache's %{FORMAT}t, where FORMAT is that of strftime."""
    match = re.fullmatch(r'\{(?:begin:|end:)?(%.*)\}t', variable)
    return next((time for begin, time in STRFTIME.items() if match and match[1].startswith(begin)), None)


def _json_names(text: str, tokenize: Callable[[str], Iterator[Token]]) -> dict[str, str] | None:
    """Returns the dotted name of each variable that is alone in a value; None for a notation that is not a JSON object.

    Other variables have the name ''.
    """
    if not text.startswith('{'):
        return None
    try:
        value = json.loads(BARE.sub(r'"\1"', text))
    except ValueError:
        return None
    names: dict[str, str] = {}
    for dotted, each in _leaves(value, ''):
        tokens = list(tokenize(each))
        for variable, _ in tokens:
            if variable and not names.get(variable):
                names[variable] = dotted if len(tokens) == 1 else ''
    return names


def _leaves(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        name = prefix + key.replace('.', '\\.')
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f'{name}.')
        elif isinstance(inner, str):
            yield name, inner


def _nginx_tokens(text: str) -> Iterator[Token]:
    return _merge_texts((match['braced'] or match['plain'] or '', match['text'] or '') for match in NGINX_TOKEN.finditer(text))


def _apache_tokens(text: str) -> Iterator[Token]:
    tokens = (
        (f'{(match["argument"] or "").lower()}{match["letter"]}', '')
        if match['letter']
        else ('', match['text'].replace('%%', '%'))
        for match in APACHE_TOKEN.finditer(text)
    )
    return _merge_texts(tokens)


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
            pattern += re.sub(r'(?:\\ )+', ' +', re.escape(text))
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
        return r'[^\s,]*(?:, ?[^\s,]*)*'
    if field in ('agent', 'request'):
        return '.*?'
    return r'\S+(?:, \S+)*' if not field else r'\S+'
