"""Goes through a set-up part by part: what is well, and for what is not the mend."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from exporter import report, schema
from exporter.clickhouse import ClickHouse, connect
from exporter.config import Settings
from exporter.enrich.geo import open_places
from exporter.enrich.request import Requests
from exporter.enrich.visitor import key_id, load_key
from exporter.errors import ExporterError
from exporter.ledger import Ledger

OLD = timedelta(days=90)  # of geolocation data: addresses move


@dataclass(frozen=True)
class Finding:
    """One part of the set-up. `mend` is empty where it is well."""

    part: str
    state: str
    mend: str = ''


def check(settings: Settings) -> Iterator[Finding]:
    """What there is to say of a set-up. What cannot be looked at because of an earlier fault is left out."""
    yield _data_directory(settings)
    yield _places(settings)
    yield from _portals(settings)
    try:
        database = connect(settings.database_url)
    except ExporterError as error:
        yield _fault('engine', error)
        return
    try:
        yield from _database(settings, database)
    finally:
        database.close()


def _fault(part: str, error: Exception) -> Finding:
    state, _, mend = str(error).partition('; ')
    return Finding(part, state, mend or 'see --debug')


def _data_directory(settings: Settings) -> Finding:
    directory = settings.data_dir
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Finding('data directory', f'{directory}: {error.strerror}', 'choose another USAGE_DATA_DIR')
    if not os.access(directory, os.W_OK | os.X_OK):
        return Finding(
            'data directory',
            f'{directory}: may not be written',
            f'chown {os.getuid()} {directory}, or choose another USAGE_DATA_DIR',
        )
    return Finding('data directory', f'{directory}: may be written')


def _places(settings: Settings) -> Finding:
    try:
        places = open_places(settings.geo_database)
    except ExporterError as error:
        return _fault('geolocation', error)
    if settings.geo_database is None:
        return Finding('geolocation', f'{places.name}: countries only (USAGE_GEO_DATABASE names no file)')
    state = f'{settings.geo_database}: {places.name} of {places.date}'
    if places.date and datetime.now(UTC).date() - places.date > OLD:
        return Finding('geolocation', state, f'older than {OLD.days} days: fetch a newer file')
    return Finding('geolocation', state)


def _portals(settings: Settings) -> Iterator[Finding]:
    """Whether the rules of each portal can be used."""
    for domain in {settings.domain or '': None, **settings.domains}:
        part = f'rules of {domain}' if domain else 'rules'
        try:
            Requests(settings.portal(domain), b'rules')
            yield Finding(part, f'time zone {settings.portal(domain).timezone}')
        except ExporterError as error:
            yield _fault(part, error)


def _database(settings: Settings, database: ClickHouse) -> Iterator[Finding]:
    [row] = database.query('SELECT version() AS version')
    kind = 'embedded' if database.address.embedded else 'server'
    yield Finding('engine', f'{database.address.shown}: ClickHouse {row["version"]}, {kind}')
    try:
        waiting = schema.pending(database)
    except ExporterError as error:
        yield _fault('schema', error)
        return
    if waiting:
        yield Finding('schema', f'{len(waiting)} changes are not applied, as {waiting[0].name}', 'usage-exporter init')
        return
    yield Finding('schema', schema.migrations()[-1].name)
    portals = report.portals(database)
    if not portals:
        yield Finding('calls', 'none yet', 'usage-exporter import access.log --domain data.example.org, or usage-exporter demo')
    for portal in portals:
        yield from _portal(settings, database, portal)


def _portal(settings: Settings, database: ClickHouse, portal: report.Portal) -> Iterator[Finding]:
    part = portal.domain
    yield Finding(part, f'calls from {portal.first_day} to {portal.last_day}')
    if portal.timezone != (zone := settings.portal(part).timezone) and part in (settings.domain, *settings.domains):
        yield Finding(
            part,
            f'its calls are of time zone {portal.timezone}, the settings say {zone}',
            'set the timezone of the domain',
        )
    try:
        key = load_key(settings.data_dir, settings.secret.get_secret_value() if settings.secret else None)
    except ExporterError as error:
        yield _fault('visitor key', error)
    else:
        keys = Ledger(database, '', None).keys(part)
        if keys and key_id(key) not in keys:
            yield Finding(
                part,
                'its visitors were made with another key',
                f'put back {settings.data_dir}/secret or USAGE_SECRET; else all count as new',
            )
    whole = report.period(portal.first_day.isoformat(), portal.last_day.isoformat(), portal.timezone, datetime.now(UTC))
    found = report.fetch(database, part, portal.timezone, whole)
    indicators = {
        'activity': found['calls'],
        'total users': found['total_users'],
        'calls per user': found['calls_per_user'],
        'anonymous users': found['anonymous_users_percent'] is not None,
        'mobile users': found['mobile_users_percent'] is not None,
        'top users': found['top_users'],
        'map': found['map'],
    }
    without = [name for name, value in indicators.items() if not value]
    if without:
        yield Finding(part, f'no data for: {", ".join(without)}', 'import calls that are not of crawlers, with public addresses')
    else:
        yield Finding(part, 'all seven indicators have data')
