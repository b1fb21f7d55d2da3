"""Takes off what a container runtime, syslog or journald puts around each line of a log; pure.

A line may be in several parts, each of them a physical line: the first one gets the whole text, the others none. Parts can only
be joined if they are in one chunk: `complete_end` says where a chunk may end.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import polars as pl

from exporter.ingest.formats.lines import read_texts

INVALID = (msgspec.MsgspecError, RecursionError, ValueError)
MOST = 0.5  # of the lines of a sample must be wrapped
LONGEST_PREFIX = 4 << 10  # characters that are looked at in a sample: Python's engine takes memory for each
PATIENCE = 100  # lines of other streams after which the rest of a line is not expected any more: its program has crashed
MOST_PARTS = 64  # of a line, which are 1 MB: a program may never end its line
MOST_HELD = 4 << 20  # bytes that wait for the rest of a line
DOCKER_PART = 16 << 10  # bytes: the size of the parts of a long line in Docker's json-file

# Both Python's and Rust's regex engine read these patterns; Rust's matches in linear time.
DATE = r'[0-9]{4}-[0-9]{2}-[0-9]{2}'
CLOCK = r'[0-9]{2}:[0-9]{2}:[0-9]{2}'
ZONE = r'(?:Z|[+-][0-9]{2}:?[0-9]{2})'
NANOSECONDS = rf'{DATE}T{CLOCK}\.[0-9]{{7,9}}{ZONE}'  # kubectl drops zeros at the end
PRIORITY = r'(?:<[0-9]{1,3}>)?'
HOST = r'[^ ]*[^ :] '
TAG = r'[^ :\[]+(?:\[[^ \]]*\])?: ?'
COLOUR = r'\x1b\[[0-9;]*m'
SERVICE = r'[A-Za-z0-9][A-Za-z0-9_.-]* *'

CRI = rf'^{DATE}T{CLOCK}(?:\.[0-9]+)?{ZONE} (?:stdout|stderr) [FP](?::[^ ]*)? '
CRI_PART = CRI.replace('[FP]', 'P')
# https://www.rfc-editor.org/rfc/rfc5424#section-6; nginx's tag is followed by a space, with which the message begins then
SYSLOG_5424 = (
    rf'^{PRIORITY}[0-9]{{1,2}} (?:{DATE}T{CLOCK}(?:\.[0-9]+)?{ZONE}|-) [^ ]+ [^ ]+ [^ ]+ [^ ]+ '
    r'(?:-|(?:\[[^ =\]"]+(?: [^ =\]"]+="(?:[^"\\]|\\.)*")*\])+)(?:$| \ufeff? ?)'
)
# RFC 3164, rsyslog's formats of files, and journalctl's outputs short, short-precise, short-iso, short-full and short-unix
SYSLOG = (
    rf'^{PRIORITY}(?:[A-Z][a-z]{{2}} [ 0-9][0-9] {CLOCK}(?:\.[0-9]+)? (?:{HOST})?'
    rf'|(?:{DATE}T{CLOCK}(?:[.,][0-9]+)?{ZONE}|[A-Z][a-z]{{2}} {DATE} {CLOCK} [A-Z0-9+-]+|[0-9]{{10}}\.[0-9]{{6}}) {HOST}){TAG}'
)
COMPOSE = rf'^(?:{SERVICE}\| ?|(?:{COLOUR})+{SERVICE}(?:{COLOUR})*\|(?:(?:{COLOUR})+ ?| (?:{COLOUR})*)?)(?:{NANOSECONDS} )?'
KUBECTL_PREFIX = rf'^\[pod/[^/ \]]+/[^/ \]]+\] (?:{NANOSECONDS} )?'
TIMESTAMPS = rf'^{NANOSECONDS} '
# The first value of a tab-separated line. No address and no time holds a #: rsyslog wrote it for the tab.
ESCAPED_TABS = r'^[0-9A-Za-z.:+\[\]/-]+#011'


class Inner(NamedTuple):
    """What lines hold: their texts, and, if any of them is a part whose text goes on, which ones and the stream of each line."""

    texts: pl.Series
    parts: pl.Series | None = None
    streams: pl.Series | None = None


@dataclass(frozen=True)
class Wrapper:
    """What is around each line. `split` returns what the lines hold; of a line that is not wrapped, the line itself."""

    name: str
    is_wrapped: Callable[[str], bool]
    split: Callable[[pl.Series], Inner]

    def matches(self, lines: Sequence[str]) -> bool:
        """Whether most lines of a sample are wrapped so."""
        given = [line for line in lines if line.strip()]
        return sum(map(self.is_wrapped, given)) > MOST * len(given)

    def unwrap(self, texts: pl.Series) -> pl.DataFrame:
        """Returns a row for each line with the inner line as `text`; null if an earlier line has its text."""
        inner = self.split(texts)
        return (inner.texts if inner.parts is None else _join(inner)[0]).alias('text').to_frame()

    def unfinished(self, texts: pl.Series) -> int:
        """Returns how many lines at the end begin with one that is not complete: read them again with those that follow."""
        inner = self.split(texts)
        return 0 if inner.parts is None else _join(inner)[1]


def _join(inner: Inner) -> tuple[pl.Series, int]:
    """Returns the texts, with all parts of a line in the place of the first and null in those of the others, and the number of
    lines at the end that begin with one that is not complete."""
    lines, begun = _find_parts(inner)
    numbers = [number for line in lines for number in line]
    texts = iter(inner.texts.gather(numbers).to_list())
    joined = [[''.join(next(texts) for _ in line), *[None] * (len(line) - 1)] for line in lines]
    begin = min((line[0] for line in begun), default=len(inner.texts))
    for line in reversed(lines):  # of another stream, begun before and complete after that
        begin = line[0] if line[0] < begin <= line[-1] else begin
    values = pl.Series([text for line in joined for text in line], dtype=pl.String)
    return inner.texts.clone().scatter(numbers, values), len(inner.texts) - begin


def _find_parts(inner: Inner) -> tuple[list[list[int]], list[list[int]]]:
    """Returns the numbers of the parts of each line that has several or is not complete, and of those that are not complete."""
    assert inner.parts is not None
    assert inner.streams is not None
    lines: list[list[int]] = []
    begun: dict[str, list[int]] = {}  # by stream
    for number, (stream, goes_on) in enumerate(zip(inner.streams.to_list(), inner.parts.to_list(), strict=True)):
        if stream in begun and number - begun[stream][-1] <= PATIENCE:
            begun[stream].append(number)
            if not goes_on or len(begun[stream]) == MOST_PARTS:
                del begun[stream]
        elif goes_on:
            begun[stream] = [number]
            lines.append(begun[stream])
        else:
            begun.pop(stream, None)
    return lines, [line for line in begun.values() if len(inner.parts) - line[-1] <= PATIENCE]


def _prefix(name: str, pattern: str, split: Callable[[pl.Series], Inner] | None = None) -> Wrapper:
    """Returns the wrapper that is a prefix of each line."""
    compiled = re.compile(pattern)
    return Wrapper(
        name,
        lambda line: bool(compiled.match(line[:LONGEST_PREFIX])),
        split or (lambda texts: Inner(texts.str.replace(pattern, ''))),
    )


def _syslog(name: str, pattern: str) -> Wrapper:
    def split(texts: pl.Series) -> Inner:
        inner = texts.str.replace(pattern, '')
        if inner.str.contains('#011', literal=True).any():
            inner = inner.zip_with(~inner.str.contains(ESCAPED_TABS), inner.str.replace_all('#011', '\t', literal=True))
        return Inner(inner)

    return _prefix(name, pattern, split)


def _split_cri(texts: pl.Series) -> Inner:
    inner, parts = texts.str.replace(CRI, ''), texts.str.contains(CRI_PART)
    if not parts.any():
        return Inner(inner)
    is_wrapped = inner.str.len_bytes() < texts.str.len_bytes()
    is_stderr = texts.str.contains('^[^ ]+ stderr ').cast(pl.String)
    return Inner(inner, parts, pl.select(pl.when(is_wrapped).then(is_stderr)).to_series())


class DockerEntry(msgspec.Struct, gc=False):
    """An entry of Docker's json-file."""

    log: str
    stream: str | None = None


