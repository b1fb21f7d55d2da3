"""Where the engine is: reads the setting clickhouse_url."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from exporter.errors import SettingsError

DATABASE = 'usage'
EMBEDDED = re.compile(r'chdb://(?P<path>/[^?#]*)(\?database=(?P<database>[\w.-]+))?')
SERVER = re.compile(
    r'(?P<scheme>https?)://((?P<user>[^:@/?#]+)(:(?P<password>[^@/?#]*))?@)?'
    r'(?P<host>[\w.-]+|\[[\da-fA-F:.]+\])(:(?P<port>\d{1,5}))?(/(?P<database>[\w.-]+)?)?'
)


@dataclass(frozen=True)
class Address:
    """Where the engine is. No password is in `shown`, nor in the repr."""

    embedded: Path | None  # the directory of chDB
    server: dict[str, Any] = field(repr=False)  # what clickhouse_connect.get_client takes of a server
    database: str
    shown: str


def address(url: str) -> Address:
    """Reads `chdb:///path[?database=d]` or `http(s)://user:password@host:port/database`. Raises SettingsError."""
    if found := EMBEDDED.fullmatch(url):
        path = Path(unquote(found['path']))
        return Address(path, {}, found['database'] or DATABASE, f'chdb://{path}')
    if found := SERVER.fullmatch(url):
        secure = found['scheme'] == 'https'
        server = {
            'host': found['host'],
            'port': int(found['port'] or (8443 if secure else 8123)),
            'secure': secure,
            'username': unquote(found['user'] or 'default'),
            'password': unquote(found['password'] or ''),
        }
        database = found['database'] or DATABASE
        return Address(None, server, database, f'{found["scheme"]}://{server["host"]}:{server["port"]}/{database}')
    raise SettingsError(
        'USAGE_CLICKHOUSE_URL: invalid ClickHouse URL',
        'write chdb:///path or http(s)://user:password@host:port/database; encode special characters in the password (@ is %40)',
    )
