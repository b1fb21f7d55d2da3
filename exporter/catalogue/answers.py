"""Decodes answers in JSON."""

from typing import TypeVar

import msgspec

from exporter.catalogue.fetch import Answer
from exporter.errors import InputError

T = TypeVar('T')


def decode(answer: Answer, shape: type[T]) -> T:
    """The value of an answer in JSON. Raises InputError if it is cut, nested too deeply, not UTF-8, or has another shape."""
    answer.refuse_large()
    try:
        text = answer.path.read_bytes().decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise InputError(f'{answer.shown}: byte {error.start:,} is not UTF-8', 'fix the catalogue') from None
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.ValidationError as error:
        raise InputError(f'{answer.shown}: not the JSON of a known catalogue ({error})', 'name another address') from None
    except msgspec.DecodeError as error:
        raise InputError(f'{answer.shown}: invalid JSON, or cut off ({error})', 'try again, or fix the catalogue') from None
    except RecursionError:
        raise InputError(f'{answer.shown}: the JSON is nested too deeply', 'name another address') from None
