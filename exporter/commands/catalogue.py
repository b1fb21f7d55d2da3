"""`catalogue`: loads and shows the data sets of a portal's own catalogue."""

import click
import msgspec

from exporter.commands.context import RESULT, ROWS, Context, format_option, pass_context
from exporter.errors import ErrorGroup, ExporterError, InputError, SettingsError
from exporter.system.startup import release_code

EXAMPLES = """\b
Examples:
  usage-exporter catalogue update
  usage-exporter catalogue list --domain data.example.org --format csv
"""
COLUMNS = ['domain', 'dataset_id', 'names', 'title', 'publisher', 'theme', 'created']


@click.group(epilog=EXAMPLES)
def catalogue() -> None:
    """Load and show the catalogue of a portal's data sets.

    The setting `catalogue` names the catalogue. serve updates it each day.
    """


@catalogue.command(epilog=EXAMPLES)
@click.option('--domain', metavar='D', help='Limit to this portal.  [default: every portal with a catalogue]')
@format_option('result', RESULT)
@pass_context
def update(context: Context, domain: str | None, form: str) -> None:
    """Load the catalogue again. If that fails, the one before stays."""
    from exporter.catalogue.fetch import Fetcher  # here: only an update needs a client of HTTP
    from exporter.catalogue.update import update as update_portal

    settings = context.settings
    domains = [context.given_domain(domain)] if domain else settings.catalogued_portals
    if not domains:
        raise SettingsError(
            'no portal has a catalogue', 'set USAGE_CATALOGUE and USAGE_DOMAIN, or catalogue in the table of a portal'
        )
    done, errors = [], list[ExporterError]()
    with context.database() as database:
        release_code('_chdb')
        for name in domains:
            try:
                with Fetcher() as fetcher:
                    done.append(update_portal(settings, name, database, fetcher))
            except (InputError, SettingsError) as error:
                errors.append(error)
    if form == 'json':
        context.json([msgspec.structs.asdict(row) for row in done])
    else:
        for row in done:
            click.echo(f'{row.domain}: {row.datasets:,} data sets with {row.names:,} names from {row.source}')
    if errors:
        raise errors[0] if len(errors) == 1 else ErrorGroup('catalogues', errors)


@catalogue.command('list', epilog=EXAMPLES)
@click.option('--domain', metavar='D', help='The portal.  [default: the setting domain, or the only portal]')
@format_option('data sets', ROWS)
@pass_context
def list_datasets(context: Context, domain: str | None, form: str) -> None:
    """List the data sets of a portal and their names."""
    from exporter.catalogue import storage

    with context.database() as database:
        portals = [asked] if (asked := context.domain(domain)) else list(storage.last_successes(database))
        if len(portals) > 1:
            raise InputError('several portals have a catalogue', f'choose one with --domain: {", ".join(portals)}')
        rows = [row for portal in portals for row in storage.datasets(database, portal)]
    if form == 'table':
        rows = [row | {'names': ' '.join(row['names'])} for row in rows]
    context.show(rows, COLUMNS, form)
    if not rows:
        context.note(f'{asked or "the database"} has no catalogue yet: run usage-exporter catalogue update')
