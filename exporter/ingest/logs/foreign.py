"""Recognizes files that are not access logs by their first bytes, to name their type and the remedy in the error."""

import re
import shlex

from exporter.errors import InputError
from exporter.ingest.logs.log_file import UNPACK, LogFile

HEAD = 1_024  # bytes to check
BINARY = 1 << 16  # bytes without a line end that make a file binary, if it does not begin as text
CONTROL = re.compile(rb'[\x01-\x08\x0e-\x1a\x1c-\x1f]')
MAGIC = {
    b'PK\x03\x04': ('a zip archive', 'unzip'),
    b'PK\x05\x06': ('a zip archive', 'unzip'),
    b'PK\x07\x08': ('a zip archive', 'unzip'),
    b'7z\xbc\xaf\x27\x1c': ('a 7z archive', '7z x'),
    b'Rar!\x1a\x07': ('a rar archive', 'unrar x'),
    b'!<arch>\n': ('an ar archive', 'ar x'),
    b'\x1f\x9d': ('compressed with compress', 'uncompress'),
    b'\x5d\x00\x00': ('compressed as .lzma', 'unlzma'),
    b'\x04\x22\x4d\x18': ('compressed with lz4', 'unlz4'),
    b'LZIP': ('compressed with lzip', 'lzip -d'),
    b'\x89LZO': ('compressed with lzop', 'lzop -d'),
    b'\xff\x06\x00\x00sNaPpY': ('compressed with snappy', 'snzip -d'),
}


class NoLog(InputError):
    """A file that is not an access log."""


def refuse(file: LogFile) -> None:
    """Raises NoLog for UTF-16 and UTF-32 text, archives, unsupported compression and binary data."""
    head = file.read(0, HEAD)
    name = '-' if file.name == 'standard input' else shlex.quote(file.name)
    if encoding := _encoding(head):
        raise NoLog(
            f'{file.name}: this is {encoding} text', f'convert it with iconv -f {encoding} -t UTF-8 and import the result'
        )
    if _is_tar(head):
        raise NoLog(f'{file.name}: this is a tar archive', f'unpack it with tar -xf {name} and import the logs in it')
    for magic, (kind, program) in MAGIC.items():
        if head.startswith(magic):
            raise NoLog(f'{file.name}: this is {kind}', f'unpack it with {program} {name} and import the log')
    if file.is_compressed_file and head.startswith(tuple(UNPACK)):
        raise NoLog(f'{file.name}: this is compressed twice', 'decompress it once and import the result')
    begin = file.skip_nuls(0)
    if CONTROL.search(file.read(begin, begin + 64)) and b'\n' not in file.read(begin, begin + BINARY):
        raise NoLog(f'{file.name}: this is binary data', 'import an access log, plain or compressed with gzip, bzip2, xz or zstd')


def _encoding(head: bytes) -> str:
    """Returns the encoding of UTF-16 or UTF-32 text, found by its byte order mark or NUL bytes; '' for all else."""
    if head.startswith((b'\xff\xfe\0\0', b'\0\0\xfe\xff')):
        return 'UTF-32'
    if head.startswith((b'\xff\xfe', b'\xfe\xff')):
        return 'UTF-16'
    even, odd = head[:64:2], head[1:64:2]
    if len(odd) < 4:
        return ''
    return 'UTF-16LE' if not any(odd) and all(even) else 'UTF-16BE' if not any(even) and all(odd) else ''


def _is_tar(head: bytes) -> bool:
    """Whether it begins with the header of a tar archive; the oldest format has only a checksum."""
    if head[257:262] == b'ustar':
        return True
    checksum = head[148:156].strip(b' \0')
    if len(head) < 512 or not re.fullmatch(b'[0-7]{1,7}', checksum):
        return False
    return int(checksum, 8) == sum(head[:148]) + 8 * ord(' ') + sum(head[156:512])
