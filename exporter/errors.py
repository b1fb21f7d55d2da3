"""Errors that a user meets: each is one line that says what is wrong, and what to do."""

import traceback


class ExporterError(Exception):
    """Root of what the program raises on purpose; the command line prints it in one line and exits with `exit_code`.

    `what` names the thing and says what is wrong with it; `remedy` says what to do, where that is known.
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str = '') -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f'{self.what}; {self.remedy}' if self.remedy else self.what


class SettingsError(ExporterError):
    """A setting is unknown, has a wrong value or names a file that cannot be used."""

    exit_code = 2


class InputError(ExporterError):
    """A source (a log, a file of keys) cannot be read, or not to its end."""


class TooLarge(InputError):
    """A request holds more than is taken at once."""


class KeyReused(ExporterError):
    """An idempotency key came before, with another body."""


class KeyInUse(ExporterError):
    """The request that brought this idempotency key first is still under way."""


class SpoolFull(ExporterError):
    """What is accepted and not yet stored fills the room that it may take: no more is accepted until some is stored."""


class ConcurrentImport(InputError):
    """Another process is storing the same log."""


class EngineError(ExporterError):
    """ClickHouse, embedded or served, cannot be reached, is held by another process, or refuses a statement.

    `code` is ClickHouse's number of the error, where it has answered.
    """

    def __init__(self, what: str, remedy: str = '', code: int | None = None) -> None:
        super().__init__(what, remedy)
        self.code = code


class DatabaseLocked(EngineError):
    """Another process has the embedded engine."""


class SchemaError(ExporterError):
    """The database is not of this program, or newer than it."""


class PeriodError(ExporterError):
    """A period is none, or there is no portal to ask it of."""

    exit_code = 2


class QueryError(ExporterError):
    """A statement that does more than read, or is none."""

    exit_code = 2


class ExportError(ExporterError):
    """A file that is to be written is there, and is somebody else's."""


def loggable(error: BaseException) -> str:
    """What a log may hold of an error: where it was raised, unless it is one of ours or the disk's. What others say may quote a
    line or a request, with an address."""
    if isinstance(error, ExporterError | OSError):
        return str(error)
    return f'{type(error).__name__}\n' + ''.join(traceback.format_tb(error.__traceback__))
