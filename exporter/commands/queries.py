"""`query`: any reading SQL, as a table, JSON or CSV."""

import re

import click

from exporter.commands.context import FORMATS, Context, pass_context
from exporter.errors import QueryError

EXAMPLES = """\b
Examples:
  usage-exporter query "SELECT * FROM domains"
  usage-exporter query "SELECT status, count() AS calls FROM calls GROUP BY status ORDER BY calls DESC" --format csv
  usage-exporter query "SELECT * FROM activity(domains=[], from='2026-11-01 00:00:00', to=1794700800, crawlers=0)"
"""
QUOTED = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`|--[^\n]*|/\*.*?\*/""", re.DOTALL)
READS = ('select', 'with', 'show', 'describe', 'desc', 'explain', 'exists')


@click.command(epilog=EXAMPLES)
@click.argument('sql', metavar='SQL')
@click.option('--format', 'form', type=FORMATS, default='table', show_default=True, help='How to print the rows.')
@pass_context
def query(context: Context, sql: str, form: str) -> None:
    """Run one SQL statement that only reads. docs/sql.md describes the tables and views."""
    statement = reading(sql)
    with context.database() as database:
        rows = database.query(statement, readonly=1)
    context.show(rows, list(rows[0]) if rows else [], form)


def reading(sql: str) -> str:
    """The statement, without a closing semicolon. Raises QueryError for one that does more than read.

    The engine refuses writes by itself (readonly), but not a file written by INTO OUTFILE.
    """
    bare = QUOTED.sub(' ', sql).strip().rstrip(';').lower()
    words = bare.replace('(', ' ').split()
    if ';' in bare:
        raise QueryError('one statement at a time; leave out what stands behind the semicolon')
    if not words or words[0] not in READS:
        raise QueryError(f'this is no statement that reads; begin with one of {", ".join(READS).upper()}')
    if re.search(r'\binto\s+outfile\b', bare):
        raise QueryError('INTO OUTFILE writes a file; use --format and redirect the output')
    if re.search(r'\bformat\s+\w+\s*$', bare):
        raise QueryError('leave FORMAT out; choose with --format')
    return sql.strip().rstrip(';')
