"""A log has the same bytes in any compression; a file that is not a log is a one-line error."""

import bz2
import gzip
import io
import lzma
import os
import re
import resource
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from access_logs import log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.errors import InputError
from exporter.ingest.logs.log_file import LogFile

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES = log(range(1_500))
CHECKED = {zstd.CompressionParameter.checksum_flag: 1}  # as the program zstd writes by default
PACK: dict[str, Callable[[bytes], bytes]] = {
    'gz': lambda data: gzip.compress(data, 6),
    'bz2': bz2.compress,
    'xz': lambda data: lzma.compress(data, preset=0),
    'zst': lambda data: zstd.compress(data, options=CHECKED),  # type: ignore[arg-type]
}
PLACES = st.integers(0, len(LINES) + 9)
PACKED = pytest.mark.parametrize('pack', PACK.values(), ids=PACK)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / 'access.log'


def content(file: Path | str) -> bytes:
    with closing(LogFile(str(file))) as log_file:
        read = log_file.read(0, 2 * len(LINES))
        assert not log_file.damage
        return read


def test_a_plain_log(file: Path) -> None:
    file.write_bytes(LINES)
    assert content(file) == LINES


@PACKED
@pytest.mark.parametrize('parts', [1, 2, 50])
def test_compressed_log_of_one_or_several_members(file: Path, pack: Callable[[bytes], bytes], parts: int) -> None:
    """An appended .gz has several members, and so have the files of pigz, pbzip2 and pzstd."""
    step = -(-len(LINES) // parts)
    file.write_bytes(b''.join(pack(LINES[start : start + step]) for start in range(0, len(LINES), step)))
    assert content(file) == LINES


@PACKED
def test_compression_is_detected_by_content(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / 'a.gz').write_bytes(LINES)
    (tmp_path / 'a.log').write_bytes(pack(LINES))
    assert content(tmp_path / 'a.gz') == content(tmp_path / 'a.log') == LINES


@PACKED
def test_compressed_empty_log(file: Path, pack: Callable[[bytes], bytes]) -> None:
    file.write_bytes(pack(b''))
    assert content(file) == b''


def test_empty_file(file: Path) -> None:
    file.touch()
    assert content(file) == b''


@pytest.mark.parametrize(
    ('written', 'empty'), [(b'', True), (b'\0' * 70_000, True), (b'\n', False), (b'\0' * 70_000 + b'x', False)]
)
@pytest.mark.parametrize('pack', [bytes, gzip.compress])
def test_a_log_without_bytes_other_than_nul_is_empty(
    file: Path, pack: Callable[[bytes], bytes], written: bytes, empty: bool
) -> None:
    file.write_bytes(pack(written))
    with closing(LogFile(str(file))) as opened:
        assert opened.is_empty() == empty
        assert opened.read(0, 1) == written[:1]


@PACKED
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ranges=st.lists(st.tuples(PLACES, PLACES).map(sorted), min_size=1, max_size=6))
def test_any_range_in_any_order(file: Path, pack: Callable[[bytes], bytes], ranges: list[list[int]]) -> None:
    file.write_bytes(pack(LINES))
    with closing(LogFile(str(file))) as log_file:
        assert [log_file.read(start, end) for start, end in ranges] == [LINES[start:end] for start, end in ranges]
        assert 0 <= log_file.position <= log_file.size == file.stat().st_size


@PACKED
def test_only_a_plain_log_may_grow(file: Path, pack: Callable[[bytes], bytes]) -> None:
    file.write_bytes(LINES)
    with closing(LogFile(str(file))) as log_file:
        assert log_file.grows
    file.write_bytes(pack(LINES))
    with closing(LogFile(str(file))) as log_file:
        assert not log_file.grows


