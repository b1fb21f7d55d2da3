"""Writes the archive of a month, once."""

import hashlib
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

from exporter.archive import folder
from exporter.archive.figures import read
from exporter.archive.manifest import Manifest, stem
from exporter.archive.month import bounds, following
from exporter.config import Settings
from exporter.errors import InputError, PeriodError
from exporter.report import indicators
from exporter.store.clickhouse import ClickHouse


def publish(
    settings: Settings, database: ClickHouse, month: date, domain: str | None, directory: Path, *, force: bool = False
) -> Path:
    """Writes the archive of a month, of one portal or of all that have calls in it; returns the path of its CSV.

    Raises PeriodError if the month is not over in the time zone of a portal, or has no calls; InputError if the archive exists
    (unless `force`) or cannot be written; EngineError.
    """
    portals = indicators.portals(database)
    if domain or not portals:
        portals = [indicators.choose_portal(domain, portals)]
    now, name = datetime.now(UTC), f'{month:%Y-%m}'
    for portal in portals:
        if now < bounds(month, portal.timezone)[1]:
            raise PeriodError(f'{name} is not over in {portal.timezone}', f'archive it from {following(month)} on')
    try:
        occupied = None if force else folder.in_the_way(directory, month, domain)
    except OSError as error:
        raise InputError(f'{directory}: cannot write archives here ({error.strerror})', 'choose another folder') from error
    if occupied:
        raise InputError(f'{occupied}: exists', 'add --force to overwrite it')
    numbers = [
        read(database, portal.domain, portal.timezone, month, settings.portal(portal.domain).public_minimum) for portal in portals
    ]
    known = [each for each in numbers if each]
    if not known:
        first, last = min(portal.first_day for portal in portals), max(portal.last_day for portal in portals)
        raise PeriodError(f'{name} has no calls', f'choose a month from {first:%Y-%m} to {last:%Y-%m}')
    content = folder.content_of(line for each in known for line in each.lines.values())
    manifest = Manifest(
        month=name,
        domain=domain,
        written=now,
        program=f'usage-exporter {version("usage-exporter")}',
        csv=f'{stem(month, domain)}.csv',
        sha256=hashlib.sha256(content).hexdigest(),
        portals=[each.portal for each in known],
    )
    return folder.save(directory, manifest, content)
