"""Decompresses the body of a request and splits it into elements; pure."""

import gzip
import io
import re
import zlib
from collections.abc import Sequence

import msgspec

from exporter.errors import InputError, TooLarge

JSON, NDJSON = 'application/json', 'application/x-ndjson'
MOST_DECOMPRESSED = 32 << 20  # bytes
JSON_ERRORS = (msgspec.MsgspecError, RecursionError)

Element = bytes | msgspec.Raw
_ARRAY = re.compile(rb'[ \t\r\n]*\[')
_SURROGATE = re.compile(rb'\\u[dD][89a-fA-F]')
_ESCAPES = re.compile(rb'\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][\da-fA-F]{2})|.)', re.DOTALL)
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_element = msgspec.json.Decoder(msgspec.Raw).decode


def decompress(compressed: bytes) -> bytes:
    """Decompresses a gzip body of one or more members. Raises InputError for invalid data, TooLarge."""
    try:
        body = gzip.GzipFile(fileobj=io.BytesIO(compressed)).read(MOST_DECOMPRESSED + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f'the body is invalid gzip data ({error})', 'compress it again') from None
    if len(body) > MOST_DECOMPRESSED:
        raise TooLarge(f'the body is over {MOST_DECOMPRESSED >> 20} MB when decompressed', 'split it into several requests')
    return body


def elements(body: bytes, media_type: str) -> Sequence[Element]:
    """Splits a body: JSON into its one value or the values of its array, NDJSON into its lines without the empty ones.

    Bytes that are not UTF-8 and lone surrogates (from a program that cut a text) become U+FFFD. The content of the elements
    is not checked. Raises InputError for a body without lines or with invalid JSON.
    """
    text = _valid_text(body)
    if media_type == NDJSON:
        if lines := [line for line in text.split(b'\n') if line.strip()]:
            return lines
        raise InputError('the body is empty', 'send one call per line')
    try:
        return _elements(text) if _ARRAY.match(text) else [_element(text)]
    except JSON_ERRORS as error:
        raise InputError(f'the body is invalid JSON ({error})', f'send an object, an array or lines of {NDJSON}') from None


def _valid_text(body: bytes) -> bytes:
    text = body if body.isascii() else body.decode(errors='replace').encode()
    if _SURROGATE.search(text):
        text = _ESCAPES.sub(lambda escape: rb'\ufffd' if escape[1] else escape[0], text)
    return text
