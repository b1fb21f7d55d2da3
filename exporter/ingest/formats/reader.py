"""Reads the chunks of a log in its format: finds the format, and finds it again where it changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import polars as pl

from exporter.config import PortalRules
from exporter.errors import InputError, SettingsError
from exporter.ingest.formats import NONE, Format, Lines
from exporter.ingest.formats.convert import convert
from exporter.ingest.formats.detect import (
    LIKE_CALL,
    OTHER_OUTPUT,
    SAMPLE,
    best_fit,
    format_of,
    nearest,
    refuse,
    with_account_fields,
)
from exporter.ingest.formats.json_guess import GUESSED
from exporter.ingest.formats.lines import read_texts
from exporter.ingest.formats.presets import COMMON_FIELDS, PRESETS
from exporter.ingest.formats.usual_lines import Usual, UsualLines
from exporter.ingest.formats.w3c import DIRECTIVE
from exporter.ingest.formats.wrappers import WRAPPERS, Wrapper
from exporter.model.call import SOURCE_COLUMNS
from exporter.model.reject import Reason, Skip

AUTO = 'auto'
NO_CALLS = pl.DataFrame(schema={'line': pl.UInt32(), **SOURCE_COLUMNS})
MANY_LINES = 1 << 16  # bytes; in fewer, looking for the usual lines costs more than it saves
FEW_OTHERS = 0.1  # of the lines of a chunk
WRAPPED = ' in '  # between the names of a format and of its wrapper


def reader_of(rules: PortalRules, log_format: str | None = None) -> 'LogReader':
    """Returns a reader for a log of a portal with these rules, in this format or that of the rules.

    Raises SettingsError for an invalid format.
    """
    return LogReader(
        log_format or rules.log_format,
        rules.forwarded_header or 'x-forwarded-for',
        rules.log_timezone or rules.timezone,
        rules.log_fields,
        rules.account_fields,
    )


class LogReader:
    """Reads one log, chunk by chunk, in their order. One thread at a time may call it.

    `format` is the current format; None until a line is read. With `auto` it is found in the first lines, and again when lines
    do not fit it: a server was restarted with another format, or a line `#Fields:` follows.
    """

    def __init__(
        self,
        log_format: str = AUTO,
        forwarded_header: str = 'x-forwarded-for',
        log_timezone: str = 'UTC',
        log_fields: Mapping[str, str] | None = None,
        account_fields: tuple[str, ...] = (),
    ) -> None:
        self.forwarded_header, self.log_timezone, self.log_fields = forwarded_header, log_timezone, log_fields
        self.account_fields = account_fields
        self.no_calls = NO_CALLS.with_columns(pl.lit(None, pl.String).alias(name) for name in account_fields)
        self.is_auto = log_format == AUTO
        self.unusual = True, True
        self.lacks: InputError | None = None  # why the lines that were looked at last are in no format, if that is known
        self.format: Format | None = None
        self.wrapper: Wrapper | None = None
        self.looks_for_wrapper = not self.is_auto  # of a format that is given without one
        self.usual_lines: UsualLines | None = UsualLines()  # None: the log has few of them
        if log_format == COMMON_FIELDS.name:
            self.format = COMMON_FIELDS
        elif not self.is_auto:
            self.resume(log_format)

    @property
    def name(self) -> str:
        """The current format and its wrapper, as `resume` takes it; '' if it is not known yet."""
        if not self.format:
            return ''
        return self.format.name + (f'{WRAPPED}{self.wrapper.name}' if self.wrapper else '')

    @property
    def shown_name(self) -> str:
        """The current format and its wrapper as a person needs them: without the mapping of a guessed format."""
        return (
            self.name.replace(self.format.name, 'json', 1) if self.format and self.format.name.startswith(GUESSED) else self.name
        )

    def resume(self, name: str) -> None:
        """Goes on in the format of this name. Raises SettingsError if there is none."""
        wrapper = next((each for each in WRAPPERS if name.endswith(f'{WRAPPED}{each}')), None)
        self.wrapper = WRAPPERS[wrapper] if wrapper else None
        self.format = format_of(
            name.removesuffix(f'{WRAPPED}{wrapper}'), self.forwarded_header, self.log_fields, self.account_fields
        )

    def read(self, chunk: bytes, now: datetime, log_name: str = '', first: bool = False) -> Lines:
        """Parses whole lines. `now` bounds which timestamps are valid.

        Raises InputError if `first` and no line of the chunk is in a format, or they lack what a call needs.
        """
        self.lacks = None
        lines = read_texts(chunk)
        self.unusual = b'\\' in chunk, b'\xc3' in chunk
        parts = [self._read_part(part, now) for part in self._split_at_directives(lines)] if b'#' in chunk else [
            self._read_part(lines, now)
        ]  # fmt: skip
        result = _join(parts)
        if first and result.no_format:
            if self.lacks:
                raise InputError(f'{log_name}: {self.lacks.what}', self.lacks.remedy)
            texts = _sample(lines['text'])
            refuse(log_name, texts)
            if self.format and not self.is_auto:
                raise InputError(
                    f'{log_name}: no line is in the format {self.name[:200]!r}', 'choose another --log-format, or auto'
                )
            raise InputError(
                f'{log_name}: no line is in a known format; {nearest(texts)}', 'choose --log-format, or give its notation'
            )
        return result

    def read_usual(self, chunk: bytes, now: datetime) -> Usual | None:
        """Reads the usual lines of a chunk of the combined format at less cost than `read`; None if too few lines are usual.

        `read_others` is to read its other lines, also those of several chunks at once, before the next call of `read`.
        """
        if not self.usual_lines or self.format is not PRESETS['combined'] or self.wrapper or self.account_fields:
            return None
        if self.looks_for_wrapper or len(chunk) < MANY_LINES or not chunk.isascii():
            return None
        if any(mark in chunk for mark in (b'\0', b'\x1b', b'\r')):
            return None
        if chunk.startswith(b'#') or (b'#' in chunk and b'\n#' in chunk):  # a search for one byte is ten times as fast
            return None
        usual = self.usual_lines.read(chunk, now)
        if len(usual.others) > FEW_OTHERS * (len(usual.calls) + len(usual.others)):
            self.usual_lines = None
            return None
        return usual

    def read_others(self, chunks: Sequence[Sequence[str]], now: datetime) -> Lines:
        """Parses the lines of chunks that are not usual; they are numbered through. The format stays that of the usual ones."""
        self.lacks, self.unusual = None, (True, False)
        lines = pl.DataFrame({'text': [text for texts in chunks for text in texts]}, {'text': pl.String})
        result, unread = self._read_lines(lines.with_row_index('line'), now)
        parts, current, start = [result], (self.wrapper, self.format), 0
        for texts in chunks if len(unread) else ():
            unread_here = unread.filter(pl.col('line').is_between(start, start + len(texts), 'left'))
            parts.append(self._read_part(unread_here, now))
            self.wrapper, self.format = current
            start += len(texts)
        return _join(parts)

    def _split_at_directives(self, lines: pl.DataFrame) -> list[pl.DataFrame]:
        """Splits lines before each W3C header with other fields than the one before it. A server may write thousands that repeat
        the fields: each part costs as much as many lines."""
        headers = lines.select(row=pl.int_range(pl.len()), fields=pl.col('text').str.strip_chars_end())
        headers = headers.filter(pl.col('fields').str.starts_with(DIRECTIVE))
        current = self.format.name if self.format and not self.wrapper else ''
        changes = headers.filter(pl.col('fields') != pl.col('fields').shift(fill_value=current))
        starts = [0, *changes['row'].to_list(), len(lines)]
        return [lines[start:end] for start, end in pairwise(starts) if start < end]

    def _read_part(self, lines: pl.DataFrame, now: datetime) -> Lines:
        """Reads lines among which no W3C header changes the fields, but for the first line."""
        first = lines['text'].item(0) if len(lines) else ''
        if self.is_auto and first.startswith(DIRECTIVE):
            self.wrapper, self.format = None, self._described(first)
        if self.is_auto and self.format is None:
            self._detect(lines['text'])
        if self.looks_for_wrapper and self.format:
            self._find_wrapper(lines['text'], self.format)
        result, unread = self._read_lines(lines, now)
        if self.is_auto and len(unread):
            before = self.wrapper, self.format
            if self._detect(unread['text']):
                other, unread = self._read_lines(unread, now)
                result = _join([result, other])
                if not _ends_in(other, lines):
                    self.wrapper, self.format = before
        return _join([result, self._unreadable(unread)]) if len(unread) else result

    def _find_wrapper(self, texts: pl.Series, log_format: Format) -> None:
        """Finds the wrapper of lines whose format is given, by whether the format fits what is in it."""
        sample = pl.Series('text', _sample(texts), pl.String)
        wrapper = next((each for each in WRAPPERS.values() if each.matches(sample.to_list())), None)
        self.looks_for_wrapper = sample.is_empty()
        if self.wrapper is None and wrapper:
            inner = wrapper.unwrap(sample)['text'].drop_nulls()
            if log_format.read(inner)['time'].count() > log_format.read(sample)['time'].count():
                self.wrapper = wrapper

    def _described(self, directive: str) -> Format | None:
        try:
            return format_of(directive, self.forwarded_header, account_fields=self.account_fields)
        except SettingsError as error:
            self.lacks = InputError(error.what.removeprefix('log_format: '), error.remedy)
            return None

    def _read_lines(self, lines: pl.DataFrame, now: datetime) -> tuple[Lines, pl.DataFrame]:
        """Returns what the current format makes of lines, and the lines that are not in it."""
        if self.format is None or lines.is_empty():
            skipped, lines = _without_blank(lines)
            return Lines(self.no_calls, NONE, skipped), lines
        parts = NONE
        if self.wrapper:
            unwrapped = self.wrapper.unwrap(lines['text'])
            lines = lines.with_columns(unwrapped['text'])
            if lines['text'].has_nulls():
                parts = lines.filter(pl.col('text').is_null()).select('line', reason=pl.lit(Skip.OTHER_OUTPUT.value))
                lines = lines.drop_nulls('text')
        fields = self.format.read(lines['text'])
        read = fields['time'].is_not_null() & ~lines['text'].str.starts_with('#')
        fields = fields.insert_column(0, lines['line'])
        if read.all():
            skipped, unread = NONE, lines.clear()
        else:
            skipped, unread = _without_blank(lines.filter(~read))
        converted = convert(fields if read.all() else fields.filter(read), self.format, now, self.log_timezone, *self.unusual)
        if lacking := [name for name in self.account_fields if name not in converted.calls.columns]:
            calls = converted.calls.with_columns(pl.lit(None, pl.String).alias(name) for name in lacking)
            converted = converted._replace(calls=calls.select(self.no_calls.columns))
        return _join([converted, Lines(converted.calls.clear(), NONE, pl.concat([skipped, parts]))]), unread

    def _unreadable(self, lines: pl.DataFrame) -> Lines:
        """Skips messages of servers and other programs, and rejects all other lines."""
        is_message = ~lines['text'].str.contains(LIKE_CALL)
        if not (self.format and self.format.has_messages):
            is_message &= lines['text'].str.contains(OTHER_OUTPUT)
        if self.lacks and not self.format:
            is_message &= False
        rejected = lines.filter(~is_message).select('line', reason=pl.lit(Reason.FORMAT.value))
        return Lines(self.no_calls, rejected, lines.filter(is_message).select('line', reason=pl.lit(Skip.OTHER_OUTPUT.value)))

    def _detect(self, texts: pl.Series) -> bool:
        """Finds the wrapper and the format of most of these lines; returns whether there is one."""
        sample = pl.Series('text', _sample(texts), pl.String)
        if sample.is_empty():
            return False
        wrapper = next((each for each in WRAPPERS.values() if each.matches(sample.to_list())), None)
        for candidate in (wrapper, None) if wrapper else (None,):
            inner = candidate.unwrap(sample)['text'].drop_nulls() if candidate else sample
            try:
                fit = best_fit(inner, self.forwarded_header)
            except InputError as error:
                self.lacks = error
                continue
            if fit and fit.is_enough:
                self.format, self.wrapper = with_account_fields(fit.format, self.account_fields), candidate
                return True
        return False


def _sample(texts: pl.Series) -> Sequence[str]:
    return texts.filter((texts.str.strip_chars() != '') & ~texts.str.starts_with('#')).head(SAMPLE).to_list()


def _without_blank(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Returns the blank lines and comments, and the others."""
    begins = lines['text'].str.slice(0, 1)
    suspects = begins.is_in(['', '#', ' ', '\t', '\r', '\v', '\f'])
    if not suspects.any():
        return NONE, lines
    reason = (
        pl.when(pl.col('text').str.strip_chars() == '').then(pl.lit(Skip.BLANK.value))
        .when(pl.col('text').str.starts_with('#')).then(pl.lit(Skip.COMMENT.value))
    )  # fmt: skip
    lines = lines.with_columns(reason=reason)
    return lines.select('line', 'reason').drop_nulls(), lines.filter(pl.col('reason').is_null()).drop('reason')


def _ends_in(part: Lines, lines: pl.DataFrame) -> bool:
    """Whether the last call of these lines is in `part`."""
    return len(part.calls) > 0 and part.calls['line'].max() == lines['line'].max()


def _join(parts: Sequence[Lines]) -> Lines:
    calls = [part.calls for part in parts if part.calls.width]
    return Lines(
        pl.concat(calls) if calls else NO_CALLS,
        pl.concat([part.rejected for part in parts]),
        pl.concat([part.skipped for part in parts]),
    )
