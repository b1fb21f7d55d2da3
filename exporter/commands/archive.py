"""`archive`: writes the numbers of a month into files, and checks such files."""

from pathlib import Path

import click

from exporter.commands.context import ROWS, Context, format_option, pass_context
from exporter.errors import ErrorGroup, ExporterError, InputError

EXAMPLES = """\b
Examples:
  usage-exporter archive --month 2026-10 -o published
  usage-exporter archive --month 2026-10 -o published --domain data.example.org
  usage-exporter archive --check published
"""
COLUMNS = ['month', 'domain', 'dataset', 'figure', 'archived', 'now', 'reason']
MOST_NAMES = 5  # of other files that a line lists


@click.command(epilog=EXAMPLES)
@click.option('--month', metavar='MONTH', help='The month, such as 2026-10. It must be over.')
@click.option('-o', '--output', metavar='DIR', type=click.Path(path_type=Path), help='The folder of the archives.')
@click.option('--domain', metavar='D', help='Limit to this portal.  [default: all portals with calls in the month]')
@click.option('--force', is_flag=True, help='Overwrite the archive if it exists.')
@click.option('--check', 'checked', metavar='DIR', type=click.Path(path_type=Path), help='Compute all months of DIR again.')
@format_option('figures that differ', ROWS)
@pass_context
def archive(
    context: Context, month: str | None, output: Path | None, domain: str | None, force: bool, checked: Path | None, form: str
) -> None:
    """Publish the numbers of a month as files that stay, or check them.

    The CSV has a row for each data set; the JSON beside it says what the numbers mean.

    With --check, list the figures that differ now, and why; if any differs, the exit code is 1.
    """
    if checked:
        if month or output or domain or force:
            raise click.UsageError('--check takes a folder and no other option than --format')
        _check(context, checked, form)
    elif month and output:
        _write(context, month, output, domain, force)
    else:
        raise click.UsageError('give --month and -o, or --check')


def _write(context: Context, month: str, directory: Path, domain: str | None, force: bool) -> None:
    from exporter.archive.month import parse
    from exporter.archive.publish import publish

    first = parse('--month', month)
    portal = context.given_domain(domain) if domain else None
    with context.database() as database:
        written = publish(context.settings, database, first, portal, directory, force=force)
    click.echo(f'{written}: written, with {written.with_suffix(".json").name}')


def _check(context: Context, directory: Path, form: str) -> None:
    from exporter.archive import folder
    from exporter.archive.comparison import Difference, differences

    names, others = folder.stems(directory)
    if others:
        more = f' and {len(others) - MOST_NAMES} more' if len(others) > MOST_NAMES else ''
        context.note(f'{directory}: left out, since they are no archives: {", ".join(others[:MOST_NAMES])}{more}')
    different, errors = list[Difference](), list[ExporterError]()
    with context.database() as database:
        for name in names:
            try:
                different += differences(context.settings, database, folder.load(directory, name))
            except InputError as error:
                errors.append(error)
    rows = [{name: getattr(each, name) for name in COLUMNS} for each in different]
    if rows or form != 'table':
        context.show(rows, COLUMNS, form)
    if form == 'table':
        figures = f'{len(rows):,} figures differ' if rows else 'no figure differs'
        click.echo(f'{directory}: computed {len(names) - len(errors)} of {len(names)} archives again, {figures}')
    if errors:
        raise errors[0] if len(errors) == 1 else ErrorGroup('archives', errors)
    if rows:
        click.get_current_context().exit(1)
