"""A data set as a catalogue describes it, and how its values are cleaned."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, unquote, urlsplit

from exporter.errors import InputError
from exporter.model.call import LONGEST_NAME

LONGEST_PATH = 2_048  # characters of a path that calls store
LONGEST_TEXT = 500  # characters of a title, a publisher, a theme
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2149, 6, 6)  # that the type Date of ClickHouse can hold
PATH_CHARACTERS = "/%:@!$&'()*+,;=~"  # that a URL need not encode (RFC 3986), and % of what is encoded


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set. `names` are its other names in requests: slugs, resources, and paths of files, which begin with /."""

    id: str
    names: tuple[str, ...] = ()
    title: str = ''
    publisher: str = ''
    theme: str = ''
    created: date | None = None
    archived: bool = False


def dataset(
    identifier: object,
    names: Iterable[object] = (),
    title: object = '',
    publisher: object = '',
    theme: object = '',
    created: object = None,
    archived: bool = False,
) -> Dataset:
    """A data set from values as a catalogue gives them. Raises InputError if it has no identifier."""
    own = clean_name(identifier)
    if not own:
        raise InputError(f'the data set {text(title)!r} has no identifier', 'give it one in the catalogue')
    others = dict.fromkeys(filter(None, map(clean_name, names)))
    others.pop(own, None)
    return Dataset(own, tuple(others), text(title) or own, text(publisher), text(theme), day(created), archived)


def clean_name(value: object) -> str:
    """A name as calls store it: an identifier without escapes, or a path; '' for anything else. Both are cut."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ''
    name = str(value).strip().encode(errors='replace').decode()
    return name[:LONGEST_PATH] if name.startswith('/') else name[:LONGEST_NAME]


def text(value: object) -> str:
    """A text on one line: a string, the first one of a list, or of texts by language the English one, else the first."""
    if isinstance(value, dict):
        english = (member for language, member in value.items() if str(language).partition('-')[0] == 'en' and member)
        return text(next(english, None) or next(filter(None, value.values()), None))
    if isinstance(value, list | tuple):
        return text(next(filter(None, value), None))
    return ' '.join(value.encode(errors='replace').decode().split())[:LONGEST_TEXT] if isinstance(value, str) else ''


def day(value: object) -> date | None:
    """The day of a date or date-time in ISO 8601, also of a year or a month; None if it is none, or before 1970."""
    match = re.match(r'\s*(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?!\d)', value) if isinstance(value, str) else None
    if not match:
        return None
    try:
        found = date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= LAST_DAY else None


def file_path(url: object, hosts: Collection[str]) -> str:
    """The path of a file on one of the portal's hosts, as requests write it; '' for another host, the root, and with parameters.

    `hosts` may contain `*.data.example.org`. Files that differ by parameters only would share a path.
    """
    if not isinstance(url, str):
        return ''
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or '').rstrip('.')
    except ValueError:
        return ''
    if parts.query or not is_host(host, hosts) or parts.path in ('', '/'):
        return ''
    return quote(parts.path, safe=PATH_CHARACTERS)


def is_host(host: str, hosts: Collection[str]) -> bool:
    """Whether a host name, in lower case, is one of `hosts`."""
    return any(host.endswith(known[1:]) if known.startswith('*.') else host == known for known in hosts)


def last_part(address: str) -> str:
    """The last part of an address, decoded: that of its path, or what stands behind `#` or the last colon of a URN."""
    part = re.split(r'[/#]', address.partition('?')[0].rstrip('/#'))[-1]
    return unquote(part.rpartition(':')[2] if address.startswith('urn:') else part)
