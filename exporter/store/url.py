"""Parses the setting clickhouse_url."""

import os
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
    """The address of a database. Neither `shown` nor the repr contains the password."""

    embedded: Path | None  # the directory of chDB; None for a server
    server: dict[str, Any] = field(repr=False)  # arguments of clickhouse_connect.get_client
    database: str
    shown: str
    socket: Path | None = None  # of the process that holds the embedded database, if it is another one

    @property
    def in_process(self) -> bool:
        """Whether the engine runs in this process."""
        return self.embedded is not None and self.socket is None


def address(url: str) -> Address:
    """Parses `chdb:///path[?database=d]` or `http(s)://user:password@host:port/database`. Raises SettingsError."""
    if match := EMBEDDED.fullmatch(url):
        path = Path(os.path.normpath('/' + unquote(match['path']).lstrip('/')))  # the engine compares it as text
        return Address(path, {}, match['database'] or DATABASE, f'chdb://{path}')
    if match := SERVER.fullmatch(url):
        secure = match['scheme'] == 'https'
        server = {
            'host': match['host'],
            'port': int(match['port'] or (8443 if secure else 8123)),
            'secure': secure,
            'username': unquote(match['user'] or 'default'),
            'password': unquote(match['password'] or ''),
        }
        database = match['database'] or DATABASE
        return Address(None, server, database, f'{match["scheme"]}://{server["host"]}:{server["port"]}/{database}')
    raise SettingsError(
        'USAGE_CLICKHOUSE_URL: invalid ClickHouse URL',
        'write chdb:///path or http(s)://user:password@host:port/database; encode special characters in the password (@ is %40)',
    )
