"""The body of a request: unpacked, and cut into the elements that it holds; pure."""

import gzip
import io
import re
import zlib
from collections.abc import Sequence

import msgspec

from exporter.errors import InputError, TooLarge

JSON, NDJSON = 'application/json', 'application/x-ndjson'
MOST_UNPACKED = 32 << 20  # bytes
NO_JSON = (msgspec.MsgspecError, RecursionError)

Element = bytes | msgspec.Raw
_ARRAY = re.compile(rb'[ \t\r\n]*\[')
_HALVES = re.compile(rb'\\u[dD][89a-fA-F]')
_ESCAPE = re.compile(rb'\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][\da-fA-F]{2})|.)', re.DOTALL)
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_element = msgspec.json.Decoder(msgspec.Raw).decode


def unpacked(packed: bytes) -> bytes:
    """What gzip packed, in one member or several. Raises InputError for what is no gzip, TooLarge."""
    try:
        body = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(MOST_UNPACKED + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f'the body is invalid gzip data ({error})', 'compress it again') from None
    if len(body) > MOST_UNPACKED:
        raise TooLarge(f'the body is over {MOST_UNPACKED >> 20} MB when decompressed', 'split it into several requests')
    return body


def elements(body: bytes, media_type: str) -> Sequence[Element]:
    """The one JSON value that a body is, or those of an array (JSON); or its lines, but for empty ones (NDJSON).

    What is not UTF-8, and half a character (as when a program cut a text), becomes U+FFFD. What is in an element is not
    looked at. Raises InputError for a body that holds no line or is no JSON.
    """
    text = _whole(body)
    if media_type == NDJSON:
        if lines := [line for line in text.split(b'\n') if line.strip()]:
            return lines
        raise InputError('the body is empty', 'send one call per line')
    try:
        return _elements(text) if _ARRAY.match(text) else [_element(text)]
    except NO_JSON as error:
        raise InputError(f'the body is invalid JSON ({error})', f'send an object, an array or lines of {NDJSON}') from None


def _whole(body: bytes) -> bytes:
    text = body if body.isascii() else body.decode(errors='replace').encode()
    if _HALVES.search(text):
        text = _ESCAPE.sub(lambda escape: rb'\ufffd' if escape[1] else escape[0], text)
    return text