class JournalEntry(msgspec.Struct, gc=False):
    """An entry of `journalctl -o json`. A message that is no plain text is a list of its bytes; one that is too long is null."""

    message: str | list[int | str] = msgspec.field(name='MESSAGE')

    def text(self) -> str:
        if isinstance(self.message, str):
            return self.message
        texts = [each for each in self.message if isinstance(each, str)]  # the field is there several times
        return texts[0] if texts else bytes(each for each in self.message if isinstance(each, int)).decode(errors='replace')


DOCKER = msgspec.json.Decoder(DockerEntry)
JOURNAL = msgspec.json.Decoder(JournalEntry)


def _split_docker(texts: pl.Series) -> Inner:
    entries, decode = [], DOCKER.decode
    for line in texts.fill_null('').to_list():
        try:
            entries.append(decode(line))
        except INVALID:
            entries.append(DockerEntry(f'{line}\n'))
    text = pl.Series('text', [entry.log for entry in entries], dtype=pl.String)
    inner = text.str.strip_suffix('\n').str.strip_suffix('\r')
    parts = ~text.str.ends_with('\n')
    if not parts.any():
        return Inner(inner)
    streams = pl.Series('stream', [entry.stream for entry in entries], dtype=pl.String)
    if not (~parts & streams.is_not_null()).any():  # a program that passes logs on may remove the line ends
        parts = text.str.len_bytes() >= DOCKER_PART
    return Inner(inner, parts & streams.is_not_null(), streams)


