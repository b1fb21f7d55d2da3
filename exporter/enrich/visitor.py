"""Tells visitors apart by a keyed hash of their address, so that no address is stored; and keeps the key."""

import os
import re
import secrets
import tempfile
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import polars as pl

from exporter.enrich.addresses import address_bytes, is_ipv4
from exporter.errors import SettingsError

KEY_BYTES = 32
SHORTEST_SECRET = 16  # characters

NONE = re.compile(r'-?|unix:.*', re.DOTALL)  # how servers log that a call came from no address
# More lenient than RFC 1123: _ is met in reverse DNS. A last label without a letter would be a broken IPv4 address.
NAME = re.compile(r'(?=.{1,253}$)(?:[\w-]+\.)*[\w-]*[a-z][\w-]*\.?', re.ASCII | re.IGNORECASE)


def valid(addresses: pl.Series) -> pl.Series:
    """Whether each text is an IP address, a host name, or says that there is none: empty, - or unix:…"""

    def fits(text: str | None) -> bool:
        return text is None or bool(address_bytes(text) or NAME.fullmatch(text) or NONE.fullmatch(text))

    others = addresses.set(is_ipv4(addresses), None)  # nearly all need no further look
    return pl.Series('valid', [fits(text) for text in others.to_list()], dtype=pl.Boolean)


def visitors(addresses: pl.Series, key: bytes) -> pl.Series:
    """The visitor (UInt64) that each address stands for: keyed BLAKE2b (RFC 7693) of what tells it from others.

    That is an IPv4 address, the /64 of an IPv6 one (what one household or office is given, RFC 6177), or a host name
    in lower case. All calls from no address are one visitor.
    """
    keyed = blake2b(key=key, digest_size=8)

    def hashed(address: str) -> bytes:
        hashing = keyed.copy()  # a third faster than a new one
        hashing.update(_told_by(address))
        return hashing.digest()

    hashes = pl.Series('visitor', [hashed(address) for address in addresses.to_list()], dtype=pl.Binary)
    return hashes.bin.reinterpret(dtype=pl.UInt64, endianness='big')


def _told_by(address: str) -> bytes:
    """What is hashed. Its first byte is its kind, so that no name is ever an address."""
    number = address_bytes(address)
    if number is None:
        return b'-' if NONE.fullmatch(address) else b'n' + address.lower().removesuffix('.').encode()
    return b'4' + number if len(number) == 4 else b'6' + number[:8]


def load_key(data_dir: Path, secret: str | None) -> bytes:
    """The 32 bytes that key the visitors: from `secret` (USAGE_SECRET), or without one from `data_dir/secret`.

    The file is made when there is none. Raises SettingsError, one line, for a secret under 16 characters, and for a
    file that cannot be made or read, is no key, or is not its owner's only.
    """
    if secret:
        if len(secret) < SHORTEST_SECRET:
            raise SettingsError(
                f'USAGE_SECRET: shorter than {SHORTEST_SECRET} characters', 'create one with openssl rand -hex 32'
            )
        return blake2b(secret.encode(), digest_size=KEY_BYTES, person=b'visitor key').digest()
    file = data_dir / 'secret'
    try:
        if not file.exists():
            _make_key(file)
        mode, text = file.stat().st_mode, file.read_bytes()
    except OSError as error:
        raise SettingsError(f'{file}: cannot create or read the key ({error.strerror})', 'fix it or set USAGE_SECRET') from error
    if mode & 0o077:
        raise SettingsError(f'{file}: other users can access the key', 'run chmod 600 on it')
    if not re.fullmatch(rb'[0-9a-f]{%d}\n?' % (2 * KEY_BYTES), text):
        raise SettingsError(f'{file}: invalid key', 'restore it, or remove it; then all visitors count as new')
    return bytes.fromhex(text.decode())


def _make_key(file: Path) -> None:
    """Writes a new key. It appears whole or not at all, and never in place of one that another process just made."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix='secret.', dir=file.parent)  # its owner's only
    draft = Path(name)
    try:
        with os.fdopen(descriptor, 'w') as writing:
            writing.write(secrets.token_hex(KEY_BYTES) + '\n')
            writing.flush()
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


def key_id(key: bytes) -> str:
    """8 hexadecimal digits that tell keys apart and give nothing of a key away."""
    return blake2b(b'key id', key=key, digest_size=4).hexdigest()
