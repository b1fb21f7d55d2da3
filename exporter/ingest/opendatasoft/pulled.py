"""What a pull and an import of exported rows share: the result, when an hour is complete, and the API key."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from exporter.config import Pull, Settings
from exporter.errors import SettingsError
from exporter.model.tally import Summary

SOURCE = 'opendatasoft'  # also the name of the log: a portal has one workspace, whether its rows come over HTTP or from files
COMPLETE = timedelta(hours=1)  # after its end, an hour is taken for complete
MOST_NAMES = 20  # of unknown calls that a line lists


@dataclass
class Pulled:
    """What became of the rows; it is right however a pull ends. `changed`: by the start of an hour, its rows before and now."""

    summary: Summary = field(default_factory=Summary)
    changed: dict[int, tuple[int, int]] = field(default_factory=dict)
    replaced: set[int] = field(default_factory=set)  # those of the changed hours in which stored rows are missing now
    hidden_addresses: int = 0
    unknown: set[str] = field(default_factory=set)  # paths of calls whose names are not known
    missing: set[str] = field(default_factory=set)  # fields that exports lack
    left: set[int] = field(default_factory=set)  # hours of a file that may be cut
    in_seconds: bool | None = None  # the unit of `exec_time`, None without a value

    @property
    def notes(self) -> Iterator[str]:
        """Lines for the operator: what changed in the workspace, and what its rows lack."""
        for start, (before, now) in self.changed.items():
            outcome = 'replaced the hour' if start in self.replaced else f'added {now - before:,}'
            yield f'{moment(start):%Y-%m-%d %H:%M} UTC: {now:,} rows instead of {before:,}, {outcome}'
        if self.left:
            hours = ', '.join(f'{moment(start):%Y-%m-%d %H:%M}' for start in sorted(self.left))
            yield f'left out, because they may be incomplete: the hours of {hours} UTC'
        if self.hidden_addresses:
            yield (
                f'{self.hidden_addresses:,} anonymous calls have no whole address: their users are told apart by the user agent, '
                'and are underestimated'
            )
        if self.unknown:
            yield f'unknown calls, counted as other: {", ".join(sorted(self.unknown)[:MOST_NAMES])}'
        if self.missing:
            yield f'the rows have no {", ".join(sorted(self.missing))}'
        if self.in_seconds is not None:
            yield f'exec_time was read as {"seconds" if self.in_seconds else "milliseconds"}'


def moment(seconds: int) -> datetime:
    """The time of Unix seconds, UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def api_key(settings: Settings, entry: Pull) -> str | None:
    """The API key of a workspace. Raises SettingsError for a file that cannot be read."""
    if entry.api_key_file is None:
        return settings.opendatasoft_api_key.get_secret_value().strip() if settings.opendatasoft_api_key else None
    try:
        return entry.api_key_file.read_text(encoding='ascii').strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else 'not text'
        raise SettingsError(
            f'{entry.api_key_file}: cannot read the API key ({reason})', 'name a file with the key alone'
        ) from error
