"""`query`: runs one SQL statement that only reads, and prints the rows as a table, JSON or CSV."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click

from exporter.commands.context import ROWS, Context, format_option, pass_context
from exporter.errors import EngineError, QueryError
from exporter.store import guard

EXAMPLES = """\b
Examples:
  usage-exporter query "SELECT * FROM domains"
  usage-exporter query --format csv \\
    "SELECT status, count() AS calls FROM calls GROUP BY status ORDER BY calls DESC"
  usage-exporter query "SELECT * FROM activity(domains=[],
    from='2026-11-01 00:00:00', to='2026-11-15 00:00:00', crawlers=0)"
"""
SYNTAX_ERROR = 62  # ClickHouse's error code


@click.command(epilog=EXAMPLES)
@click.argument('sql', metavar='SQL')
@format_option('rows', ROWS)
@pass_context
def query(context: Context, sql: str, form: str) -> None:
    """Run one SQL statement that only reads.

    docs/sql.md describes the tables and views.
    """
    guard.check_beginning(sql)
    with context.database() as database, _interruptible():
        if database.address.embedded:  # it runs several statements, and applies the setting below only to the last
            database.command('SET readonly = 1')
        try:
            statement = guard.check(database, sql)
            if statement.format:
                raise QueryError('the clause FORMAT is not allowed', 'use the option --format')
            rows = database.query(statement.text, readonly=1)
            columns = list(rows[0]) if rows else [name for name, _ in database.columns(statement.text)]
        except EngineError as error:
            raise _syntax_error(str(error)) if error.code == SYNTAX_ERROR else error from None
    context.show(rows, columns, form)


def _syntax_error(text: str) -> QueryError:
    """The error for invalid SQL: the position that the engine names, unless it is in a setting that we appended."""
    position = re.search(r'failed at position \d+ (\(.*?\).*)', text)
    if not position or position[1].startswith(('(readonly)', '(SETTINGS)', '(end of query)')):
        return QueryError('invalid SQL: it ends too early, or a bracket or quote is unclosed', 'see the examples in docs/sql.md')
    return QueryError(f'invalid SQL at {position[1]}', 'see the examples in docs/sql.md')


@contextmanager
def _interruptible() -> Iterator[None]:
    """Lets Ctrl-C end the process at once: Python would handle it only after the engine has answered."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
