"""A file that is not an access log is refused early, with its name and a remedy."""

import gzip
import lzma
import os
import resource
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from access_logs import log
from hypothesis import given
from hypothesis import strategies as st

from exporter.ingest.logs.foreign import NoLog, refuse
from exporter.ingest.logs.log_file import LogFile

LINES = log(range(50))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / 'access.log'


def refused(file: Path) -> str:
    """Returns the error; '' if there is none."""
    with closing(LogFile(str(file))) as opened:
        try:
            refuse(opened)
        except NoLog as error:
            return str(error).replace(str(file), 'F')
    return ''


@pytest.mark.parametrize(
    ('encoding', 'told'),
    [
        ('utf-16', 'UTF-16'),
        ('utf-16-le', 'UTF-16LE'),
        ('utf-16-be', 'UTF-16BE'),
        ('utf-32', 'UTF-32'),
    ],
)
@pytest.mark.parametrize('pack', [bytes, gzip.compress], ids=['plain', 'gz'])
def test_text_in_another_encoding(file: Path, encoding: str, told: str, pack: Callable[[bytes], bytes]) -> None:
    file.write_bytes(pack(LINES.decode().encode(encoding)))
    assert refused(file) == f'F: this is {told} text; convert it with iconv -f {told} -t UTF-8 and import the result'


@pytest.mark.parametrize('form', [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize('mode', ['w', 'w:gz', 'w:bz2', 'w:xz'])
def test_tar_archives_also_compressed(file: Path, tmp_path: Path, form: int, mode: str) -> None:
    (tmp_path / 'inside').write_bytes(LINES)
    with tarfile.open(str(file), mode, format=form) as archive:  # type: ignore[call-overload]
        archive.add(tmp_path / 'inside', 'access.log')
    assert refused(file) == 'F: this is a tar archive; unpack it with tar -xf F and import the logs in it'


def test_tar_archive_without_magic(file: Path) -> None:
    """The format of 1979 has only a checksum."""
    with tarfile.open(file, 'w') as archive:
        archive.addfile(tarfile.TarInfo('access.log'))
    content = bytearray(file.read_bytes())
    content[257:512] = bytes(255)
    content[148:156] = b' ' * 8
    content[148:156] = b'%06o\0 ' % sum(content[:512])
    file.write_bytes(content)
    assert 'this is a tar archive' in refused(file)


def test_zip_archives(file: Path) -> None:
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('access.log', LINES)
    assert refused(file) == 'F: this is a zip archive; unpack it with unzip F and import the log'


def test_unsupported_compression(file: Path) -> None:
    file.write_bytes(lzma.compress(LINES, lzma.FORMAT_ALONE))
    assert refused(file) == 'F: this is compressed as .lzma; unpack it with unlzma F and import the log'
    file.write_bytes(gzip.compress(gzip.compress(LINES)))
    assert refused(file) == 'F: this is compressed twice; decompress it once and import the result'


@pytest.mark.parametrize('start', [b'\x0b\x02\x80', b'\x7fELF\x02\x01', bytes(range(1, 10))])
def test_binary_data(file: Path, start: bytes) -> None:
    file.write_bytes(start + bytes(number for number in os.urandom(1 << 17) if number != 10))
    assert refused(file).startswith('F: this is binary data; import an access log')


def test_a_large_file_is_refused_without_being_read(file: Path) -> None:
    with file.open('wb') as large:
        large.write(b'\x01\x02\x03')
        large.truncate(20 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert 'binary data' in refused(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB


LOGS = [
    LINES,
    LINES[:30],
    b'',
    b'\n',
    bytes(5_000),
    bytes(5_000) + LINES,
    b'\xef\xbb\xbf' + LINES,
    b'#Software: x\n',
    'é'.encode('latin1') + LINES,
    b'\0',
    b'1',
    b'\t',
]


@pytest.mark.parametrize('content', LOGS, ids=lambda content: repr(content[:12]))
@pytest.mark.parametrize('pack', [bytes, gzip.compress], ids=['plain', 'gz'])
def test_possible_log_is_not_refused(file: Path, content: bytes, pack: Callable[[bytes], bytes]) -> None:
    file.write_bytes(pack(content))
    assert refused(file) == ''


@given(st.lists(st.sampled_from(range(50)), min_size=1))
def test_no_log_is_taken_for_an_archive(tmp_path_factory: pytest.TempPathFactory, numbers: list[int]) -> None:
    file = tmp_path_factory.getbasetemp() / 'some.log'
    file.write_bytes(log(numbers))
    assert refused(file) == ''
