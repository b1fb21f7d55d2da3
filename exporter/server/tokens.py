"""Stores the bearer tokens of the HTTP interface as hashes, in the data directory."""

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

import msgspec

from exporter.errors import InputError, SettingsError
from exporter.system.files import write

TOKEN_BYTES = 32
PREFIX = 'usage_'  # lets scanners for leaked secrets recognize a token


class Scope(StrEnum):
    """What a token permits."""

    WRITE = 'write'  # calls and events
    READ = 'read'  # reports


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token as stored: its SHA-256 instead of its text, since 256 random bits cannot be guessed from a plain hash."""

    id: str
    name: str
    domain: str  # the only portal that it is valid for; '' is every portal
    scopes: tuple[Scope, ...]
    created: datetime
    sha256: str  # in hexadecimal digits
    publisher: str = ''  # the only one whose data sets it may read reports of; '' is all


class Tokens:
    """The file of tokens. Every method sees the changes of other processes. Any thread may call any method."""

    def __init__(self, data_dir: Path) -> None:
        self.file = data_dir / 'tokens.json'
        self._cache: tuple[tuple[int, ...], list[Token]] = (), []  # the state of the file, and its tokens
        self._needed = False

    @property
    def needed(self) -> bool:
        """Whether requests need a token: from the first token on, even after all are revoked. Raises SettingsError."""
        self.read()
        return self._needed

    def read(self) -> list[Token]:
        """All tokens, the oldest first. Raises SettingsError if the file is unreadable, invalid or accessible to other users."""
        try:
            stat = self.file.stat()
            state = stat.st_ino, stat.st_mtime_ns, stat.st_size, stat.st_mode
            if state != self._cache[0]:
                if stat.st_mode & 0o077:
                    raise SettingsError(f'{self.file}: other users can access the tokens', 'run chmod 600 on it')
                self._cache = state, msgspec.json.decode(self.file.read_bytes(), type=list[Token])
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SettingsError(f'{self.file}: cannot read the tokens ({error.strerror})', 'fix its permissions') from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SettingsError(
                f'{self.file}: invalid tokens file ({error})', 'restore it, or remove it and add new tokens'
            ) from error
        self._needed = True
        return self._cache[1]

    def of(self, text: str) -> Token | None:
        """The token with this text, or None. Raises SettingsError."""
        digest, match = _hash(text), None
        for token in self.read():  # compares all tokens, so that the duration reveals nothing
            if compare_digest(digest, token.sha256):
                match = token
        return match

    def add(self, name: str, domain: str, scopes: Iterable[Scope], publisher: str = '') -> tuple[Token, str]:
        """Creates a token for a portal, or with domain '' for every portal; returns it and its text, which is not stored.

        With a publisher, it reads the reports of the data sets of this publisher of the portal, and nothing else.

        Raises SettingsError.
        """
        text = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        now = datetime.now(UTC).replace(microsecond=0)
        token = Token(secrets.token_hex(4), name, domain, tuple(sorted(set(scopes))), now, _hash(text), publisher)
        with self._edit() as tokens:
            tokens.append(token)
        return token, text

    def revoke(self, token_id: str) -> Token:
        """Removes a token. Raises InputError if there is no token with this id, SettingsError."""
        with self._edit() as tokens:
            for token in tokens:
                if token.id == token_id:
                    tokens.remove(token)
                    return token
            raise InputError(f'token {token_id}: not found', 'list the tokens with usage-exporter tokens list')

    @contextmanager
    def _edit(self) -> Iterator[list[Token]]:
        """Yields the tokens to be changed, under a lock between processes; then replaces the file as a whole."""
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory = os.open(self.file.parent, os.O_RDONLY)
            try:
                fcntl.flock(directory, fcntl.LOCK_EX)
                tokens = list(self.read())
                yield tokens
                write(self.file, msgspec.json.format(msgspec.json.encode(tokens)) + b'\n')
            finally:
                os.close(directory)
        except OSError as error:
            raise SettingsError(
                f'{self.file}: cannot write the tokens ({error.strerror})', 'check its permissions and the free space'
            ) from error


def _hash(text: str) -> str:
    return sha256(text.encode(errors='surrogateescape')).hexdigest()
