"""What commands share: the settings, and the parts that are opened by them."""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter import config, schema
from exporter.clickhouse import ClickHouse, Row, connect
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import key_id, load_key
from exporter.errors import SchemaError, SettingsError
from exporter.ledger import Ledger

FORMATS = click.Choice(['table', 'json', 'csv'])


class Context:
    """The state of one run of the program. `notes` go to standard error, results to standard output."""

    def __init__(self, config_file: Path | None) -> None:
        self.config_file = config_file
        self.out = Console(highlight=False)
        self.notes = Console(stderr=True, highlight=False)

    @cached_property
    def settings(self) -> config.Settings:
        """The settings in force. Raises SettingsError."""
        return config.load(self.config_file)

    @contextmanager
    def database(self) -> Iterator[ClickHouse]:
        """The database, with the schema of this program. Raises EngineError, SchemaError."""
        database = connect(self.settings.database_url)
        try:
            if not schema.applied(database):
                schema.apply(database)
            elif waiting := schema.pending(database):
                raise SchemaError(
                    f'{database.address.shown}: its schema is older than this program ({waiting[0].name} is missing); '
                    'run usage-exporter init'
                )
            yield database
        finally:
            database.close()

    def given_domain(self, text: str) -> str:
        """The domain that was given as an option. Raises SettingsError for what is none."""
        try:
            return config.domain_name(text)
        except ValueError as error:
            raise SettingsError(f'--domain: {error}') from None

    def domain(self, given: str | None) -> str | None:
        """The portal that a command means: the one given, else the one of the settings."""
        return self.given_domain(given) if given else self.settings.domain

    def portal(self, given: str | None) -> str:
        """The portal that a command cannot do without. Raises SettingsError where none is named."""
        if domain := self.domain(given):
            return domain
        raise SettingsError('which portal is this? Say --domain data.example.org, or set USAGE_DOMAIN')

    def enrichment(self, database: ClickHouse, domain: str, rules: config.Portal | None = None) -> tuple[Ledger, Enrichment]:
        """The ledger, and what adds to the calls of a portal, by `rules` or those of the settings.

        Warns where places or visitors will not be what they were. Raises SettingsError for a rule or a key of no use.
        """
        settings = self.settings
        try:
            places = open_places(settings.geo_database)
        except SettingsError as error:
            self.warn(f'{error}; until then places are countries only')
            places = open_places(None)
        secret = settings.secret.get_secret_value() if settings.secret else None
        key = load_key(settings.data_dir, secret)
        ledger = Ledger(database, key_id(key), places.date)
        if (keys := ledger.keys(domain)) and key_id(key) not in keys:
            self.warn(
                'the key that tells visitors apart is not the one of earlier calls: who came before counts as new; '
                f'put back {settings.data_dir}/secret or USAGE_SECRET'
            )
        return ledger, Enrichment(domain, rules or settings.portal(domain), places, key)

    def warn(self, text: str) -> None:
        """A line on standard error that stops nothing."""
        self.notes.print(f'warning: {text}', style='yellow', markup=False, soft_wrap=True)

    def json(self, value: Any) -> None:
        """A result as JSON on standard output."""
        click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))

    def show(self, rows: list[Row], columns: list[str], form: str) -> None:
        """Rows on standard output, as a table, JSON or CSV."""
        if form == 'json':
            self.json(rows)
        elif form == 'csv':
            lines = csv.writer(sys.stdout, lineterminator='\n')
            lines.writerows([columns, *([row[name] for name in columns] for row in rows)])
        else:
            table = Table(*columns)
            for row in rows:
                table.add_row(*(Text('' if row[name] is None else str(row[name])) for name in columns))
            self.out.print(table)


pass_context = click.make_pass_decorator(Context)
