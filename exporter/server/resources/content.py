"""What a request carries: of a media type that is taken, and unpacked."""

from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from exporter.ingest.collector import body


def received(*media_types: str) -> bytes:
    """The body. Raises UnsupportedMediaType where it is of none of these types, or packed by other than gzip.

    Raises InputError where it cannot be unpacked, TooLarge.
    """
    if request.mimetype not in media_types:
        raise UnsupportedMediaType(f'send this as {" or ".join(media_types)}')
    match request.headers.get('Content-Encoding', 'identity').lower():
        case 'identity':
            return request.get_data()
        case 'gzip' | 'x-gzip':
            return body.decompress(request.get_data())
    raise UnsupportedMediaType('send the body as it is, or with Content-Encoding: gzip')
