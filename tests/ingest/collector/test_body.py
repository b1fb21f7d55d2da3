"""A body is decompressed up to a limit and split into its elements, with any content."""

import gzip
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import InputError, TooLarge
from exporter.ingest.collector.body import JSON, MOST_DECOMPRESSED, NDJSON, decompress, elements


def cut(body: bytes, media_type: str = JSON) -> list[bytes]:
    return [bytes(element) for element in elements(body, media_type)]


def test_elements_keep_their_text() -> None:
    assert cut(b' \r\n\t[ {"a": [1, 2]} ,1.50, "]" ]\n') == [b'{"a": [1, 2]}', b'1.50', b'"]"']
    assert cut(b'{"a":\n 1}') == [b'{"a":\n 1}']
    assert cut(b'[]') == []
    assert cut(b'{"a": 1}\r\n\n \nnonsense\n[1]', NDJSON) == [b'{"a": 1}\r', b'nonsense', b'[1]']


@pytest.mark.parametrize('media_type', [JSON, NDJSON])
@pytest.mark.parametrize(
    ('sent', 'kept'),
    [
        (b'\xff', '\ufffd'),
        (b'caf\xe9!', 'caf\ufffd!'),
        (rb'\ud83d', '\ufffd'),
        (rb'\ud83d tail', '\ufffd tail'),
        (rb'\ud83d\n', '\ufffd\n'),
        (rb'\ude00', '\ufffd'),
        (rb'\ud83d\ud83d\ude00', '\ufffd\U0001f600'),
        (rb'\uD83D\uDE00\uDe00', '\U0001f600\ufffd'),
        (rb'\\ud83d', r'\ud83d'),
        (rb'\\\ud83d', '\\\ufffd'),
    ],
)
def test_lone_surrogate_is_replaced(media_type: str, sent: bytes, kept: str) -> None:
    [element] = cut(b'{"a": "' + sent + b'"}', media_type)
    assert msgspec.json.decode(element) == {'a': kept}


@given(st.lists(st.text(st.characters(), max_size=5)))
def test_any_text_is_preserved(texts: list[str]) -> None:
    """Also with lone surrogates, which Python and JavaScript write as escapes."""
    whole = [text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace') for text in texts]
    assert [msgspec.json.decode(element) for element in cut(json.dumps(texts).encode())] == whole


@pytest.mark.parametrize(
    ('body', 'media_type'),
    [
        (b'', JSON), (b' ', JSON), (b'{', JSON), (b'[1,', JSON), (b'nonsense', JSON), (b'{}\n{}', JSON), (b'[] []', JSON),
        (b'[' * 100_000, JSON), (b'NaN', JSON), (b'', NDJSON), (b'\n \n', NDJSON),
    ],
)  # fmt: skip
def test_invalid_body_is_refused(body: bytes, media_type: str) -> None:
    with pytest.raises(InputError, match='the body'):
        elements(body, media_type)


@given(st.lists(st.binary(max_size=50)).map(b''.join), st.integers(0, 9))
def test_decompress_inverts_gzip(body: bytes, level: int) -> None:
    assert decompress(gzip.compress(body, level)) == body
    assert decompress(gzip.compress(body) + gzip.compress(b'') + gzip.compress(body)) == body * 2


PACKED = gzip.compress(b'[1, 2, 3]', mtime=0)  # the same in each of the processes that run the tests


@pytest.mark.parametrize('spoiled', [PACKED[:-9], PACKED[:5], PACKED[:-8] + b'12345678', b'plain', PACKED + b'more'])
def test_invalid_gzip_is_refused(spoiled: bytes) -> None:
    with pytest.raises(InputError, match='gzip'):
        decompress(spoiled)


def test_limit_of_decompressed_bytes() -> None:
    assert len(decompress(gzip.compress(bytes(MOST_DECOMPRESSED)))) == MOST_DECOMPRESSED
    with pytest.raises(TooLarge, match='32 MB'):
        decompress(gzip.compress(bytes(MOST_DECOMPRESSED + 1)))


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=9), st.sampled_from([' ', '\n', '\r\n\t']))
def test_one_value_or_an_array(value: Any, space: str) -> None:
    text = json.dumps(value, indent=1).encode()
    values = [json.loads(element) for element in cut(space.encode() + text + space.encode())]
    assert values == (json.loads(text) if isinstance(value, list) else [json.loads(text)])