@PACKED
def test_truncated_compressed_log_is_read_up_to_the_cut(file: Path, pack: Callable[[bytes], bytes]) -> None:
    whole = b''.join(pack(LINES[start : start + 30_000]) for start in range(0, len(LINES), 30_000))
    file.write_bytes(whole[: len(whole) // 2])
    with closing(LogFile(str(file))) as log_file:
        read = log_file.read(0, len(LINES))
        assert LINES.startswith(read)
        assert len(read) > len(LINES) // 8
        assert f'{len(read):,} bytes' in str(log_file.damage)
        assert str(file) in str(log_file.damage)
        assert '\n' not in str(log_file.damage)


@PACKED
def test_offset_after_the_end_of_a_compressed_log_is_empty(file: Path, pack: Callable[[bytes], bytes]) -> None:
    """An import reads the last stored byte to find out whether the log is shorter now."""
    whole = pack(LINES)
    file.write_bytes(whole[: len(whole) // 2])
    with closing(LogFile(str(file))) as log_file:
        assert log_file.read(len(LINES) - 1, len(LINES)) == b''
        assert log_file.damage
        assert log_file.read(0, 1_024) == LINES[:1_024] or pack in (PACK['bz2'], PACK['zst'])  # made of larger blocks


@PACKED
def test_damage_is_noticed(file: Path, pack: Callable[[bytes], bytes]) -> None:
    spoiled = bytearray(pack(LINES))
    spoiled[len(spoiled) // 2] ^= 0xFF
    file.write_bytes(spoiled)
    with pytest.raises(InputError, match=r'damaged .* nothing of it is stored'):  # some tell only at their end
        LogFile(str(file))


@pytest.mark.parametrize('magic', [b'\x1f\x8b', b'BZh', b'\xfd7zXZ\x00', b'\x28\xb5\x2f\xfd'])
@pytest.mark.parametrize('rest', [b'', b'\0' * 100, b'no such thing'])
def test_magic_without_valid_data_is_damage(file: Path, magic: bytes, rest: bytes) -> None:
    file.write_bytes(magic + rest)
    try:
        log_file = LogFile(str(file))
    except InputError as error:
        assert 'damaged' in str(error)
        return
    with closing(log_file):  # it is merely cut short
        assert log_file.read(0, 100) == b''
        assert log_file.damage


def test_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'this is a directory; name the logs in it'):
        LogFile(str(tmp_path))


def test_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'missing\.log: cannot read the log \(No such file or directory\)'):
        LogFile(str(tmp_path / 'missing.log'))


@pytest.mark.skipif(os.geteuid() == 0, reason='needs a user other than root, who may read everything')
def test_unreadable_log_is_named(file: Path) -> None:
    file.write_bytes(LINES)
    file.chmod(0)
    with pytest.raises(InputError, match=r'access\.log: cannot read the log \(Permission denied\)'):
        LogFile(str(file))


@PACKED
def test_a_named_pipe_is_read_to_its_end(file: Path, pack: Callable[[bytes], bytes]) -> None:
    os.mkfifo(file)
    writing = threading.Thread(target=file.write_bytes, args=(pack(LINES),))
    writing.start()
    assert content(file) == LINES
    writing.join()


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.BufferedWriter]:
    """Yields a pipe to standard input."""
    reading, writing = os.pipe()
    with open(reading) as stdin, open(writing, 'wb') as into:  # noqa: PTH123  # descriptors
        monkeypatch.setattr(sys, 'stdin', stdin)
        yield into


@pytest.mark.parametrize('pack', [bytes, *PACK.values()], ids=['plain', *PACK])
def test_standard_input(pipe: io.BufferedWriter, pack: Callable[[bytes], bytes]) -> None:
    def write() -> None:
        with pipe:
            pipe.write(pack(LINES))

    writing = threading.Thread(target=write)
    writing.start()
    with closing(LogFile('-')) as log_file:
        assert [log_file.read(1_000, 2_000), log_file.read(0, len(LINES) + 1)] == [LINES[1_000:2_000], LINES]
        assert log_file.name == 'standard input'
    writing.join()


def test_closed_standard_input_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'stdin', None)  # what Python makes of `<&-`
    with pytest.raises(InputError, match='standard input'):
        LogFile('-')


def write(pipe: Path, content: bytes) -> None:
    """Writes until the reader closes the pipe."""
    with suppress(BrokenPipeError):
        pipe.write_bytes(content)


def test_full_temporary_directory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (6_000, 600_000):  # found when it is flushed; when it is written
        writing = threading.Thread(target=write, args=(pipe, LINES[:size]))
        writing.start()
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
        try:
            with pytest.raises(
                InputError, match=re.escape(f'{tmp_path}: cannot write a copy of the log (File too large); set TMPDIR')
            ):
                LogFile(str(pipe))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            writing.join()
