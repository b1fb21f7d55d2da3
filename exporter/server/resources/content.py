"""Reads the body of a request: checks its media type and decompresses it."""

from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from exporter.ingest.collector import body


def read_body(*media_types: str) -> bytes:
    """The decompressed body.

    Raises UnsupportedMediaType for another media type or content coding than gzip, InputError if it cannot be decompressed,
    TooLarge.
    """
    if request.mimetype not in media_types:
        raise UnsupportedMediaType(f'unsupported media type; send the body as {" or ".join(media_types)}')
    match request.headers.get('Content-Encoding', 'identity').lower():
        case 'identity':
            return request.get_data()
        case 'gzip' | 'x-gzip':
            return body.decompress(request.get_data())
    raise UnsupportedMediaType('unsupported content coding; send the body uncompressed or with Content-Encoding: gzip')
