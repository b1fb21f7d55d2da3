"""Checks each part of a set-up, and gives a remedy for each fault. Changes nothing."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from exporter.catalogue import storage
from exporter.config import Follow, Settings
from exporter.enrich.as_numbers import open_as_numbers
from exporter.enrich.caller_sample import FEW, LEAST, NEARLY_ALL, REMEDY
from exporter.enrich.enrichment import check_rules
from exporter.enrich.geo import open_places
from exporter.errors import EngineError, ExporterError
from exporter.ingest.formats.reader import reader_of
from exporter.ingest.logs import entries
from exporter.ingest.logs.log_file import shown
from exporter.ingest.logs.recognize import recognize
from exporter.ingest.opendatasoft.actions import is_known
from exporter.ingest.opendatasoft.pulled import SOURCE, api_key
from exporter.report import indicators
from exporter.report.period import period
from exporter.store import schema
from exporter.store.clickhouse import NO_DATABASE, ClickHouse, connect
from exporter.store.ledger import Ledger
from exporter.store.rollups import differing
from exporter.store.visitor_key import choose
from exporter.upkeep.findings import Finding, fault, fault_of, note, ok

OLDEST_PLACES = timedelta(days=90)  # age of geolocation data: addresses move
OLDEST_CATALOGUE = timedelta(days=3)
UPDATE = 'run usage-exporter catalogue update'
RECENT = timedelta(days=7)  # up to the last call
MOST_NAMES = 20  # of unknown calls that a line lists
MOST_LOGS = 20  # of an entry, whose formats are recognized
LONGEST_BATCH = timedelta(minutes=10)  # time to store a batch; one that is unfinished for longer was interrupted


def findings_of(settings: Settings) -> Iterator[Finding]:
    """Yields the findings of a set-up. Skips what it cannot check because of an earlier fault."""
    yield _data_directory(settings)
    visitor_key_id, finding = _visitor_key(settings)
    yield finding
    yield _places(settings)
    yield from _networks(settings)
    yield from _audiences(settings)
    yield from _portals(settings)
    yield from _followed_logs(settings)
    yield from _workspaces(settings)
    if settings.archive_dir:
        yield _archives(settings.archive_dir)
    try:
        database = connect(settings.database_url, make=False)
    except ExporterError as error:
        is_missing = isinstance(error, EngineError) and error.code == NO_DATABASE
        yield note('engine', error.what, error.remedy) if is_missing else fault_of('engine', error)
        return
    try:
        yield from _database(settings, database, visitor_key_id)
    finally:
        database.close()


def _data_directory(settings: Settings) -> Finding:
    part, directory = 'data directory', settings.data_dir
    remedy = 'set another USAGE_DATA_DIR'
    existing = next(path for path in (directory, *directory.absolute().parents) if os.access(path, os.F_OK))
    if not existing.is_dir():
        return fault(part, f'{existing}: not a directory', remedy)
    if not os.access(existing, os.W_OK | os.X_OK):
        if existing != directory:
            command = f'create {directory} for user {os.getuid()}'
        elif existing.stat().st_uid == os.getuid():
            command = f'chmod u+rwx {existing}'
        else:
            command = f'chown {os.getuid()} {existing}'
        return fault(part, f'{existing}: not writable', f'{command}, or {remedy}')
    return ok(part, f'{directory}: writable' if existing == directory else f'{directory}: will be created')


def _visitor_key(settings: Settings) -> tuple[str, Finding]:
    """The id of the key that hashes visitors, '' if there is no valid key; and the finding."""
    part, file = 'visitor key', settings.data_dir / 'secret'
    secret = settings.secret.get_secret_value() if settings.secret else None
    if not secret and not os.access(file, os.F_OK):
        return '', ok(part, f'{file}: will be created')
    try:
        key = choose(settings, lambda: connect(settings.database_url, make=False))
    except ExporterError as error:
        return '', fault_of(part, error)
    reach = 'one hash of a visitor on all portals' if key.is_shared else 'another hash of a visitor on each portal'
    return key.id, ok(part, f'{"USAGE_SECRET" if secret else file}: {key.id}, {reach}')


def _places(settings: Settings) -> Finding:
    part = 'geolocation'
    try:
        places = open_places(settings.geo_database)
    except ExporterError as error:
        return fault_of(part, error)
    if settings.geo_database is None:
        return ok(part, f'{places.name}: countries only; for cities, set USAGE_GEO_DATABASE to an MMDB file')
    state = f'{settings.geo_database}: {places.name} of {places.date}'
    if places.date and datetime.now(UTC).date() - places.date > OLDEST_PLACES:
        return fault(part, f'{state}, older than {OLDEST_PLACES.days} days', 'fetch a newer file')
    return ok(part, state)


def _networks(settings: Settings) -> Iterator[Finding]:
    """Whether the networks of callers can be found, where the settings need them."""
    part = 'networks'
    if settings.geo_asn_database is None:
        for domain in ('', *settings.domains):
            rules = settings.portal(domain)
            needing = [f'audiences.{name}.as_numbers' for name, audience in rules.audiences.items() if audience.as_numbers]
            needing += ['hosting_networks'] * bool(rules.hosting_networks) + ['suspect'] * (rules.suspect == 'leave_out')
            if needing:
                yield fault(
                    part, f'{needing[0]} has no effect without geo_asn_database', 'set USAGE_GEO_ASN_DATABASE to an MMDB file'
                )
                return
        return
    try:
        networks = open_as_numbers(settings.geo_asn_database)
    except ExporterError as error:
        yield fault_of(part, error)
        return
    state = f'{settings.geo_asn_database}: {networks.name} of {networks.date}'
    if datetime.now(UTC).date() - networks.date > OLDEST_PLACES:
        yield fault(part, f'{state}, older than {OLDEST_PLACES.days} days', 'fetch a newer file')
    else:
        yield ok(part, state)


def _audiences(settings: Settings) -> Iterator[Finding]:
    """The audiences of each portal, and since when they can have calls."""
    names = {name for domain in ('', *settings.domains) for name in settings.portal(domain).audiences}
    if names:
        yield ok('audiences', f"{', '.join(sorted(names))}: calls stored before their definition stay the public's")


def _portals(settings: Settings) -> Iterator[Finding]:
    """Whether the rules of each portal are valid."""
    for domain in {settings.domain or '': None, **settings.domains}:
        part = f'rules of {domain}' if domain else 'rules'
        try:
            check_rules(settings.portal(domain))
            yield ok(part, f'time zone {settings.portal(domain).timezone}')
        except ExporterError as error:
            yield fault_of(part, error)


def _followed_logs(settings: Settings) -> Iterator[Finding]:
    """Whether each log that `serve` follows is readable, named once and in a known format."""
    part = 'followed logs'
    for clash in entries.duplicate_logs(settings.follow):
        yield fault_of(part, clash)
    for entry in settings.follow:
        if error := entries.fault(entry):
            yield fault_of(part, error)
        else:
            yield ok(part, f'{shown(entry.path)}: {len(entries.files(entry.path))} to read for {entries.portal_of(entry)}')
            yield from _formats(settings, entry, part)


def _workspaces(settings: Settings) -> Iterator[Finding]:
    """Whether each workspace that `serve` pulls has an API key. It is not asked."""
    for entry in settings.pull:
        try:
            has_key = bool(api_key(settings, entry))
        except ExporterError as error:
            yield fault_of('workspaces', error)
            continue
        remedy = 'set api_key_file in its table, or USAGE_OPENDATASOFT_API_KEY'
        state = f'{entry.url}: pulled for {entry.portal}'
        yield ok('workspaces', state) if has_key else fault('workspaces', f'{entry.url}: there is no API key', remedy)


def _archives(directory: Path) -> Finding:
    """Whether `serve` can write archives."""
    existing = next(path for path in (directory, *directory.absolute().parents) if os.access(path, os.F_OK))
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return fault('archives', f'{existing}: not a directory that you may write', 'set another archive_dir, or its permissions')
    return ok('archives', f'{directory}: writable' if existing == directory else f'{directory}: will be created')


def _formats(settings: Settings, entry: Follow, part: str) -> Iterator[Finding]:
    """In which format the newest logs of an entry are read: once for each format."""
    times = {log: status.st_mtime for log in sorted(entries.files(entry.path)) if (status := entries.regular(log))}
    logs = dict[str, list[str]]()  # by the name of their format
    for log in sorted(times, key=lambda log: times[log], reverse=True)[:MOST_LOGS]:
        try:
            log_format = recognize(log, reader_of(settings.portal(entry.domain), entry.log_format))
        except ExporterError as error:
            yield fault_of(part, error)
        else:
            logs.setdefault(f'read as {log_format}' if log_format else 'no whole line yet', []).append(shown(log))
    for state, (first, *others) in logs.items():
        yield ok(part, f'{first}{f" and {len(others)} more" if others else ""}: {state}')


def _database(settings: Settings, database: ClickHouse, visitor_key_id: str) -> Iterator[Finding]:
    [row] = database.query('SELECT version() AS version')
    where = database.address
    kind = 'in usage-exporter serve' if where.socket else 'embedded' if where.embedded else 'server'
    yield ok('engine', f'{where.shown}: ClickHouse {row["version"]}, {kind}')
    try:
        pending = schema.pending(database)
    except ExporterError as error:
        yield fault_of('schema', error)
        return
    if not schema.applied(database):
        yield note('schema', 'no tables yet', 'run usage-exporter init, or import a log')
        return
    if pending:
        yield fault(
            'schema', f'{len(pending)} changes are not applied, the first is {pending[0].name}', 'run usage-exporter init'
        )
        return
    yield ok('schema', schema.migrations()[-1].name)
    yield from _interrupted_imports(database)
    yield from _catalogues(settings, database)
    portals = indicators.portals(database)
    if not portals:
        yield note('calls', 'none yet', 'run usage-exporter import access.log --domain data.example.org, or usage-exporter demo')
    for portal in portals:
        yield from _portal(settings, database, visitor_key_id, portal)
    if portals and not settings.keep_calls_days:
        yield note('retention', 'calls are kept without limit', 'set keep_calls_days; docs/privacy.md says which number fits')


def _interrupted_imports(database: ClickHouse) -> Iterator[Finding]:
    """Logs with batches that were begun and never done: until then a rollup may lack calls that the table has."""
    latest = datetime.now(UTC).replace(tzinfo=None) - LONGEST_BATCH
    interrupted = {(row['domain'], row['origin']) for row in Ledger(database).unfinished() if row['begun'] < latest}
    for domain, origin in sorted(interrupted):
        yield fault(domain or 'lines of no portal', f'an import of {origin} was interrupted', 'run the import again to finish it')


def _portal(settings: Settings, database: ClickHouse, visitor_key_id: str, portal: indicators.Portal) -> Iterator[Finding]:
    part, zone = portal.domain, settings.portal(portal.domain).timezone
    if (days := differing(database, part)) and all(row['domain'] != part for row in Ledger(database).unfinished()):
        yield fault(
            part,
            f'the sums by day or month differ from the calls, such as on {days[0]}',
            'run the interrupted forget again to finish it',
        )
    yield ok(part, f'calls from {portal.first_day} to {portal.last_day}')
    if len(versions := Ledger(database).counted_by(part, portal.first_day, portal.timezone)) > 1:
        ranges = ', '.join(f'version {row["rules"]} from {row["first_day"]} to {row["last_day"]}' for row in versions)
        yield note(
            part,
            f'the calls were counted by different rules: {ranges}',
            'see Counting rules in docs/upgrading.md, to count old logs again',
        )
    if portal.timezone != zone and part in (settings.domain, *settings.domains):
        yield fault(
            part,
            f'the stored days are in time zone {portal.timezone}, the settings say {zone}',
            f'set its timezone to {portal.timezone}; stored days do not change',
        )
    if (key_ids := Ledger(database).key_ids(part)) and visitor_key_id not in key_ids:
        yield fault(
            part,
            'the stored visitors were hashed with another key' if visitor_key_id else 'the key of the stored visitors is missing',
            f'restore {settings.data_dir}/secret or USAGE_SECRET, or correct shared_visitors; else all visitors count as new',
        )
    yield from _pulled_calls(database, portal)
    if _has_few_callers(database, portal):
        yield note(part, f'nearly all calls of the last {RECENT.days} days come from at most {FEW} visitors', REMEDY)
    all_days = period(portal.first_day.isoformat(), portal.last_day.isoformat(), portal.timezone, datetime.now(UTC))
    report = indicators.fetch(database, part, portal.timezone, all_days)
    values = {
        'activity': report.calls,
        'total users': report.total_users,
        'calls per user': report.calls_per_user,
        'anonymous users': report.anonymous_users_percent is not None,
        'mobile users': report.mobile_users_percent is not None,
        'top users': report.top_users,
        'map': report.map,
    }
    missing = ', '.join(name for name, value in values.items() if not value)
    if not missing:
        yield ok(part, 'all seven indicators have data')
    elif report.calls:
        remedy = "no address has a place: log the client's address, not the proxy's, and import that log"
        yield fault(part, f'no data for: {missing}', remedy)
    else:
        yield fault(part, f'no data for: {missing}', 'all calls are from crawlers: check USAGE_PATHS, and import other calls')


def _catalogues(settings: Settings, database: ClickHouse) -> Iterator[Finding]:
    """Whether the catalogue of each portal is there and new."""
    last, successes = storage.last_updates(database), storage.last_successes(database)
    for domain in settings.catalogued_portals:
        part, success = f'catalogue of {domain}', successes.get(domain)
        state = f'{success.datasets:,} data sets of {success.at:%Y-%m-%d %H:%M} UTC' if success else 'none yet'
        if domain in last and not last[domain].revision:
            yield fault(part, f'{state}; the last update failed: {last[domain].error}', UPDATE)
        elif not success:
            yield note(part, state, UPDATE)
        elif datetime.now(UTC) - success.at > OLDEST_CATALOGUE:
            yield fault(part, f'{state}, older than {OLDEST_CATALOGUE.days} days', f'{UPDATE}, or serve, which does it daily')
        else:
            yield ok(part, state)


def _pulled_calls(database: ClickHouse, portal: indicators.Portal) -> Iterator[Finding]:
    """What the rows of a workspace lack, and the calls in them whose names are not known."""
    if hidden := Ledger(database).hidden_addresses(portal.domain):
        yield note(
            portal.domain,
            f'{hidden:,} anonymous calls have no whole address, so users are underestimated',
            'ask for an API key that may see addresses (docs/opendatasoft.md)',
        )
    rows = database.query(
        """
        SELECT path, count() AS calls FROM calls
        WHERE domain = {domain:String} AND day > {day:Date} AND action = 'other' AND startsWith(batch_id, {source:String})
        GROUP BY path ORDER BY calls DESC, path
        """,
        {'domain': portal.domain, 'day': portal.last_day - RECENT, 'source': f'{portal.domain}/{SOURCE}/'},
    )
    if unknown := [f'{row["path"]} ({row["calls"]:,})' for row in rows if not is_known(row['path'])]:
        names = ', '.join(unknown[:MOST_NAMES])
        yield note(portal.domain, f'calls with unknown names count as other: {names}', 'report them to usage-exporter')


def _has_few_callers(database: ClickHouse, portal: indicators.Portal) -> bool:
    """Whether a few visitors made nearly all of the recent calls: they may be proxies."""
    [row] = database.query(
        """
        SELECT sum(calls) AS all_calls, arraySum(arraySlice(arrayReverseSort(groupArray(calls)), 1, {few:UInt8})) AS most_calls
        FROM (SELECT count() AS calls FROM calls WHERE domain = {domain:String} AND day > {day:Date} GROUP BY visitor)
        """,
        {'domain': portal.domain, 'day': portal.last_day - RECENT, 'few': FEW},
    )
    return bool(row['all_calls'] >= LEAST and row['most_calls'] >= NEARLY_ALL * row['all_calls'])
