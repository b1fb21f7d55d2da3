"""Idempotency keys of accepted requests: remembers each answer for 48 hours, so that a repeated request gets it again."""

import sqlite3
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from exporter.spool.segment import IdempotencyKey

KEPT = 48 * 3600  # seconds
SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    scope TEXT, key TEXT, digest TEXT NOT NULL, answer BLOB NOT NULL, at REAL NOT NULL, PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_at ON keys (at);
"""


class IdempotencyKeys:
    """A SQLite file of keys, and in memory the keys that only the spool holds so far.

    Any thread may call any method. The constructor raises sqlite3.Error.
    """

    def __init__(self, path: Path, spooled: Iterable[IdempotencyKey]) -> None:
        self._lock = threading.Lock()
        self._spooled = {(key.scope, key.key): key for key in spooled}
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        path.chmod(0o600)
        self._file.execute('PRAGMA journal_mode = WAL')
        self._file.execute('PRAGMA synchronous = FULL')
        self._file.executescript(SCHEMA)

    def find(self, scope: str, key: str) -> IdempotencyKey | None:
        """Returns the key with its answer, or None if it is unknown."""
        with self._lock:
            if spooled := self._spooled.get((scope, key)):
                return spooled
            row = self._file.execute('SELECT digest, answer FROM keys WHERE scope = ? AND key = ?', (scope, key)).fetchone()
        return IdempotencyKey(scope, key, row[0], msgspec.json.decode(row[1])) if row else None

    def add_spooled(self, keys: Iterable[IdempotencyKey]) -> None:
        """Remembers keys whose calls are in the spool."""
        with self._lock:
            self._spooled |= {(key.scope, key.key): key for key in keys}

    def keep(self, keys: Iterable[IdempotencyKey]) -> None:
        """Writes keys to the disk, before the spool removes them; deletes expired keys. Raises sqlite3.Error."""
        now = time.time()
        rows = [(key.scope, key.key, key.digest, msgspec.json.encode(key.answer), now) for key in keys]
        with self._lock:
            with self._file:
                self._file.execute('BEGIN')
                self._file.executemany('INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?, ?)', rows)
                self._file.execute('DELETE FROM keys WHERE at < ?', (now - KEPT,))
            for scope, key, *_ in rows:
                self._spooled.pop((scope, key), None)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
