"""Writes logs as a web server does, and rotates them in every way."""

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

KEPT = 20  # rotated logs of each kind


class Log:
    """A log, the web server that writes it, and the program that rotates it."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.folder = folder / kind
        self.folder.mkdir(parents=True)
        self.log = self.folder / 'access.log'
        self.path = self.log
        self.rotations, self.written = 0, 0
        if kind == 'linked':
            (folder / 'links').mkdir()
            self.path = folder / 'links' / 'access.log'
            self.path.symlink_to(self.log)
        if kind == 'switched':
            self.path = self.folder / 'current.log'
            self._switch()
        self.server: BinaryIO = self._opened()

    def write(self, lines: int) -> None:
        """Writes lines as a web server does."""
        moment = datetime.now(UTC).strftime('%d/%b/%Y:%H:%M:%S +0000')
        end = f' [{moment}] "GET /{self.kind}/'
        numbers = range(self.written, self.written + lines)
        agent = ' HTTP/1.1" 200 12 "-" "curl/8.5.0"'
        self.server.write(''.join(f'192.0.2.{n % 200} - -{end}{n}{agent}\n' for n in numbers).encode())
        self.written += lines

    def rotate(self) -> None:
        """Rotates the log once."""
        self.rotations += 1
        KINDS[self.kind](self)

    def rename(self) -> None:
        """Renames the log to access.log.1, .2 and so on. The server still writes some lines to it before it opens the new log."""
        self._shift('access.log.{}')
        self.log.rename(self.folder / 'access.log.1')
        self._reopen()

    def compress(self) -> None:
        """As `rename`, then compresses the rotated log at once."""
        self._shift('access.log.{}.gz')
        self.log.rename(self.folder / 'access.log.1')
        self._reopen()
        self._pack(self.folder / 'access.log.1')

    def delay_compress(self) -> None:
        """As `rename`, but compresses the rotated log at the next rotation."""
        self._shift('access.log.{}.gz')
        if (first := self.folder / 'access.log.1').exists():
            second = first.rename(self.folder / 'access.log.2')
            self._pack(second)
        self.log.rename(first)
        self._reopen()

    def dated(self) -> None:
        """Renames the log to access-DATE.log."""
        self.log.rename(self.folder / f'access-2026{self.rotations // 28 + 1:02}{self.rotations % 28 + 1:02}.log')
        self._reopen()

    def dated_compressed(self) -> None:
        """Renames the log to access-DATE.log and compresses it."""
        self.dated()
        self._pack(self.folder / f'access-2026{self.rotations // 28 + 1:02}{self.rotations % 28 + 1:02}.log')

    def copy_and_cut(self) -> None:
        """Copies and truncates the log, as logrotate's copytruncate does."""
        self._shift('access.log.{}')
        shutil.copyfile(self.log, self.folder / 'access.log.1')
        os.truncate(self.log, 0)

    def switch(self) -> None:
        """Switches the link current.log to a new file."""
        self._switch()
        self._reopen()

    def close(self) -> None:
        """Stops the server."""
        self.server.close()

    def _switch(self) -> None:
        self.log = self.folder / f'log-2026-11-{self.rotations + 1:02}.log'
        self.log.touch()
        draft = self.folder / 'draft'
        draft.symlink_to(self.log.name)
        draft.rename(self.path)

    def _opened(self) -> BinaryIO:
        appends = os.O_APPEND if self.kind != 'copied_hole' else 0
        return os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | appends, 0o644), 'wb', buffering=0)

    def _reopen(self) -> None:
        self.write(3)
        self.server.close()
        self.server = self._opened()

    def _shift(self, name: str) -> None:
        for number in range(KEPT, 0, -1):
            if (path := self.folder / name.format(number)).exists():
                path.rename(self.folder / name.format(number + 1))

    def _pack(self, path: Path) -> None:
        subprocess.run(['gzip', '-1', path], check=True)


KINDS: dict[str, Callable[[Log], None]] = {
    'renamed': Log.rename,
    'compressed': Log.compress,
    'delay_compressed': Log.delay_compress,
    'dated': Log.dated,
    'dated_compressed': Log.dated_compressed,
    'linked': Log.rename,
    'switched': Log.switch,
    'copied': Log.copy_and_cut,
    'copied_hole': Log.copy_and_cut,
}
