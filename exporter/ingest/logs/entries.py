"""Finds the files of the tables `[[follow]]`, explains missing ones and detects duplicates."""

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from exporter.config import Follow
from exporter.errors import InputError, SettingsError
from exporter.ingest.logs.log_file import shown


def regular(path: str) -> os.stat_result | None:
    """Returns the status of a regular file or a directory; None for anything else or a missing path."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    # opening a pipe blocks until something writes; in web server images the log is a link to standard output
    return status if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) else None


def is_name(path: str) -> bool:
    """Whether a path of the settings is a file name and not a pattern: a name may contain brackets."""
    return not glob.has_magic(path) or os.path.lexists(path)


def files(path: str) -> set[str]:
    """Returns the files of a path or a pattern of the settings."""
    names = [path] if is_name(path) else glob.glob(_pattern(path))  # noqa: PTH207  # a pattern of a whole path
    return {name for name in names if regular(name)}


def absence(path: str) -> InputError:
    """Returns the error for a path or a pattern without a file."""
    log = Path(path)
    remedy = 'correct the path in [[follow]], or create the file'
    try:
        if is_name(path):
            log.stat()
            message, remedy = 'a pipe or a device cannot be followed', 'let the web server write its log to a file'
        else:
            log = Path(_before_wildcards(path))
            os.scandir(log).close()
            message, remedy = 'no file matches this pattern', 'correct the pattern in [[follow]], or create a file that matches'
    except FileNotFoundError:
        missing = next((part for part in reversed(log.parents) if not part.exists()), log)
        if missing.is_symlink():
            message = f'the link {shown(str(missing))} points to {shown(os.path.realpath(missing))}, which does not exist'
        elif missing == Path(path):
            message = 'this file does not exist'
        else:
            message = f'the directory {shown(str(missing))} does not exist'
    except OSError as error:
        message = f'cannot read {shown(str(log))} ({error.strerror})'
        remedy = 'grant the user of usage-exporter read permission, or correct the path in [[follow]]'
    return InputError(f'{shown(path)}: {message}', remedy)


def fault(settings: Follow) -> InputError | None:
    """Returns the error if an entry cannot be followed now, else None."""
    names = files(settings.path)
    for name in sorted(names):
        try:
            Path(name).open('rb').close()
        except OSError as error:
            return InputError(
                f'{shown(name)}: cannot read the log ({error.strerror})',
                'grant the user of usage-exporter read permission, or correct the path in [[follow]]',
            )
    return None if names else absence(settings.path)


def duplicate_logs(follow: Sequence[Follow]) -> Iterator[SettingsError]:
    """Yields an error for each entry that matches a log of an earlier entry, under any name."""
    first = dict[object, Follow]()
    for settings in follow:
        identities = dict[object, str]({str(Path(settings.path).absolute()): settings.path})
        for name in sorted(files(settings.path)):
            if status := regular(name):
                identities.setdefault((status.st_dev, status.st_ino), name)
        if duplicate := next((identity for identity in identities if identity in first), None):
            yield same_log(first[duplicate], settings, identities[duplicate])
        for identity in identities:
            first.setdefault(identity, settings)


def same_log(first: Follow, second: Follow, name: str) -> SettingsError:
    """Returns the error for two entries that match the same log."""
    first_entry, second_entry = (f'{shown(settings.path)} for {portal_of(settings)}' for settings in (first, second))
    return SettingsError(
        f'{shown(name)}: the entries {first_entry} and {second_entry} in [[follow]] match the same log',
        'remove one of them, because a log counts once (hosts divides one log between portals)',
    )


def portal_of(settings: Follow) -> str:
    """Returns whose lines the logs of an entry have, for people."""
    return settings.domain or 'several portals'


def _pattern(path: str) -> str:
    """Returns the pattern, with brackets escaped in the names of existing directories."""
    literal, escaped = Path(), list[str]()
    for part in Path(path).parts:
        literal /= part
        exists = os.path.lexists(literal)
        escaped.append(glob.escape(part) if exists else part)
    return str(Path(*escaped))


def _before_wildcards(path: str) -> str:
    """Returns the directory before the first wildcard of a pattern."""
    directory = Path()
    for part in Path(path).parts:
        if glob.has_magic(part) and not os.path.lexists(directory / part):
            break
        directory /= part
    return str(directory)
