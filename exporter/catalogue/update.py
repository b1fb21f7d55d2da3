"""Updates the catalogue of a portal: reads it, and replaces the one before, which stays if that fails."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from exporter.catalogue import publications, storage
from exporter.catalogue.fetch import Fetcher, is_url, parse_url, show
from exporter.catalogue.names import Names
from exporter.catalogue.read import read
from exporter.catalogue.storage import Update
from exporter.config import Settings
from exporter.errors import EngineError, ExporterError, InputError, SettingsError, loggable
from exporter.store.clickhouse import ClickHouse

DAILY = timedelta(hours=23, minutes=30)  # between two updates; a job looks every hour


def update(settings: Settings, domain: str, database: ClickHouse, fetcher: Fetcher) -> Update:
    """Reads and stores the catalogue of a portal. A failure is recorded in `catalogue_updates` too.

    Raises SettingsError if no catalogue is set, InputError if it cannot be read, EngineError.
    """
    rules = settings.portal(domain)
    if not rules.catalogue:
        raise SettingsError(f'{domain}: no catalogue is set', 'set USAGE_CATALOGUE, or catalogue in the table of the portal')
    shown = show(rules.catalogue)
    hosts = [domain, *(host.lower() for host in rules.hosts)]
    try:
        if is_url(rules.catalogue):
            hosts.append(parse_url(rules.catalogue).host)
        names = Names(shown)
        for dataset in read(rules.catalogue, hosts, fetcher):
            names.add(dataset)
        if not names.datasets:
            raise InputError(f'{shown}: the catalogue has no data sets', 'name another one with the setting catalogue')
        updated = storage.replace(database, domain, shown, names.resolve(), len(names.datasets))
    except EngineError:
        raise
    except ExporterError as error:
        storage.record(database, Update(domain, datetime.now(UTC), 0, shown, error=error.what))
        raise
    publications.refresh(database, domain, rules.catalogue_events)
    return updated


def update_due(settings: Settings, database: ClickHouse, info: Callable[..., None], warn: Callable[..., None]) -> None:
    """Updates each catalogue that is new, a day old, or could not be updated before. Logs results and faults.

    Raises EngineError.
    """
    last, now = storage.last_updates(database), datetime.now(UTC)
    for domain in settings.catalogued_portals:
        before, source = last.get(domain), show(settings.portal(domain).catalogue or '')
        if before and before.source == source and before.revision and now - before.at < DAILY:
            continue
        try:
            with Fetcher() as fetcher:
                updated = update(settings, domain, database, fetcher)
        except EngineError:
            raise
        except (ExporterError, OSError) as error:
            warn('%s: cannot update the catalogue, and keeps the one before: %s', domain, loggable(error))
        else:
            info('%s: updated the catalogue: %d data sets, %d names', domain, updated.datasets, updated.names)
