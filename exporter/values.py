"""What single settings may be: domain names, time zones, addresses, lists."""

import json
import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

LABEL = r'[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
MACHINE_FILES = re.compile('(posix|right)/|(localtime|posixrules|Factory)$')  # beside the zones; other machines lack them
DOMAIN = re.compile(rf'(?=.{{1,253}}$){LABEL}(?:\.{LABEL})*')


def domain_name(value: str) -> str:
    """A portal's host name, in lower case. Raises ValueError where it is none."""
    name = value.lower().removesuffix('.')
    if not DOMAIN.fullmatch(name):
        raise ValueError(f'{value!r} is no domain name; write the portal as data.example.org')
    return name


def _time_zone(value: str) -> str:
    try:
        if not MACHINE_FILES.match(value):
            return ZoneInfo(value).key
    except (KeyError, ValueError, OSError):
        pass
    raise ValueError(f'{value!r} is no time zone; write one as Europe/Paris')


def _account_source(value: str) -> str:
    if not re.fullmatch(r'user|query:\S+', value):
        raise ValueError(f"{value!r} is no source of accounts; write user (the log's user field) or query:apikey")
    return value


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(',') if word.strip()) if isinstance(value, str) else value


def tables(value: object) -> object:
    """Tables of the TOML file, as they are or as JSON. Raises ValueError for what is no JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise ValueError('this is no JSON; tables of a TOML file are easier to write') from None


def _listen(value: str) -> str:
    host, _, port = value.rpartition(':')
    if not re.fullmatch(r'[\w.-]+|\[[\da-fA-F:.]+\]', host) or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f'{value!r} is no address to listen on; write it as 127.0.0.1:8093')
    return value


DomainName = Annotated[str, AfterValidator(domain_name)]
LogFormat = Literal['auto', 'combined', 'common']
Zone = Annotated[str, AfterValidator(_time_zone)]
Listen = Annotated[str, AfterValidator(_listen)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
AccountSources = Annotated[tuple[Annotated[str, AfterValidator(_account_source)], ...], NoDecode, BeforeValidator(_words)]
