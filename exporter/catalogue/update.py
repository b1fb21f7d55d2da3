"""Updates the catalogue of a portal: reads it, and replaces the one before, which stays if that fails."""

from datetime import UTC, datetime

from exporter.catalogue import storage
from exporter.catalogue.fetch import Fetcher, is_url, parse_url, show
from exporter.catalogue.names import Names
from exporter.catalogue.read import read
from exporter.catalogue.storage import Update
from exporter.config import Settings
from exporter.errors import EngineError, ExporterError, InputError, SettingsError
from exporter.store.clickhouse import ClickHouse


def portals(settings: Settings) -> list[str]:
    """The portals of the settings that have a catalogue."""
    named = [*([settings.domain] if settings.domain else []), *settings.domains]
    return [domain for domain in dict.fromkeys(named) if settings.portal(domain).catalogue]


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
        previous = storage.names(database, domain)
        return storage.replace(database, domain, shown, names.resolve(previous), len(names.datasets))
    except EngineError:
        raise
    except ExporterError as error:
        storage.record(database, Update(domain, datetime.now(UTC), 0, shown, error=error.what))
        raise
