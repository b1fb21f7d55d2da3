"""Identifies visitors by a keyed hash of their address, so that no address is stored; creates and reads the secret.

The hash of an address differs from portal to portal, so that nobody can follow a visitor from one to another. Installations of
earlier versions keep one hash for all portals.
"""

import os
import re
import secrets
import tempfile
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import polars as pl

from exporter.enrich.addresses import address_bytes, is_ipv4
from exporter.errors import SettingsError

KEY_BYTES = 32
# What follows the key in a file of a new installation. Earlier versions did not write it, and refuse such a file.
PER_PORTAL = b'a key for each portal\n'
SHORTEST_SECRET = 16  # characters

SECRET_FILE = re.compile(rb'([0-9a-f]{%d})(?:\n?|\n(%s))' % (2 * KEY_BYTES, PER_PORTAL))

NO_ADDRESS = re.compile(r'-?|unix:.*', re.DOTALL)  # how servers log a call without an address
# More lenient than RFC 1123: reverse DNS has names with _. A last label without a letter would be an invalid IPv4 address.
HOST_NAME = re.compile(r'(?=.{1,253}$)(?:[\w-]+\.)*[\w-]*[a-z][\w-]*\.?', re.ASCII | re.IGNORECASE)


def valid(addresses: pl.Series) -> pl.Series:
    """Whether each text is an IP address, a host name, or stands for no address: empty, - or unix:…"""

    def is_valid(text: str | None) -> bool:
        return text is None or bool(address_bytes(text) or HOST_NAME.fullmatch(text) or NO_ADDRESS.fullmatch(text))

    others = addresses.set(is_ipv4(addresses), None)  # most texts need no further check
    return pl.Series('valid', [is_valid(text) for text in others.to_list()], dtype=pl.Boolean)


def visitors(addresses: pl.Series, visitor_secret: bytes) -> pl.Series:
    """The visitor (UInt64) of each address: the keyed BLAKE2b hash (RFC 7693) of its identity.

    The identity is an IPv4 address, the /64 prefix of an IPv6 address (which one household or office gets, RFC 6177), or a host
    name in lower case. All calls without an address are one visitor.
    """
    keyed = blake2b(key=visitor_secret, digest_size=8)

    def hash_address(address: str) -> bytes:
        hasher = keyed.copy()  # a third faster than a new one
        hasher.update(_identity(address))
        return hasher.digest()

    hashes = pl.Series('visitor', [hash_address(address) for address in addresses.to_list()], dtype=pl.Binary)
    return hashes.bin.reinterpret(dtype=pl.UInt64, endianness='big')


def hidden_visitors(texts: pl.Series, visitor_secret: bytes) -> pl.Series:
    """The visitor (UInt64) of each text that stands for a caller whose address the source hides; never that of an address."""
    hashes = [blake2b(b'h' + text.encode(), key=visitor_secret, digest_size=8).digest() for text in texts.to_list()]
    return pl.Series('visitor', hashes, dtype=pl.Binary).bin.reinterpret(dtype=pl.UInt64, endianness='big')


def _identity(address: str) -> bytes:
    """The bytes to hash. The first byte is the kind, so that a host name never equals an address."""
    parsed = address_bytes(address)
    if parsed is None:
        return b'-' if NO_ADDRESS.fullmatch(address) else b'n' + address.lower().removesuffix('.').encode()
    return b'4' + parsed if len(parsed) == 4 else b'6' + parsed[:8]


def load_visitor_secret(data_dir: Path, secret: str | None) -> bytes:
    """The 32 bytes that key the hashes of visitors: from `secret` (USAGE_SECRET), or else from the file `data_dir/secret`.

    Creates the file if it is missing. Raises SettingsError for a secret under 16 characters, and for a file that cannot be
    created or read, is invalid, or is accessible to other users.
    """
    if secret:
        if len(secret) < SHORTEST_SECRET:
            raise SettingsError(
                f'USAGE_SECRET: shorter than {SHORTEST_SECRET} characters', 'create one with openssl rand -hex 32'
            )
        return blake2b(secret.encode(), digest_size=KEY_BYTES, person=b'visitor key').digest()
    return bytes.fromhex(_secret_file(data_dir)[1].decode())


def has_key_per_portal(data_dir: Path) -> bool:
    """Whether the file `data_dir/secret` is that of a new installation. Creates it and raises as `load_visitor_secret` does."""
    return bool(_secret_file(data_dir)[2])


def _secret_file(data_dir: Path) -> re.Match[bytes]:
    file = data_dir / 'secret'
    try:
        if not file.exists():
            _create_secret(file)
        mode, text = file.stat().st_mode, file.read_bytes()
    except OSError as error:
        raise SettingsError(f'{file}: cannot create or read the key ({error.strerror})', 'fix it or set USAGE_SECRET') from error
    if mode & 0o077:
        raise SettingsError(f'{file}: other users can access the key', 'run chmod 600 on it')
    if not (match := SECRET_FILE.fullmatch(text)):
        raise SettingsError(f'{file}: invalid key', 'restore it, or remove it; then all visitors count as new')
    return match


def _create_secret(file: Path) -> None:
    """Writes a new key atomically, and keeps the key that another process may have created meanwhile."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix='secret.', dir=file.parent)  # with mode 0600
    draft = Path(name)
    try:
        with os.fdopen(descriptor, 'w') as stream:
            stream.write(f'{secrets.token_hex(KEY_BYTES)}\n{PER_PORTAL.decode()}')
            stream.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            file.hardlink_to(draft)
    finally:
        draft.unlink()
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


class VisitorKey(NamedTuple):
    """What keys the hashes of visitors: the visitor secret itself on all portals, or a key of each portal made from it."""

    secret: bytes
    is_shared: bool

    @property
    def id(self) -> str:
        """8 hexadecimal digits that identify the key, or the keys of all portals, and reveal nothing of the secret."""
        text = b'key id' if self.is_shared else b'key id per portal'
        return blake2b(text, key=self.secret, digest_size=4).hexdigest()

    def of(self, domain: str) -> bytes:
        """The 32 bytes that key the hashes on a portal."""
        if self.is_shared:
            return self.secret
        return blake2b(domain.encode(), key=self.secret, digest_size=KEY_BYTES, person=b'portal').digest()
