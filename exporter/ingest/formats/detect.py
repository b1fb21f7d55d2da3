"""Finds the format of a log from its first lines."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from exporter.config import ACCOUNT_FIELD
from exporter.errors import InputError, SettingsError
from exporter.ingest.formats import Format
from exporter.ingest.formats.json_guess import GUESSED, guess_mapping, guessed_format
from exporter.ingest.formats.json_lines import decode_sample, read_also
from exporter.ingest.formats.json_presets import JSON_PRESETS
from exporter.ingest.formats.log_fields import log_fields_format
from exporter.ingest.formats.notation import is_notation, notation_format
from exporter.ingest.formats.presets import PRESETS
from exporter.ingest.formats.w3c import DIRECTIVE, w3c_format

SAMPLE = 200  # lines
ENOUGH = 0.5  # of the lines that look like calls, which a format has to fit
NEARLY = 0.95  # of the lines that the best format fits: then a more specific format is preferred
# Logs that lack what a call needs, by the look of their lines.
REFUSED = (
    (
        r'^INFO: +\S+:\d+ - "[A-Z]+ ',
        'uvicorn',
        'the time',
        'start it with --log-config and a format that has %(asctime)s, or log at the proxy',
    ),
    (
        r'^(?:GET|POST|HEAD|PUT|PATCH|DELETE|OPTIONS) \S+ (?:\d{3}|-) .* ms',
        'morgan dev or tiny',
        'the time and the address',
        "use morgan('combined')",
    ),
    (
        r'Connect from \S+ to \S+ \(\S+/(?:HTTP|TCP)\)',
        'HAProxy without option httplog',
        'the request',
        'add option httplog to its defaults section',
    ),
    (
        r'^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?\t\S*\t\S+\thandled request\t\{',
        "Caddy's console",
        'a format that stays the same',
        'use format json',
    ),
)
# Start-up messages and other programs' lines.
OTHER_OUTPUT = (
    r'^(?:\[|\d{4}[-/]\d\d[-/]\d\d|(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b|/\S+: |\S+: |\*\*\* | \* |\s|'
    r'Press |spawned |mapped |uWSGI |WSGI |Python |detected |your |thunder |clock |implicit |compiled |nodename|machine|os:|'
    r'Traceback|set)'
)
LIKE_CALL = r'HTTP/\d|\[\d{1,2}/[A-Z][a-z]{2}/\d{4}:|"(?:GET|POST|HEAD) '
PREFIXES = (
    ('address', r'^\S+ '),
    ('user', r'^\S+ \S+ .+? '),
    ('time', r'^\S+ \S+ .+? \[[^\]]+\] '),
    ('request', r'^\S+ \S+ .+? \[[^\]]+\] ".*" '),
    ('status', r'^\S+ \S+ .+? \[[^\]]+\] ".*" \S+ '),
    ('size', r'^\S+ \S+ .+? \[[^\]]+\] ".*" \S+ (?:\d+|-)'),
)


class Fit(NamedTuple):
    """A format, how many of the sampled lines are in it, and how many look like calls."""

    format: Format
    lines: int
    like_calls: int

    @property
    def is_enough(self) -> bool:
        return self.lines >= ENOUGH * max(self.like_calls, 1)


def format_of(
    log_format: str,
    forwarded_header: str = 'x-forwarded-for',
    log_fields: Mapping[str, str] | None = None,
    account_fields: Sequence[str] = (),
) -> Format:
    """Returns the format of a name, a notation or a line `#Fields:`. It also reads the account fields that it has.

    Raises SettingsError if there is none.
    """
    if preset := PRESETS.get(log_format) or JSON_PRESETS.get(log_format):
        return with_account_fields(preset, account_fields)
    if log_format == 'json':
        return with_account_fields(log_fields_format(log_fields or {}), account_fields)
    if log_format.startswith(GUESSED):
        return with_account_fields(guessed_format(log_format), account_fields)
    if log_format.startswith(DIRECTIVE):
        described = w3c_format(log_format, forwarded_header, account_fields)
        if isinstance(described, Format):
            return described
        raise SettingsError(f'log_format: {log_format[:200]!r} does not have {described}', 'add it to the fields of the log')
    if is_notation(log_format):
        return with_account_fields(notation_format(log_format, forwarded_header, account_fields=account_fields), account_fields)
    raise SettingsError(
        f'log_format: unknown format {log_format[:200]!r}',
        f'use auto, a notation, json, or one of {", ".join([*PRESETS, *JSON_PRESETS])}',
    )


def with_account_fields(log_format: Format, account_fields: Sequence[str]) -> Format:
    """Returns a format of JSON logs that also reads the fields with these dotted names; other formats unchanged."""
    return read_also(log_format, {source: source.removeprefix(ACCOUNT_FIELD) for source in account_fields})


def best_fit(texts: pl.Series, forwarded_header: str = 'x-forwarded-for') -> Fit | None:
    """Returns the most specific format that fits nearly as many lines as any other; None if no line is in a format.

    Raises InputError if most lines are JSON that lacks what a call needs, and no other line is in a format.
    """
    objects = decode_sample(texts.to_list())
    if 2 * len(objects) <= len(texts):
        return _best_preset(texts)
    guess = guess_mapping(objects, forwarded_header)
    if not guess.missing:
        guessed = guess.to_format()
        like_calls = texts.str.contains(LIKE_CALL) | texts.str.starts_with('{')
        return Fit(guessed, guessed.read(texts)['time'].count(), int(like_calls.sum()))
    if fit := _best_preset(texts.filter(~texts.str.starts_with('{'))):
        return fit
    raise InputError(
        f'these lines of JSON do not have {" and ".join(guess.missing)}', 'log it, or name its field in [log_fields]'
    )


def _best_preset(texts: pl.Series) -> Fit | None:
    like_calls = int(texts.str.contains(LIKE_CALL).sum())
    fits = [Fit(preset, _fitting(preset, texts), like_calls) for preset in PRESETS.values()]
    most = max(fit.lines for fit in fits)
    return next((fit for fit in fits if fit.lines >= NEARLY * most), None) if most else None


def _fitting(log_format: Format, texts: pl.Series) -> int:
    fields = log_format.read(texts)
    lines = fields['time'].count()
    if lines and log_format.evidence:
        given = fields[log_format.evidence].drop_nulls()
        lines = min(lines, 2 * int((~given.is_in(['-', ''])).sum()))
    return lines


def refuse(name: str, texts: Sequence[str]) -> None:
    """Raises InputError for a log that lacks what a call needs, naming it."""
    for pattern, program, missing, remedy in REFUSED:
        if sum(bool(re.search(pattern, text)) for text in texts) * 2 > len(texts):
            raise InputError(f'{name}: this is a log of {program}: its lines do not have {missing}', remedy)


def nearest(texts: Sequence[str]) -> str:
    """Says how far the first line fits the common format, for the error of a log in no format."""
    line = next(iter(texts), '')
    failed = next((field for field, pattern in PREFIXES if not re.search(pattern, line)), 'user agent')
    return f'the nearest format is common: line 1 has no {failed}'
