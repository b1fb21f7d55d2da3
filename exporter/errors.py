"""Errors for the user: one line that says what is wrong and what to do."""

import traceback


class ExporterError(Exception):
    """Base of the errors that the program raises on purpose. The command line prints them in one line and exits with `exit_code`.

    `what` names the thing and says what is wrong with it. `remedy` says what to do; it may be empty.
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str = '') -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f'{self.what}; {self.remedy}' if self.remedy else self.what


class ErrorGroup(ExceptionGroup[ExporterError]):
    """Several errors of one command. The command line prints each in a line of its own."""


class SettingsError(ExporterError):
    """A setting is unknown or invalid, or names a file that cannot be used."""

    exit_code = 2


class InputError(ExporterError):
    """An input (a log, a file of API keys) cannot be read, or not to its end."""


class TooLarge(InputError):
    """A request exceeds a size limit."""


class KeyReused(ExporterError):
    """An idempotency key was used before, with another body."""


class KeyInUse(ExporterError):
    """The first request with this idempotency key is still in progress."""


class SpoolFull(ExporterError):
    """The spool is full: it accepts calls again when some of its calls are stored."""


class ConcurrentImport(InputError):
    """Another process is storing the same log."""


class EngineError(ExporterError):
    """ClickHouse, embedded or a server, cannot be reached, is held by another process, or refuses a statement.

    `code` is ClickHouse's error code, or None if ClickHouse did not answer; `answer` is its whole message.
    """

    def __init__(self, what: str, remedy: str = '', code: int | None = None, answer: str = '') -> None:
        super().__init__(what, remedy)
        self.code, self.answer = code, answer


class DatabaseLocked(EngineError):
    """Another process holds the embedded database."""


class SchemaError(ExporterError):
    """The schema of the database is of another program or another version."""


class PeriodError(ExporterError):
    """A period or its portal is invalid, or there is no portal with calls."""

    exit_code = 2


class PartError(ExporterError):
    """The calls cannot be limited or divided in this way."""

    exit_code = 2


class UnknownPart(PartError):
    """A portal has no such data set or publisher."""


class QueryError(ExporterError):
    """A statement is invalid, or does more than read."""

    exit_code = 2


class NotAllowed(QueryError):
    """A statement is valid, but may do more than read the program's own database."""


class ExportError(ExporterError):
    """A file to be written exists, and usage-exporter did not write it."""


def loggable(error: BaseException) -> str:
    """The text of an error that is safe for a log: the message of our own and the operating system's errors, else the traceback.

    Messages of libraries may quote a line or a request, and so an address.
    """
    if isinstance(error, ExporterError | OSError):
        return str(error)
    return f'{type(error).__name__}\n' + ''.join(traceback.format_tb(error.__traceback__))
