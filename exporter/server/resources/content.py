"""Reads what the resources have in common: the body, the parameters and the idempotency key of a request."""

import re
from collections.abc import Mapping, Sequence

from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from exporter.config import domain_name
from exporter.errors import InputError
from exporter.ingest.collector import body

IDEMPOTENCY_KEY = re.compile(r'[!-~]{1,255}')


def read_body(*media_types: str) -> bytes:
    """The decompressed body. The media type '' permits a request that names none.

    Raises UnsupportedMediaType for another media type or content coding than gzip, InputError if it cannot be decompressed,
    TooLarge.
    """
    if request.mimetype not in media_types:
        raise UnsupportedMediaType(f'unsupported media type; send the body as {" or ".join(filter(None, media_types))}')
    match request.headers.get('Content-Encoding', 'identity').lower():
        case 'identity':
            return request.get_data()
        case 'gzip' | 'x-gzip':
            return body.decompress(request.get_data())
    raise UnsupportedMediaType('unsupported content coding; send the body uncompressed or with Content-Encoding: gzip')


def idempotency_key() -> str | None:
    """The idempotency key of the request, if it has one. Raises InputError if it is invalid."""
    key = request.headers.get('Idempotency-Key')
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise InputError(
            'Idempotency-Key: invalid key', 'send 1 to 255 printable ASCII characters without spaces, such as a UUID'
        )
    return key


def parameters(names: Sequence[str]) -> dict[str, str | None]:
    """The parameters of the query string. Raises InputError for an unknown, repeated or empty one."""
    for name, value in request.args.items():
        if name not in names or len(request.args.getlist(name)) > 1:
            raise InputError(f'{name[:100]}: unknown or repeated parameter', f'use each of {", ".join(names)} at most once')
        if not value:
            raise InputError(f'{name}: empty value', 'give a value or omit the parameter')
    return {name: request.args.get(name) for name in names}


def flag(parameters: Mapping[str, str | None], name: str) -> bool:
    """A parameter that is true or false, by default false. Raises InputError."""
    return choice(parameters, name, ('true', 'false')) == 'true'


def choice(parameters: Mapping[str, str | None], name: str, choices: Sequence[str]) -> str | None:
    """A parameter that is one of a few words, or None. Raises InputError."""
    value = parameters[name]
    if value is not None and value not in choices:
        raise InputError(f'{name}: invalid value', f'use {" or ".join(choices)}')
    return value


def number(parameters: Mapping[str, str | None], name: str, least: int, most: int, default: int) -> int:
    """A parameter that is a whole number from `least` to `most`. Raises InputError."""
    value = parameters[name]
    if value is None:
        return default
    if not (re.fullmatch(r'[0-9]{1,18}', value) and least <= int(value) <= most):
        raise InputError(f'{name}: invalid number', f'use a whole number from {least} to {most}')
    return int(value)


def one_domain(text: str | None) -> str:
    """The portal that a request names; '' if it names none. Raises InputError for an invalid name."""
    try:
        return '' if text is None else domain_name(text)
    except ValueError as error:
        raise InputError(f'domain: {error}') from None
