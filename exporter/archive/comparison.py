"""Computes archived months again, and finds the figures that differ now, with the reason where it is known."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from exporter.archive.figures import BATCHES_OF_MONTH, Line, read
from exporter.archive.folder import Archive
from exporter.archive.manifest import FIGURES, PortalMonth
from exporter.archive.month import bounds, parse
from exporter.config import Settings
from exporter.report import indicators
from exporter.store.clickhouse import ClickHouse
from exporter.store.rollups import calls_from

TOTALS = (*FIGURES, 'calls_without_dataset')
NAMES = ('publisher', 'title')
UNKNOWN = 'unknown'
# What became of the batches of a month since its archive was written.
SINCE = f"""
SELECT
    sumIf(calls, NOT forgotten AND done_at > {{written:DateTime64(3, 'UTC')}}) AS late,
    sumIf(
        calls, forgotten AND done_at <= {{written:DateTime64(3, 'UTC')}} AND forgotten_at > {{written:DateTime64(3, 'UTC')}}
    ) AS forgotten_calls
FROM ({BATCHES_OF_MONTH})
"""


class Difference(msgspec.Struct, frozen=True):
    """A figure that differs; without `dataset` it is a total of the portal."""

    month: str
    domain: str
    dataset: str
    figure: str
    archived: str
    now: str
    reason: str


class _Change(NamedTuple):
    dataset: str
    figure: str
    archived: str
    now: str


class _Portal(NamedTuple):
    """A portal of an archive: then, when it was written, and now; None without calls."""

    domain: str
    timezone: str
    month: date
    written: datetime
    then: PortalMonth | None
    now: PortalMonth | None


def differences(settings: Settings, database: ClickHouse, archive: Archive) -> Iterator[Difference]:
    """Yields the figures of an archive that differ from those of the database. Raises EngineError.

    A data set without calls that the catalogue has got or lost since is no difference.
    """
    manifest, recorded = archive.manifest, {portal.domain: portal for portal in archive.manifest.portals}
    month = parse('month', manifest.month)
    zones = {} if manifest.domain else {portal.domain: portal.timezone for portal in indicators.portals(database)}
    zones |= {domain: portal.timezone for domain, portal in recorded.items()}
    for domain, timezone in sorted(zones.items()):
        then = recorded.get(domain)
        minimum = then.public_minimum if then else settings.portal(domain).public_minimum
        numbers = read(database, domain, timezone, month, minimum)
        now = numbers.portal if numbers else None
        archived_lines = {dataset: line for (of, dataset), line in archive.lines.items() if of == domain}
        changes = [*_totals(then, now), *_lines(archived_lines, numbers.lines if numbers else {})]
        if not changes:
            continue
        portal = _Portal(domain, timezone, month, manifest.written, then, now)
        reasons, catalogue, names_differ = _reasons(database, portal), *_catalogue(then, now)
        for change in changes:
            if change.figure in NAMES:
                known = [catalogue]
            else:
                of_catalogue = names_differ and (change.dataset or change.figure == 'calls_without_dataset')
                known = [*reasons, catalogue if of_catalogue else '']
            yield Difference(manifest.month, domain, *change, '; '.join(filter(None, known)) or UNKNOWN)


def _totals(then: PortalMonth | None, now: PortalMonth | None) -> Iterator[_Change]:
    for figure in TOTALS:
        archived, current = (str(getattr(portal, figure)) if portal else '0' for portal in (then, now))
        if archived != current:
            yield _Change('', figure, archived, current)


def _lines(then: Mapping[str, Line], now: Mapping[str, Line]) -> Iterator[_Change]:
    none = dict.fromkeys(FIGURES, '0')
    for dataset in sorted(then.keys() | now.keys()):
        archived, current = then.get(dataset, none), now.get(dataset, none)
        for figure in (*(NAMES if dataset in then and dataset in now else ()), *FIGURES):
            if archived[figure] != current[figure]:
                yield _Change(dataset, figure, archived[figure], current[figure])


def _reasons(database: ClickHouse, portal: _Portal) -> list[str]:
    """What changed numbers of a portal since, as far as it is known."""
    begin, end = bounds(portal.month, portal.timezone)
    [since] = database.query(
        SINCE,
        {
            'domain': portal.domain,
            'from': int(begin.timestamp()),
            'to': int(end.timestamp()),
            'written': portal.written.replace(tzinfo=None),
        },
    )
    then, now, reasons = portal.then, portal.now, list[str]()
    if since['late']:
        reasons.append(f'late import: logs with {since["late"]:,} calls were stored after the archive')
    if since['forgotten_calls']:
        reasons.append(f'forget: logs with {since["forgotten_calls"]:,} calls were forgotten')
    if then and now and now.deleted_calls > then.deleted_calls:
        reasons.append(f'forget: {now.deleted_calls - then.deleted_calls:,} calls of an account were deleted')
    if then and now and then.counting_rules != now.counting_rules:
        versions = [', '.join(map(str, rules)) or 'none' for rules in (then.counting_rules, now.counting_rules)]
        reasons.append(f'counting rules: version {versions[0]} then, {versions[1]} now')
    if then and (now.calls if now else 0) < then.calls and calls_from(database) > portal.month:
        reasons.append('retention: calls were removed by their age')
    return reasons


def _catalogue(then: PortalMonth | None, now: PortalMonth | None) -> tuple[str, bool]:
    """What happened to the catalogue since, '' for nothing; and whether names mean other data sets now."""
    if not (then and now) or then.catalogue == now.catalogue:  # without calls, no catalogue explains a number
        return '', False
    before, after = then.catalogue, now.catalogue
    what = f'updated {after.updated:%Y-%m-%d %H:%M} UTC' if after else 'deleted'
    return f'catalogue: {what}', not (before and after and before.names == after.names)