def _split_journal(texts: pl.Series) -> Inner:
    inner, decode = [], JOURNAL.decode
    for line in texts.fill_null('').to_list():
        try:
            inner.append(decode(line).text())
        except INVALID:
            inner.append(line)
    return Inner(pl.Series('text', inner, dtype=pl.String))


def _is_entry(decode: Callable[[str], object], *names: str) -> Callable[[str], bool]:
    def is_entry(line: str) -> bool:
        try:
            decode(line)
        except INVALID:
            return False
        return any(f'"{name}"' in line for name in names)

    return is_entry


# In the order in which they are to be tried: a more general prefix later.
WRAPPERS: Mapping[str, Wrapper] = {
    wrapper.name: wrapper
    for wrapper in (
        Wrapper('docker-json', _is_entry(DOCKER.decode, 'stream', 'time'), _split_docker),
        Wrapper('journald-json', _is_entry(JOURNAL.decode, '__REALTIME_TIMESTAMP', '_HOSTNAME', '__CURSOR'), _split_journal),
        _prefix('cri', CRI, _split_cri),
        _syslog('syslog-5424', SYSLOG_5424),
        _prefix('compose', COMPOSE),
        _prefix('kubectl-prefix', KUBECTL_PREFIX),
        _syslog('syslog', SYSLOG),
        _prefix('timestamps', TIMESTAMPS),
    )
}

IN_PARTS = {'docker-json': (b'"stream"',), 'cri': (b'stdout P', b'stderr P')}  # wrappers of parts, and what each part has


def complete_end(lines: bytes) -> int:
    """Returns the byte offset up to which no line has parts that are still to come: the next chunk has to begin there.

    It depends on these lines only. They must begin with a first part. A line is not waited for after PATIENCE lines of other
    streams, MOST_PARTS parts, or MOST_HELD bytes.
    """
    start = len(lines)
    for _ in range(PATIENCE + 1):  # the last part of such a line is one of these
        start = lines.rfind(b'\n', 0, max(start - 1, 0)) + 1
    last = lines[start:]
    for name, marks in IN_PARTS.items():
        if not any(mark in last for mark in marks):
            continue
        wrapper, texts = WRAPPERS[name], read_texts(last)['text']
        parts = wrapper.split(texts).parts
        if parts is not None and parts.any() and wrapper.matches(texts.to_list()):
            end = len(lines)
            for _ in range(wrapper.unfinished(read_texts(lines)['text'])):
                end = lines.rfind(b'\n', 0, end - 1) + 1
            return end if len(lines) - end <= MOST_HELD else len(lines)
    return len(lines)
