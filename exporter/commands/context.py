"""Opens what commands share: settings, database, enrichment, output."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from exporter import config
from exporter.config import domain_name
from exporter.errors import ExporterError, SettingsError
from exporter.report import output
from exporter.store import hour_journal, schema
from exporter.store.clickhouse import ClickHouse, Row, connect, load
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.url import address
from exporter.system import files

if TYPE_CHECKING:
    from exporter.enrich.as_numbers import AsNumbers
    from exporter.enrich.enrichment import Enrichment
    from exporter.enrich.geo import Places
    from exporter.enrich.visitor import VisitorKey

ROWS = ('table', 'json', 'csv')
RESULT = ('table', 'json')
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def format_option(what: str, formats: Sequence[str]) -> Decorator:
    """The option --format, which every command hands on as `form`."""
    return click.option(
        '--format', 'form', type=click.Choice(formats), default='table', show_default=True, help=f'How to print the {what}.'
    )


class Context:
    """The state of one run of the program. Results go to `out` (standard output), warnings to `notes` (standard error)."""

    def __init__(self, config_file: Path | None) -> None:
        self.config_file = config_file
        self.maps_files = True  # `serve` does not: a file may be overwritten while it runs
        self.out = Console(highlight=False)
        self.notes = Console(stderr=True, highlight=False)

    @cached_property
    def settings(self) -> config.Settings:
        """The settings, loaded at first use. Raises SettingsError."""
        return config.load(self.config_file)

    @contextmanager
    def database(self) -> Iterator[ClickHouse]:
        """Opens the database. Creates its schema if it is empty, and finishes what a killed pull left.

        Raises EngineError, SchemaError.
        """
        with self.opening() as opened:
            yield opened()

    @contextmanager
    def opening(self) -> Iterator[Callable[[], ClickHouse]]:
        """Opens the database in a thread, which takes 0.2 s. The function that it yields waits for the database."""
        load(address(self.settings.database_url))  # not in the thread: two threads that load modules wait for each other
        with ThreadPoolExecutor(1, thread_name_prefix='opener') as opener:
            database = opener.submit(self._open)
            try:
                yield database.result
            finally:
                if not database.exception():
                    database.result().close()

    def connect(self) -> ClickHouse:
        """Connects to the database, whatever its schema. Raises EngineError."""
        return connect(self.settings.database_url)

    def _open(self) -> ClickHouse:
        database = self.connect()
        try:
            schema.prepare(database)
        except ExporterError:
            database.close()
            raise
        hour_journal.finish_all(database, self.settings.data_dir, self.warn)
        return database

    def given_domain(self, text: str) -> str:
        """Validates the value of the option --domain. Raises SettingsError."""
        try:
            return domain_name(text)
        except ValueError as error:
            raise SettingsError(f'--domain: {error}') from None

    def domain(self, given: str | None) -> str | None:
        """The portal of the option --domain, else of the settings, else None."""
        return self.given_domain(given) if given else self.settings.domain

    def portal(self, given: str | None) -> str:
        """The portal of the option --domain, else of the settings. Raises SettingsError if neither names one."""
        if domain := self.domain(given):
            return domain
        raise SettingsError('no portal is named', 'add --domain data.example.org, or set USAGE_DOMAIN')

    def enrichment(self, domain: str, rules: config.PortalRules | None = None) -> 'Enrichment':
        """The enrichment of the calls of a portal, by `rules` or by those of the settings.

        Warns if the geolocation file cannot be used. Raises SettingsError for an invalid rule or visitor secret.
        """
        # here: it takes 0.3 s to load, and a report does not need it
        from exporter.enrich.enrichment import Enrichment

        return Enrichment(domain, rules or self.settings.portal(domain), self.places, self.visitor_key, self.as_numbers)

    @cached_property
    def places(self) -> 'Places':
        """The geolocation of addresses. Warns if the geolocation file cannot be used, and locates by country only."""
        from exporter.enrich.geo import open_places

        try:
            return open_places(self.settings.geo_database, self.maps_files)
        except SettingsError as error:
            self.warn(f'{error}; until then, places are countries only')
            return open_places(None)

    @cached_property
    def as_numbers(self) -> 'AsNumbers | None':
        """The networks of addresses, None without a file of them. Warns if the file cannot be used."""
        from exporter.enrich.as_numbers import open_as_numbers

        try:
            return open_as_numbers(self.settings.geo_asn_database, self.maps_files) if self.settings.geo_asn_database else None
        except SettingsError as error:
            self.warn(f'{error}; until then, the networks of callers are unknown')
            return None

    @cached_property
    def visitor_key(self) -> 'VisitorKey':
        """What keys the hashes of visitors. Raises SettingsError, and EngineError if only the database can tell."""
        from exporter.store.visitor_key import choose, remember

        key = choose(self.settings, lambda: connect(self.settings.database_url, make=False))
        remember(self.settings, key)
        return key

    @property
    def rejected(self) -> RejectStore:
        """The store of rejected input, with the limits of the settings."""
        return RejectStore(self.settings.data_dir, self.settings.rejected_bytes, self.settings.keep_rejected_days)

    def ledger(self, database: ClickHouse, enrichment: 'Enrichment') -> Ledger:
        """The ledger for calls of this enrichment. Warns if earlier calls used another visitor secret. Raises EngineError."""
        ledger = Ledger(database, enrichment.key_id, enrichment.geo_date)
        if (keys := ledger.key_ids(enrichment.domain)) and enrichment.key_id not in keys:
            self.warn(
                'the visitor secret differs from that of earlier calls, or shared_visitors does: returning visitors count '
                f'as new; restore {self.settings.data_dir}/secret or USAGE_SECRET, or correct shared_visitors'
            )
        return ledger

    @contextmanager
    def writing(self, file: Path | None) -> Iterator[None]:
        """Writes what is printed on standard output into this file, whole or not at all; without a file, prints it.

        Raises OSError.
        """
        if not file:
            yield
            return
        with redirect_stdout(StringIO()) as printed:
            yield
        text = printed.getvalue().encode(errors='replace')  # as standard output does
        if file.exists() and not file.is_file():
            file.write_bytes(text)  # a device or a pipe
        else:
            os.umask(umask := os.umask(0))  # the only way to read it
            files.write(file.resolve(), text, 0o666 & ~umask)

    def warn(self, text: str) -> None:
        """Prints a warning on standard error."""
        self.note(f'warning: {text}')

    def note(self, text: str) -> None:
        """Prints a line on standard error."""
        self.notes.print(text, style='yellow', markup=False, soft_wrap=True)

    def json(self, value: Any) -> None:
        """Prints a result as JSON on standard output."""
        click.echo(output.as_json(value))

    def verbatim(self, text: str) -> None:
        """Prints a result on standard output, unchanged: `color` keeps click from removing control characters."""
        click.echo(text, nl=False, color=True)

    def show(self, rows: list[Row], columns: list[str], form: str) -> None:
        """Prints rows on standard output, as a table, JSON or CSV."""
        if form == 'json':
            self.json(rows)
        elif form == 'csv':
            self.verbatim(output.as_csv(rows, columns))
        else:
            output.show(self.out, rows, columns)


pass_context = click.make_pass_decorator(Context)
