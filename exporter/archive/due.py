"""Archives the last month whose day has come, once: also where `serve` was down on that day."""

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from exporter.archive import folder
from exporter.archive.month import before
from exporter.archive.publish import publish
from exporter.config import Settings
from exporter.errors import EngineError, ExporterError, PeriodError, loggable
from exporter.report import indicators
from exporter.store.clickhouse import ClickHouse


def due_month(now: datetime, day: int, timezones: Collection[str]) -> date:
    """The last month whose successor has reached this day in all of these time zones."""
    today = min(now.astimezone(ZoneInfo(timezone)).date() for timezone in timezones)
    month = before(today.replace(day=1))
    return month if today.day >= day else before(month)


def archive_due(settings: Settings, database: ClickHouse, info: Callable[..., None], warn: Callable[..., None]) -> None:
    """Writes the archive that is due, of all portals, unless it is there. Logs what it wrote, and faults. Raises EngineError."""
    portals = indicators.portals(database)
    if not (settings.archive_dir and settings.archive_day and portals):
        return
    month = due_month(datetime.now(UTC), settings.archive_day, {portal.timezone for portal in portals})
    try:
        if not folder.in_the_way(settings.archive_dir, month, None):
            info('wrote %s', publish(settings, database, month, None, settings.archive_dir))
    except EngineError:
        raise
    except PeriodError:
        return  # a month without calls has no archive
    except (ExporterError, OSError) as error:
        warn('cannot archive %s, tries again in an hour: %s', f'{month:%Y-%m}', loggable(error))
