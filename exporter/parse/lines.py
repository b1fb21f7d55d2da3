"""Where lines end: also at a hole of NUL bytes, and at the line ends of old Macs. Pure."""

import re

HOLE = bytes(16)  # so many NUL bytes in a row are no text: a log was cut to nothing under its writer, or a disk lost a block
_HOLE = re.compile(rb'(?<=[^\n\0])\0{%d,}' % len(HOLE))
_LONE_CR = re.compile(rb'\r(?=[^\s"]+ \S+ [^"\[\r\n]+ \[\d{1,2}/[A-Za-z]{3}/\d{4}:)')  # what follows begins an access log's line


def last_end(block: bytearray, begin: int, end: int) -> int:
    """Where the last whole line of a part of the block ends; `begin` where no line ends."""
    if found := block.rfind(b'\n', begin, end) + 1:
        return found
    if block.find(b'\r', begin, end) < 0:
        return begin
    return max((found.end() for found in _LONE_CR.finditer(block, begin, end)), default=begin)


def separated(block: bytes) -> bytes:
    """The block with \\n wherever a line ends. All lines begin at the same byte as before.

    A hole behind half a line ends it; NUL bytes before a line belong to no line, and those behind the last one are cut off.
    """
    if b'\0' in block:
        block = _HOLE.sub(lambda hole: b'\n' + hole[0][1:], block.rstrip(b'\0'))
    if b'\r' in block and block.count(b'\r') > block.count(b'\r\n'):
        block = _LONE_CR.sub(b'\n', block)
    return block
