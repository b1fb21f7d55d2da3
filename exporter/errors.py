"""Errors that a user meets: each is one line that names the thing and the mend."""


class ExporterError(Exception):
    """Root of what the program raises on purpose; the command line prints its text and ends with `exit_code`."""

    exit_code = 1


class SettingsError(ExporterError):
    """A setting is unknown, has a wrong value or names a file that cannot be used."""

    exit_code = 2


class InputError(ExporterError):
    """A source (a log, a file of keys) cannot be read, or not to its end."""


class EngineError(ExporterError):
    """ClickHouse, embedded or served, cannot be reached, is held by another process, or refuses a statement."""


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
