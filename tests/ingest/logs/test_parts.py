"""A line that a container runtime writes in several parts is one call, wherever its log is cut into chunks and polls."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import polars as pl
import pytest
from access_logs import DOMAIN, FIRST, asked, cut_small, imported, line, paths
from following import Following, append, followed
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from exporter.ingest.formats.reader import LogReader
from exporter.ingest.formats.wrappers import DOCKER_PART
from exporter.ingest.logs.batches import AccessLog
from exporter.ingest.logs.log_file import LogFile
from exporter.ingest.logs.parse_chunks import parse_chunks
from exporter.model.call import SOURCE_COLUMNS
from exporter.store.clickhouse import ClickHouse

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MESSAGE = '[notice] a message of the server'
LONG = f'GET /api/{{number}}?where={"x" * 40_000} HTTP/1.1'  # three parts


def cri(text: str, stream: str = 'stdout', part: bool = False) -> bytes:
    return f'{FIRST:%Y-%m-%dT%H:%M:%SZ} {stream} {"P" if part else "F"} {text}\n'.encode()


def docker(text: str, stream: str = 'stdout', part: bool = False) -> bytes:
    return json.dumps({'log': text if part else f'{text}\n', 'stream': stream, 'time': FIRST.isoformat()}).encode() + b'\n'


@st.composite
def container_logs(draw: st.DrawFn) -> bytes:
    """Lines of calls in up to three parts, with messages of the other stream between them; the last line may lack its last part."""
    wrap, size = draw(st.sampled_from([(cri, 60), (docker, DOCKER_PART)]))
    content = wrap(line(0))
    for number in range(1, draw(st.integers(1, 6))):
        texts = [line(number)]
        if draw(st.booleans()):
            text = line(number, agent='x' * 2 * size)
            texts = [text[start : start + size] for start in range(0, len(text), size)]
        for part in texts:
            content += wrap(MESSAGE, 'stderr') * draw(st.integers(0, 2))
            content += wrap(part, part=part is not texts[-1])
    return content + wrap(line(0), part=True) * draw(st.integers(0, 1))


def calls_of(file: Path, chunk: int, reader: LogReader, start: int, complete: bool) -> tuple[list[pl.DataFrame], int]:
    """Returns the calls of the log from a byte offset on, and the offset after its last batch."""
    with pytest.MonkeyPatch.context() as patch, closing(LogFile(str(file))) as opened:
        cut_small(patch, chunk)
        log = AccessLog(opened, complete)
        return [parsed.lines.calls for parsed in parse_chunks(log.chunks_after(DOMAIN, start), 'log', reader)], log.position


def all_calls(content: bytes, chunk: int, polls: Sequence[int]) -> list[tuple[object, ...]]:
    """Returns the calls of a log that is read in chunks of so many bytes, each time that so many bytes of it are written."""
    with tempfile.TemporaryDirectory() as folder:
        file, reader, position = Path(folder, 'log'), LogReader(), 0
        frames: list[pl.DataFrame] = []
        for size in (*polls, len(content)):
            file.write_bytes(content[:size])
            calls, position = calls_of(file, chunk, reader, position, complete=size == len(content))
            frames += calls
    return pl.concat(frames).select(*SOURCE_COLUMNS).rows()


@example_settings(max_examples=40, deadline=None)
@given(container_logs(), st.randoms(use_true_random=False), st.sampled_from([400, 3_000, 20_000, 100_000]))
def test_any_cuts_give_the_same_calls(content: bytes, random: Random, chunk: int) -> None:
    first = content.index(b'\n') + 1
    polls = sorted(random.randint(first, len(content)) for _ in range(3))
    assert all_calls(content, chunk, polls) == all_calls(content, 1 << 20, [])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / 'access.log'


def long_lines(wrap: object, numbers: range) -> Iterator[bytes]:
    """Yields the parts of calls in three parts each, with a message after each part."""
    assert callable(wrap)
    for number in numbers:
        text = line(number, request=LONG.format(number=number))
        for start in range(0, len(text), DOCKER_PART):
            yield wrap(text[start : start + DOCKER_PART], part=start + DOCKER_PART < len(text)) + wrap(MESSAGE, 'stderr')


@pytest.mark.usefixtures('settings')
@pytest.mark.parametrize('wrap', [cri, docker])
def test_an_import_leaves_a_line_that_lacks_parts(
    file: Path, database: ClickHouse, monkeypatch: pytest.MonkeyPatch, wrap: object
) -> None:
    cut_small(monkeypatch, 50_000)
    parts = list(long_lines(wrap, range(20)))
    file.write_bytes(b''.join(parts[:-1]))
    result = imported(file)
    assert (result['stored'], result['left'], result['rejected']) == (19, 4, {})
    assert result['read'] == result['stored'] + result['skipped'] + result['left']
    file.write_bytes(b''.join(parts))
    assert (imported(file)['stored'], imported(file)['stored']) == (1, 0)
    assert paths(database) == asked(range(20))


@pytest.mark.parametrize('wrap', [cri, docker])
def test_a_followed_log_waits_for_the_parts_of_a_line(file: Path, database: ClickHouse, tmp_path: Path, wrap: object) -> None:
    file.write_bytes(b'')
    following = Following(database, tmp_path / 'data', followed(file))
    for number, part in enumerate(long_lines(wrap, range(5))):
        append(file, part)
        following.poll()
        following.drain()
        assert paths(database) == asked(range((number + 1) // 3))
    assert not following.messages
    following.stop()
