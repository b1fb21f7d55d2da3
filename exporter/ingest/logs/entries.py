"""What the tables `[[follow]]` lead to: which files, why none, and which file twice."""

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from exporter.config import Follow
from exporter.errors import InputError, SettingsError
from exporter.ingest.logs.log_file import shown


def regular(path: str) -> os.stat_result | None:
    """What a log or a directory is; None for what is neither, or is not there."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    # opening a pipe waits for who writes; in web servers' images the log is a link to their standard output
    return found if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) else None


def is_name(path: str) -> bool:
    """Whether a path of the settings is one file, and not a pattern: brackets may be part of its name."""
    return not glob.has_magic(path) or os.path.lexists(path)


def files(path: str) -> set[str]:
    """The files that a path or a pattern of the settings leads to."""
    names = [path] if is_name(path) else glob.glob(_pattern(path))  # noqa: PTH207  # of a whole path
    return {name for name in names if regular(name)}


def absence(path: str) -> InputError:
    """Why a path or a pattern leads to no file, and what to do."""
    log = Path(path)
    remedy = 'correct the path in [[follow]], or create the file'
    try:
        if is_name(path):
            log.stat()
            why, remedy = 'a pipe or a device cannot be followed', 'let the web server write its log to a file'
        else:
            log = Path(_before_wildcards(path))
            os.scandir(log).close()
            why, remedy = 'no file matches this pattern', 'correct the pattern in [[follow]], or create a file that matches'
    except FileNotFoundError:
        missing = next((part for part in reversed(log.parents) if not part.exists()), log)
        if missing.is_symlink():
            why = f'the link {shown(str(missing))} points to {shown(os.path.realpath(missing))}, which does not exist'
        elif missing == Path(path):
            why = 'this file does not exist'
        else:
            why = f'the directory {shown(str(missing))} does not exist'
    except OSError as error:
        why = f'cannot read {shown(str(log))} ({error.strerror})'
        remedy = 'grant the user of usage-exporter read permission, or correct the path in [[follow]]'
    return InputError(f'{shown(path)}: {why}', remedy)


def fault(settings: Follow) -> InputError | None:
    """Why an entry cannot be followed now; None if it can."""
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


def twice(follow: Sequence[Follow]) -> Iterator[SettingsError]:
    """An error for each entry that leads to a log of an earlier one, under whatever name."""
    first = dict[object, Follow]()
    for settings in follow:
        same = dict[object, str]({str(Path(settings.path).absolute()): settings.path})
        for name in sorted(files(settings.path)):
            if found := regular(name):
                same.setdefault((found.st_dev, found.st_ino), name)
        if clash := next((identity for identity in same if identity in first), None):
            yield same_log(first[clash], settings, same[clash])
        for identity in same:
            first.setdefault(identity, settings)


def same_log(first: Follow, second: Follow, name: str) -> SettingsError:
    """The error that two entries lead to the same log."""
    one, other = (f'{shown(settings.path)} for {settings.domain}' for settings in (first, second))
    return SettingsError(
        f'{shown(name)}: the entries {one} and {other} in [[follow]] match the same log',
        'remove one of them, because a log counts once, for one portal',
    )


def _pattern(path: str) -> str:
    """The pattern, with the brackets of directories that have that very name taken as they are."""
    literal, parts = Path(), list[str]()
    for part in Path(path).parts:
        literal /= part
        there = os.path.lexists(literal)
        parts.append(glob.escape(part) if there else part)
    return str(Path(*parts))


def _before_wildcards(path: str) -> str:
    """The directory in which a pattern begins to choose."""
    directory = Path()
    for part in Path(path).parts:
        if glob.has_magic(part) and not os.path.lexists(directory / part):
            break
        directory /= part
    return str(directory)
