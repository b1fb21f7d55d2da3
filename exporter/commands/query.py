"""`query`: runs one SQL statement that only reads, and prints the rows as a table, JSON or CSV."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click

from exporter.commands.context import ROWS, Context, format_option, pass_context
from exporter.errors import EngineError, QueryError
from exporter.store.clickhouse import ClickHouse

EXAMPLES = """\b
Examples:
  usage-exporter query "SELECT * FROM domains"
  usage-exporter query --format csv \\
    "SELECT status, count() AS calls FROM calls GROUP BY status ORDER BY calls DESC"
  usage-exporter query "SELECT * FROM activity(domains=[],
    from='2026-11-01 00:00:00', to='2026-11-15 00:00:00', crawlers=0)"
"""
QUOTED = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/""", re.DOTALL
)
ESCAPED = re.compile(r'\\x([0-9a-fA-F]{2})')
WRITERS = ('outfile', 'sqlite')  # SELECT … INTO OUTFILE; the function sqlite() creates its file before the engine refuses it
SELECTS = ('select', 'with', 'from')
READS = (*SELECTS, 'show', 'describe', 'desc', 'explain', 'exists')
SYNTAX_ERROR = 62  # ClickHouse's error code
CALLED = re.compile(r'^ *Function (\S+)', re.MULTILINE)  # in the syntax tree of a statement
# The table functions that read only the database. All others are refused, also those that a later engine adds.
LOCAL_FUNCTIONS = {
    *('numbers', 'numbers_mt', 'zeros', 'zeros_mt', 'primes', 'generateseries', 'generate_series', 'generaterandom'),
    *('values', 'sqlstandardvalues', 'format', 'null', 'view', 'viewifpermitted', 'viewexplain', 'merge'),
}


@click.command(epilog=EXAMPLES)
@click.argument('sql', metavar='SQL')
@format_option('rows', ROWS)
@pass_context
def query(context: Context, sql: str, form: str) -> None:
    """Run one SQL statement that only reads.

    docs/sql.md describes the tables and views.
    """
    statement = read_only_statement(sql)
    with context.database() as database, _interruptible():
        if database.address.embedded:  # it runs several statements, and applies the setting below only to the last
            database.command('SET readonly = 1')
        _check_functions(database, statement)
        try:
            rows = database.query(statement, readonly=1)
        except EngineError as error:
            raise _syntax_error(str(error)) if error.code == SYNTAX_ERROR else error from None
        columns = list(rows[0]) if rows else []
        if not rows and _words(statement)[0] in SELECTS:
            columns = [row['name'] for row in database.query(f'DESCRIBE (\n{statement}\n)', readonly=1)]
    context.show(rows, columns, form)


def _check_functions(database: ClickHouse, statement: str) -> None:
    """Raises QueryError if the statement reads files or connects to other hosts, which the engine allows also with readonly = 1.

    The engine parses the statement: only it knows what is a name, a text or a comment.
    """
    outside = {row['name'] for row in database.query('SELECT lower(name) AS name FROM system.table_functions')} - LOCAL_FUNCTIONS
    plain = _plain(statement)
    try:
        rows = database.query(f'EXPLAIN AST\n{statement}', readonly=1)
    except EngineError as error:
        if error.code != SYNTAX_ERROR:
            raise
        called = [
            word for word in re.findall(r'\w+', plain) if word in outside
        ]  # invalid SQL, or a kind of EXPLAIN: check all words
    else:
        tree = '\n'.join(str(row['explain']) for row in rows)
        called = [name for name in CALLED.findall(tree) if name.lower() in outside]
        applied = 'ColumnsApplyTransformer' in tree and 'file' in plain  # the tree does not name the applied function
        if applied or re.search(r'^ *Identifier file\b', tree, re.MULTILINE | re.IGNORECASE):  # as in arrayMap(file, …)
            called.append('file')
    if called:
        raise QueryError(
            f'{called[0]}() is not allowed: it reads data outside of the database', 'read the tables and views of docs/sql.md'
        )


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


def read_only_statement(sql: str) -> str:
    """The statement, without a closing semicolon. Raises QueryError, in one line, for one that does more than read.

    With readonly = 1 the engine refuses the same statements; the checks here give errors of one line. But the engine does not
    prevent the files that WRITERS write, so these words are not allowed anywhere: only its parser knows comments and texts.
    """
    if any('\ud800' <= character <= '\udfff' for character in sql):
        raise QueryError('the statement is not valid UTF-8', 'set the terminal to UTF-8')
    words = _words(sql)
    plain = _plain(sql)
    for word in WRITERS:
        if word in plain:
            raise QueryError(f'the word {word} is not allowed: it writes a file', 'use --format and redirect the output')
    if ';' in ' '.join(words):
        raise QueryError('only one statement is allowed', 'delete the text after the semicolon')
    if not words or words[0] not in READS:
        raise QueryError('only statements that read are allowed', f'begin with one of {", ".join(READS).upper()}')
    if re.search(r'\bformat (?!asc\b|desc\b)[a-z]\w*( settings\b.*)?$', ' '.join(words)):
        raise QueryError('the clause FORMAT is not allowed', 'use the option --format')
    return sql.strip().rstrip(';')


def _plain(sql: str) -> str:
    """A statement in lower case, with decoded escapes, because a name may contain them."""
    return ESCAPED.sub(lambda match: chr(int(match[1], 16)), sql).lower()


def _words(sql: str) -> list[str]:
    """The words of a statement outside of texts and comments."""
    return QUOTED.sub(' ', sql).strip().rstrip('; \n').lower().replace('(', ' ').split()
