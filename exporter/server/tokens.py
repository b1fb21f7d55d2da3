"""Who may write and read over HTTP: bearer tokens, kept as hashes in the data directory."""

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
PREFIX = 'usage_'  # by which scanners for leaked secrets know a token


class Scope(StrEnum):
    """What a token is good for."""

    WRITE = 'write'  # calls and events
    READ = 'read'  # reports


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a token. Its text is not: 256 random bits cannot be guessed from a plain hash of them."""

    id: str
    name: str
    domain: str  # the portal that it is for; '' is every one
    scopes: tuple[Scope, ...]
    created: datetime
    sha256: str  # in hexadecimal digits


class Tokens:
    """The file of tokens. What another process changes in it is seen at the next question."""

    def __init__(self, data_dir: Path) -> None:
        self.file = data_dir / 'tokens.json'
        self._read: tuple[tuple[int, ...], list[Token]] = (), []
        self._needed = False

    @property
    def needed(self) -> bool:
        """Whether a token is needed: from the first one on, also when all are revoked since. Raises SettingsError."""
        self.listed()
        return self._needed

    def listed(self) -> list[Token]:
        """All tokens, the oldest first. Raises SettingsError for a file that cannot be used."""
        try:
            found = self.file.stat()
            state = found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode
            if state != self._read[0]:
                if found.st_mode & 0o077:
                    raise SettingsError(f'{self.file}: other users can access the tokens', 'run chmod 600 on it')
                self._read = state, msgspec.json.decode(self.file.read_bytes(), type=list[Token])
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SettingsError(f'{self.file}: cannot read the tokens ({error.strerror})', 'fix its permissions') from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SettingsError(
                f'{self.file}: invalid tokens file ({error})', 'restore it, or remove it and add new tokens'
            ) from error
        self._needed = True
        return self._read[1]

    def of(self, text: str) -> Token | None:
        """The token that a caller shows; None: there is no such token. Raises SettingsError."""
        shown, found = _hash(text), None
        for token in self.listed():  # all of them, so that the time says nothing
            if compare_digest(shown, token.sha256):
                found = token
        return found

    def add(self, name: str, domain: str, scopes: Iterable[Scope]) -> tuple[Token, str]:
        """Makes a token for a portal, or with domain '' for every one. Its text is known here only. Raises SettingsError."""
        text = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        now = datetime.now(UTC).replace(microsecond=0)
        token = Token(secrets.token_hex(4), name, domain, tuple(sorted(set(scopes))), now, _hash(text))
        with self._changing() as tokens:
            tokens.append(token)
        return token, text

    def revoke(self, token_id: str) -> Token:
        """Takes a token away. Raises InputError where there is none of this id, SettingsError."""
        with self._changing() as tokens:
            for token in tokens:
                if token.id == token_id:
                    tokens.remove(token)
                    return token
            raise InputError(f'token {token_id}: not found', 'list the tokens with usage-exporter tokens list')

    @contextmanager
    def _changing(self) -> Iterator[list[Token]]:
        """The tokens, to be changed by one process at a time; the file is then replaced whole."""
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory = os.open(self.file.parent, os.O_RDONLY)
            try:
                fcntl.flock(directory, fcntl.LOCK_EX)
                tokens = list(self.listed())
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
