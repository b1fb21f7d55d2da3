"""Goes through a set-up part by part: what is well, and for what is not the mend. It only looks: nothing is made."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from exporter.config import Settings
from exporter.enrich.geo import open_places
from exporter.enrich.request import Requests
from exporter.enrich.visitor import key_id, load_key
from exporter.errors import DatabaseLocked, EngineError, ExporterError
from exporter.ingest.logs import entries
from exporter.ingest.logs.log_file import shown
from exporter.report import indicators
from exporter.report.period import period
from exporter.store import schema
from exporter.store.clickhouse import NO_DATABASE, ClickHouse, connect
from exporter.store.ledger import Ledger
from exporter.system.locks import SERVING
from exporter.upkeep.findings import Finding, fault, note, ok, told
from exporter.upkeep.forget import differing, unfinished

OLD = timedelta(days=90)  # of geolocation data: addresses move
ANSWERS = 5.0  # seconds in which serve takes a connection
LONGEST_BATCH = timedelta(minutes=10)  # that a batch takes to be stored; longer, and it was cut off


def findings_of(settings: Settings) -> Iterator[Finding]:
    """What there is to say of a set-up. What cannot be looked at because of an earlier fault is left out."""
    yield _data_directory(settings)
    key, finding = _key(settings)
    yield finding
    yield _places(settings)
    yield from _portals(settings)
    yield from _followed(settings)
    try:
        database = connect(settings.database_url, make=False)
    except DatabaseLocked as error:
        yield _held(settings, error)
        return
    except ExporterError as error:
        found = told('engine', error)
        missing = isinstance(error, EngineError) and error.code == NO_DATABASE
        yield note(found.part, found.state, found.mend) if missing else found
        return
    try:
        yield from _database(settings, database, key)
    finally:
        database.close()


def _data_directory(settings: Settings) -> Finding:
    part, directory = 'data directory', settings.data_dir
    mend = 'choose another USAGE_DATA_DIR'
    there = next(path for path in (directory, *directory.absolute().parents) if os.access(path, os.F_OK))
    if not there.is_dir():
        return fault(part, f'{there}: is no directory', mend)
    if not os.access(there, os.W_OK | os.X_OK):
        own = f'chmod u+rwx {there}' if there.stat().st_uid == os.getuid() else f'chown {os.getuid()} {there}'
        own = own if there == directory else f'make {directory} for user {os.getuid()}'
        return fault(part, f'{there}: may not be written', f'{own}, or {mend}')
    return ok(part, f'{directory}: may be written' if there == directory else f'{directory}: will be made')


def _key(settings: Settings) -> tuple[str, Finding]:
    """Which key tells visitors apart: '' where there is none."""
    part, file = 'visitor key', settings.data_dir / 'secret'
    secret = settings.secret.get_secret_value() if settings.secret else None
    if not secret and not os.access(file, os.F_OK):
        return '', ok(part, f'{file}: will be made')
    try:
        key = key_id(load_key(settings.data_dir, secret))
    except ExporterError as error:
        return '', told(part, error)
    return key, ok(part, f'{"USAGE_SECRET" if secret else file}: {key}')


def _places(settings: Settings) -> Finding:
    part = 'geolocation'
    try:
        places = open_places(settings.geo_database)
    except ExporterError as error:
        return told(part, error)
    if settings.geo_database is None:
        return ok(part, f'{places.name}: countries only; for cities, name an MMDB file in USAGE_GEO_DATABASE')
    state = f'{settings.geo_database}: {places.name} of {places.date}'
    if places.date and datetime.now(UTC).date() - places.date > OLD:
        return fault(part, state, f'older than {OLD.days} days: fetch a newer file')
    return ok(part, state)


def _portals(settings: Settings) -> Iterator[Finding]:
    """Whether the rules of each portal can be used."""
    for domain in {settings.domain or '': None, **settings.domains}:
        part = f'rules of {domain}' if domain else 'rules'
        try:
            Requests(settings.portal(domain), b'rules')
            yield ok(part, f'time zone {settings.portal(domain).timezone}')
        except ExporterError as error:
            yield told(part, error)


def _followed(settings: Settings) -> Iterator[Finding]:
    """Whether the logs that `serve` follows are there, and each once."""
    part = 'followed logs'
    for clash in entries.duplicate_logs(settings.follow):
        yield told(part, clash)
    for one in settings.follow:
        if wrong := entries.fault(one):
            yield told(part, wrong)
        else:
            yield ok(part, f'{shown(one.path)}: {len(entries.files(one.path))} to read for {one.domain}')


def _held(settings: Settings, error: DatabaseLocked) -> Finding:
    """That `serve` has the embedded database is as it should be, where it answers; what is in there it alone can say."""
    part, told_by = 'engine', settings.data_dir / SERVING
    if not told_by.exists():
        return told(part, error)
    where = told_by.read_text()
    host, _, port = where.rpartition(':')
    try:
        socket.create_connection((host.strip('[]'), int(port)), ANSWERS).close()
    except OSError:
        return fault(part, f'usage-exporter serve holds the embedded database, and does not answer at {where}', 'see its log')
    return note(
        part,
        f'usage-exporter serve holds the embedded database, and answers at http://{where}',
        f'http://{where}/readyz says how it is; to look at what is stored, stop it first',
    )


def _database(settings: Settings, database: ClickHouse, key: str) -> Iterator[Finding]:
    [row] = database.query('SELECT version() AS version')
    kind = 'embedded' if database.address.embedded else 'server'
    yield ok('engine', f'{database.address.shown}: ClickHouse {row["version"]}, {kind}')
    try:
        waiting = schema.pending(database)
    except ExporterError as error:
        yield told('schema', error)
        return
    if not schema.applied(database):
        yield note('schema', 'no tables yet', 'usage-exporter init, or the first import, makes them')
        return
    if waiting:
        yield fault('schema', f'{len(waiting)} changes are not applied, as {waiting[0].name}', 'usage-exporter init')
        return
    yield ok('schema', schema.migrations()[-1].name)
    yield from _cut_off(database)
    portals = indicators.portals(database)
    if not portals:
        yield note('calls', 'none yet', 'usage-exporter import access.log --domain data.example.org, or usage-exporter demo')
    for portal in portals:
        yield from _portal(settings, database, key, portal)


def _cut_off(database: ClickHouse) -> Iterator[Finding]:
    """Batches that were begun and never done: until they are, their calls may be in a rollup or not."""
    rows = database.query(
        """
        SELECT domain, if(any(origin) = '', any(source), any(origin)) AS origin
        FROM batches
        GROUP BY domain, batch_id
        HAVING max(state) = 'begun' AND max(at) < now() - {longest:UInt32}
        ORDER BY domain, origin
        LIMIT 1 BY domain, origin
        """,
        {'longest': int(LONGEST_BATCH.total_seconds())},
    )
    for row in rows:
        yield fault(row['domain'], f'an import of {row["origin"]} was cut off', 'run it again: it finishes what was begun')


def _portal(settings: Settings, database: ClickHouse, key: str, portal: indicators.Portal) -> Iterator[Finding]:
    part, zone = portal.domain, settings.portal(portal.domain).timezone
    if (days := differing(database, part)) and not unfinished(database, part):
        yield fault(
            part,
            f'{len(days)} of its days, as {days[0]}, have other sums than calls',
            'a forget was cut off: run it again, it finishes',
        )
    yield ok(part, f'calls from {portal.first_day} to {portal.last_day}')
    if portal.timezone != zone and part in (settings.domain, *settings.domains):
        yield fault(
            part,
            f'its days are those of {portal.timezone}, the settings say {zone}',
            f'set its timezone to {portal.timezone}; days that are stored stay as they are',
        )
    if (keys := Ledger(database, '', None).keys(part)) and key not in keys:
        yield fault(
            part,
            'its visitors were told apart with another key' if key else 'the key that told its visitors apart is not there',
            f'put back {settings.data_dir}/secret or USAGE_SECRET; without it all visitors count as new',
        )
    whole = period(portal.first_day.isoformat(), portal.last_day.isoformat(), portal.timezone, datetime.now(UTC))
    found = indicators.fetch(database, part, portal.timezone, whole)
    totals = {
        'activity': found['calls'],
        'total users': found['total_users'],
        'calls per user': found['calls_per_user'],
        'anonymous users': found['anonymous_users_percent'] is not None,
        'mobile users': found['mobile_users_percent'] is not None,
        'top users': found['top_users'],
        'map': found['map'],
    }
    without = ', '.join(name for name, value in totals.items() if not value)
    if not without:
        yield ok(part, 'all seven indicators have data')
    elif found['calls']:
        mend = "no address of its calls has a place: log the client's address, not the proxy's, and import that"
        yield fault(part, f'no data for: {without}', mend)
    else:
        yield fault(part, f'no data for: {without}', 'all its calls are of crawlers: check USAGE_PATHS, and import other calls')
