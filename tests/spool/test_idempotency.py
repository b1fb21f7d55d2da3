"""An idempotency key is known from the acceptance of its calls for 48 hours, also after a restart."""

import os
from pathlib import Path

import pytest

from exporter.spool.idempotency import KEPT, IdempotencyKeys
from exporter.spool.segment import IdempotencyKey

KEY = IdempotencyKey('token', 'once', 'ff', {'accepted': 2, 'rejects': []})


def test_a_key_keeps_its_answer_through_a_restart(tmp_path: Path) -> None:
    keys = IdempotencyKeys(tmp_path / 'keys.sqlite', [])
    assert keys.find('token', 'once') is None
    keys.add_spooled([KEY])
    assert keys.find('token', 'once') == KEY
    keys.keep([KEY])
    assert keys.find('token', 'once') == KEY
    later = IdempotencyKeys(tmp_path / 'keys.sqlite', [])
    assert later.find('token', 'once') == KEY
    assert later.find('another', 'once') is None


def test_a_key_that_only_the_spool_holds_is_known(tmp_path: Path) -> None:
    assert IdempotencyKeys(tmp_path / 'keys.sqlite', [KEY]).find('token', 'once') == KEY


def test_a_key_written_twice_keeps_its_first_answer(tmp_path: Path) -> None:
    keys = IdempotencyKeys(tmp_path / 'keys.sqlite', [])
    keys.keep([KEY])
    keys.keep([IdempotencyKey('token', 'once', 'ff', {'accepted': 9})])
    assert keys.find('token', 'once') == KEY


def test_expired_keys_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = IdempotencyKeys(tmp_path / 'keys.sqlite', [])
    keys.keep([KEY])
    at = keys._file.execute('SELECT at FROM keys').fetchone()[0]
    monkeypatch.setattr('exporter.spool.idempotency.time.time', lambda: at + KEPT - 1)
    keys.keep([IdempotencyKey('token', 'second', 'ff', {})])
    assert keys.find('token', 'once')
    monkeypatch.setattr('exporter.spool.idempotency.time.time', lambda: at + KEPT + 1)
    keys.keep([IdempotencyKey('token', 'third', 'ff', {})])
    assert keys.find('token', 'once') is None
    assert keys.find('token', 'second')


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        IdempotencyKeys(tmp_path / 'keys.sqlite', [KEY]).keep([KEY])
    finally:
        os.umask(old)
    assert (tmp_path / 'keys.sqlite').stat().st_mode & 0o077 == 0
