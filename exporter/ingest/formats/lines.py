"""Finds where lines end: also at a hole of NUL bytes, and at the CR line ends of old Macs; reads their texts; pure."""

import re

import polars as pl

# This many NUL bytes in a row, or more, are a hole: a log was truncated under its writer, or a disk lost a block.
HOLE = bytes(16)
_HOLE = re.compile(rb'(?<=[^\n\0])\0{%d,}' % len(HOLE))
_LONE_CR = re.compile(rb'\r(?=[^\s"]+ \S+ [^"\[\r\n]+ \[\d{1,2}/[A-Za-z]{3}/\d{4}:)')  # before the head of an access log's line


NO_TEXT = '\0\ufeff'  # may precede a line: the rest of a hole, a byte order mark
TERMINAL_COLOURS = r'\x1b\[[0-9;]*m'


def read_texts(chunk: bytes) -> pl.DataFrame:
    """Returns the `text` of each line of a chunk, under its number `line`, from 0. Bytes that are not UTF-8 become U+FFFD."""
    utf8 = chunk if chunk.isascii() else chunk.decode(errors='replace').encode()
    lines = pl.read_lines(utf8, name='text', row_index_name='line')
    if b'\0' in utf8 or b'\xef' in utf8:  # a search for one byte is ten times as fast
        lines = lines.with_columns(pl.col('text').str.strip_chars_start(NO_TEXT).str.strip_chars_end('\0'))
    if b'\x1b' in utf8:
        lines = lines.with_columns(pl.col('text').str.replace_all(TERMINAL_COLOURS, ''))
    return lines


def last_end(chunk: bytearray, begin: int, end: int) -> int:
    """Returns the offset after the last whole line of chunk[begin:end]; `begin` if no line ends."""
    if last := chunk.rfind(b'\n', begin, end) + 1:
        return last
    if chunk.find(b'\r', begin, end) < 0:
        return begin
    return max((match.end() for match in _LONE_CR.finditer(chunk, begin, end)), default=begin)


def normalize_line_ends(chunk: bytes) -> bytes:
    """Returns the chunk with \\n at every line end. Each line keeps its offset.

    A hole after a partial line ends it. NUL bytes before a line stay, those after the last line are removed.
    """
    if b'\0' in chunk:
        chunk = _HOLE.sub(lambda hole: b'\n' + hole[0][1:], chunk.rstrip(b'\0'))
    if b'\r' in chunk and chunk.count(b'\r') > chunk.count(b'\r\n'):
        chunk = _LONE_CR.sub(b'\n', chunk)
    return chunk
