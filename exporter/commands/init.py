"""`init`: creates the tables and views, or upgrades them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from exporter.commands.context import Context, pass_context
from exporter.store import schema

PROGRESS_INTERVAL = 10  # seconds between two lines of progress, if standard error is no terminal

EXAMPLES = """\b
Examples:
  usage-exporter init
  USAGE_CLICKHOUSE_URL=http://user:password@clickhouse:8123/usage usage-exporter init
"""


@click.command(epilog=EXAMPLES)
@pass_context
def init(context: Context) -> None:
    """Create the tables and views, or upgrade them to this version.

    Other commands create them themselves if the database is empty. Running it again changes nothing.
    """
    database = context.connect()
    try:
        with _progress(context) as watch:
            changes = schema.apply(database, watch)
    finally:
        database.close()
    names = ', '.join(change.name for change in changes)
    click.echo(f'{database.address.shown}: ' + (f'applied {names}' if changes else 'up to date'))


@contextmanager
def _progress(context: Context) -> Iterator[schema.Watch]:
    """Yields a callback that shows the progress of each change of stored calls."""
    columns = TextColumn('{task.description}'), BarColumn(), TaskProgressColumn()
    is_terminal = context.notes.is_terminal
    with Progress(*columns, console=context.notes, transient=True, disable=not is_terminal) as progress:
        tasks, last_lines = dict[str, TaskID](), dict[str, float]()

        def show(text: str, done: float) -> None:
            if text not in tasks:
                tasks[text] = progress.add_task(text, total=1.0)
            progress.update(tasks[text], completed=done)
            if not is_terminal and time.monotonic() - last_lines.get(text, -PROGRESS_INTERVAL) >= PROGRESS_INTERVAL:
                last_lines[text] = time.monotonic()
                click.echo(f'{text}: {done:.0%} done', err=True)

        yield show
