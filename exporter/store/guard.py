"""Decides which SQL statements of a reader may run: those that read the program's own database, and nothing else.

No setting of the embedded engine keeps a reader from the files of the machine. So the engine parses the statement (EXPLAIN AST,
which reads nothing), and every node, name, function and setting of its tree must be in a list of this module. Whatever a later
engine adds is refused.
"""

import json
import re
from collections.abc import Collection
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from exporter.errors import NotAllowed
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, quoted
from exporter.store.statement_tree import CLOSING, NODES, READING, SELECTS, TOKEN, Node, Statement, canonical, split, tree

LONGEST = 256 << 10  # bytes of a statement: the engine's own limit, max_query_size
DOCUMENTED = 'docs/sql.md lists the tables and views'

READS = ('SELECT', 'WITH', 'FROM', 'SHOW', 'DESCRIBE', 'DESC', 'EXISTS', 'EXPLAIN')

STARS = {'Asterisk', 'QualifiedAsterisk', *(node for node in NODES if node.endswith('Matcher'))}
FUNCTIONS = Path(__file__).with_name('functions.txt')  # the functions, in lower case
COMBINATORS = re.compile(
    '(if|array|map|simplestate|state|merge|mergestate|foreach|distinct|ordefault|ornull|resample|argmin|argmax)$'
)
# Functions whose first argument may be the name of another function.
HIGHER_ORDER = {
    *('arraypartialreversesort', 'arraysort', 'arraypartialsort', 'arraylastindex', 'arraytopk', 'arrayreversesort'),
    *('arrayreversefill', 'arraybottomk', 'arraydifference', 'mapapply', 'arraysum', 'arraysplit', 'mapall', 'arraycumsum'),
    *('mapexists', 'arrayproduct', 'mappartialsort', 'arraymax', 'mappartialreversesort', 'arrayfill', 'arrayfold', 'arraymin'),
    *('arraycumsumnonnegative', 'arrayreversesplit', 'arrayfirst', 'arrayavg', 'arraylastornull', 'mapreversesort'),
    *('arrayfirstindex', 'mapfilter', 'arraycompact', 'mapsort', 'arraycount', 'arrayfirstornull', 'arraymap', 'arrayall'),
    *('arrayfilter', 'arraylast', 'arrayexists'),
}
IN = re.compile('(global)?(not)?(null)?in(ignoreset)?')  # their second argument may be the name of a table
TABLE_FUNCTIONS = {
    *('numbers', 'numbers_mt', 'zeros', 'zeros_mt', 'primes', 'generateseries', 'generate_series', 'generaterandom'),
    *('values', 'sqlstandardvalues', 'null', 'view'),
}
ENGINES = ('View', 'MaterializedView', 'Memory', 'Distributed')  # of readable tables, besides all kinds of MergeTree
SYSTEM_TABLES = {
    *('tables', 'columns', 'databases', 'functions', 'table_functions', 'settings', 'formats', 'data_type_families'),
    *('keywords', 'time_zones', 'table_engines', 'aggregate_function_combinators'),
    *('one', 'numbers', 'numbers_mt', 'zeros', 'zeros_mt'),
}
WITH_PATHS = {'system.tables', 'system.databases'}  # of which no columns but named ones, and none of these, may be read:
PATHS = {'data_path', 'data_paths', 'metadata_path'}
# What a statement may set in its clause SETTINGS. The limits of readers are not among them.
SETTINGS = {
    *('join_use_nulls', 'join_algorithm', 'join_default_strictness', 'group_by_use_nulls', 'transform_null_in'),
    *('aggregate_functions_null_for_empty', 'empty_result_for_aggregation_by_empty_set', 'cast_keep_nullable'),
    *('cast_string_to_dynamic_use_inference',),
    *('union_default_mode', 'session_timezone', 'date_time_input_format', 'date_time_output_format', 'final', 'limit', 'offset'),
    *('prefer_column_name_to_alias', 'describe_compact_output', 'optimize_read_in_order', 'optimize_aggregation_in_order'),
    *('output_format_json_quote_64bit_integers', 'output_format_json_quote_64bit_floats', 'output_format_json_quote_denormals'),
    *('output_format_json_quote_decimals', 'output_format_json_named_tuples_as_objects', 'output_format_write_statistics'),
    *('output_format_pretty_row_numbers', 'output_format_pretty_max_rows', 'output_format_pretty_color', 'format_csv_delimiter'),
    *('output_format_decimal_trailing_zeros', 'output_format_arrow_string_as_string', 'output_format_parquet_string_as_string'),
    *('output_format_csv_crlf_end_of_line', 'output_format_tsv_crlf_end_of_line'),
}

OTHER_DATABASES = {'default', 'information_schema'}
# The words of the engine's own writing that may stand before a bracket.
KEYWORDS = {
    *('SELECT', 'DISTINCT', 'ON', 'FROM', 'JOIN', 'USING', 'WHERE', 'PREWHERE', 'BY', 'HAVING', 'QUALIFY', 'LIMIT', 'OFFSET'),
    *('AS', 'MATERIALIZED', 'IN', 'NOT', 'AND', 'OR', 'LIKE', 'ILIKE', 'OVER', 'FILL', 'TO', 'STEP', 'STALENESS', 'INTERPOLATE'),
    *(
        'UNION',
        'ALL',
        'EXCEPT',
        'INTERSECT',
        'REPLACE',
        'COLUMNS',
        'APPLY',
        'TABLE',
        'SETS',
        'ROLLUP',
        'CUBE',
        'BETWEEN',
        'FETCH',
    ),
    *('FILTER', 'WINDOW', 'PARTITION', 'ROWS', 'RANGE', 'CASE', 'WHEN', 'THEN', 'ELSE', 'IS', 'REGEXP', 'DESCRIBE', 'WITH'),
}

# The words that lead to a statement.
BEGINNING = re.compile(r'(?:[\s(]|--[^\n]*|#[ !][^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*(\w*)')
EXPLAIN = re.compile(
    r'\s*EXPLAIN\b(?:\s+(?:AST|SYNTAX|QUERY\s+TREE|PLAN|PIPELINE|ESTIMATE)\b)?(?:\s+\w+\s*=\s*\d+\s*,?)*\s*', re.IGNORECASE
)
TEXT = r"'(?:[^'\\]|\\.)*'"
LIKE = rf'(?: (?:NOT )?I?LIKE {TEXT})?(?: LIMIT \d+)?'
NAME = r'`?[\w.-]+`?'
SHOWS = re.compile(
    rf'SHOW (?:DATABASES|FUNCTIONS|(?:CHANGED )?SETTINGS){LIKE}|SHOW (?:FULL )?TABLES(?: FROM (?P<database>{NAME}))?{LIKE}|'
    rf'SHOW (?:EXTENDED )?(?:FULL )?COLUMNS FROM (?P<table>{NAME})(?: FROM (?P<of>{NAME}))?{LIKE}'
)


class Own(NamedTuple):
    """The program's database."""

    database: str
    unreadable: Collection[str]  # tables whose engine reads something else: a file, a URL, another server


def check(database: ClickHouse, statement: str) -> Statement:
    """The statement, if it is allowed. Raises NotAllowed, EngineError for invalid SQL.

    The parameters of the statement must be set on the connection: the tree contains their values.
    """
    check_beginning(statement)
    if explained := EXPLAIN.match(statement):
        inner = _checked(database, statement[explained.end() :])
        return Statement(explained[0] + inner.text, inner.format)
    return _checked(database, statement)


def check_beginning(statement: str) -> None:
    """Checks what needs no engine. Raises NotAllowed for a statement that is no text, too long, or begins as none that reads."""
    if any('\ud800' <= character <= '\udfff' for character in statement):
        raise NotAllowed('the statement is not valid UTF-8', 'set the terminal or the client to UTF-8')
    if '\0' in statement:
        raise NotAllowed('the statement contains a NUL byte', 'remove it')
    if len(statement.encode()) > LONGEST:
        raise NotAllowed('the statement is longer than 256 KB', 'shorten it')
    beginning = BEGINNING.match(statement)
    if not beginning or beginning[1].upper() not in READS:
        raise NotAllowed('only statements that read are allowed', f'begin with one of {", ".join(READS)}')


def _checked(database: ClickHouse, statement: str) -> Statement:
    written = canonical(database, statement)
    checked = split(database, statement, written)
    tokens = TOKEN.findall(written.removesuffix(f' FORMAT {checked.format}') if checked.format else written)
    own = _own(database)
    settings = _check_tokens(tokens)
    root = tree(database, checked.text)
    _check_root(root, tokens, own)
    if sum(node.kind == 'Set' for node in root.all()) > settings:
        raise NotAllowed('a clause SETTINGS with such a name is not allowed', 'leave it out')
    if root.kind in (SELECTS, 'DescribeQuery'):
        _check_called(tokens, own, _check_names(database, root, own))
    return checked


def _own(database: ClickHouse) -> Own:
    name = database.address.database
    tables = f"SELECT name FROM system.tables WHERE database = {quoted(name)} AND engine NOT LIKE '%MergeTree'"
    return Own(name, _names(database, f'{tables} AND engine NOT IN ({", ".join(map(quoted, ENGINES))})'))


def _names(database: ClickHouse, statement: str) -> Collection[str]:
    """The names that a statement returns. It has no parameters: the connection would forget those of the reader."""
    return {name for [name] in json.loads(database.raw(f'{statement} FORMAT JSONCompact'))['data']}


def _check_root(root: Node, tokens: list[str], own: Own) -> None:
    """Checks the kind of a statement, and that nothing follows it but our own clause FORMAT."""
    if root.kind not in (
        SELECTS,
        'DescribeQuery',
        'ShowTables',
        'ShowColumns',
        'ShowFunctions',
        'ShowCreateTableQuery',
        'ExistsTableQuery',
    ):
        raise NotAllowed(f'{root.kind}: not allowed', READING)
    *_, last = root.children or [Node('')]
    if (last.kind, last.text) != ('Identifier', 'Null') or any(node.kind == 'Literal' for node in root.children):
        raise NotAllowed('this end of the statement is not allowed', CLOSING)
    root.children.pop()
    shown = ' '.join(tokens)
    if root.kind in ('ShowCreateTableQuery', 'ExistsTableQuery'):
        name = '.'.join(node.text for node in root.children if node.kind == 'Identifier')
        _check_table(name, own, with_system=root.kind == 'ExistsTableQuery')
        if not re.match(r'(SHOW CREATE|EXISTS) (TABLE|VIEW) ', shown):
            raise NotAllowed(f'{root.kind}: not allowed', 'name a table or view')
    elif root.kind.startswith('Show'):
        match = SHOWS.fullmatch(shown.replace(' . ', '.'))
        if not match:
            raise NotAllowed('this kind of SHOW is not allowed', 'use SHOW TABLES, SHOW COLUMNS FROM, SHOW DATABASES, LIKE')
        listed = match['of'] or match['database']
        if listed and listed.strip('`') not in (own.database, 'system'):
            raise NotAllowed(f'database {listed}: not allowed', DOCUMENTED)
        if match['table'] and not match['of']:
            _check_table(match['table'].strip('`'), own, with_system=True)


def _check_tokens(tokens: list[str]) -> int:
    """Checks what the tree does not show: INTO OUTFILE, APPLY, the names of settings. Returns the number of clauses SETTINGS."""
    if any(token.startswith('`') and ('\\' in token) for token in tokens):
        raise NotAllowed('a name with a backslash or a line break is not allowed', 'rename it')
    words = [token.upper() for token in tokens]
    settings = 0
    for place, word in enumerate(words):
        following = words[place + 1 : place + 2]
        if word == 'INTO' and following == ['OUTFILE']:
            raise NotAllowed('INTO OUTFILE is not allowed: it writes a file', 'redirect the output')
        if word == 'APPLY' and following:
            name, *after = [token for token in tokens[place + 1 : place + 4] if token != '(']
            if not _is_function(name) or after[:1] == ['-']:
                raise NotAllowed(f'APPLY {name}: not allowed', 'apply one of the usual functions by its name')
        if word == 'SETTINGS' and words[place + 2 : place + 3] == ['=']:
            settings += 1
            _check_settings(tokens[place + 1 :])
    return settings


def _check_settings(tokens: list[str]) -> None:
    """Checks `name = value, name = value …`, with which the tokens begin."""
    while True:
        name, equals, value = tokens[:3] if len(tokens) > 2 else ('', '', '')
        if name not in SETTINGS or equals != '=':
            raise NotAllowed(f'the setting {name} is not allowed', 'leave it out')
        rest = tokens[3 + (value == '-') :]
        if rest[:1] == ['.']:  # of a decimal number
            rest = rest[2:]
        if not re.match(r"[\w'-]", value) or (rest and rest[0] not in (',', ')', 'UNION', 'INTERSECT', 'EXCEPT', 'FORMAT')):
            raise NotAllowed(f'the value of the setting {name} is not allowed', 'write a number or a text')
        if rest[:1] != [',']:
            return
        tokens = rest[1:]


def _check_names(database: ClickHouse, root: Node, own: Own) -> Collection[str]:
    """Checks the functions, tables and columns of a SELECT or DESCRIBE. Returns the names that it gives to lambda functions."""
    lambdas = {node.alias.lower() for node in root.all() if node.kind == 'Function' and node.text == 'lambda' and node.alias}
    named = ', '.join(map(quoted, lambdas))
    if lambdas and (taken := _names(database, f'SELECT name FROM system.functions WHERE lower(name) IN ({named})')):
        raise NotAllowed(f'{", ".join(taken)}: a function has this name', 'give the expression another one')
    tables = set()
    sources = dict[int, Node]()  # the nodes that are table functions
    for node in root.all():
        if node.kind == 'TableExpression':
            sources |= {id(child): child for child in node.children if child.kind == 'Function'}
        elif node.kind == 'TableIdentifier':
            _check_table(node.text, own, with_system=True)
            tables.add(node.text)
        elif node.kind == 'Function' and id(node) not in sources:
            _check_function(node, own, lambdas)
    for source in sources.values():
        _check_source(source, own)
    if tables & WITH_PATHS and root.kind == SELECTS:
        _check_columns(root)
    return lambdas


def _check_called(tokens: list[str], own: Own, lambdas: Collection[str]) -> None:
    """Checks every name before a bracket or a dot once more: the tree lacks some parts, such as the parameters within APPLY."""
    for token, following in pairwise(tokens):
        name = token.strip('`')
        if following == '(' and re.match(r'[\w`]', token) and token not in KEYWORDS and name.lower() not in lambdas:
            called = name.removeprefix(f'{own.database}.')
            if not (_is_function(name) or called in _views() or called.lower() in {*TABLE_FUNCTIONS, 'merge'}):
                raise NotAllowed(f'the function {name} is not allowed', 'use functions that compute from their arguments only')
        if following == '.' and name.lower() in OTHER_DATABASES - {own.database}:
            raise NotAllowed(f'the database {name} is not allowed', DOCUMENTED)


def _check_function(node: Node, own: Own, lambdas: Collection[str]) -> None:
    name = node.text.lower()
    if not _is_function(name) and name not in lambdas:
        raise NotAllowed(f'the function {node.text} is not allowed', 'use functions that compute from their arguments only')
    # The parameters of an aggregate function come after its arguments, its window after both.
    arguments = node.children[0].children if node.children else []
    if len(arguments) > 1:
        first, second = arguments[:2]
        if name in HIGHER_ORDER and first.kind == 'Identifier' and not _is_function(first.text):
            raise NotAllowed(f'{first.text} as the function of {node.text} is not allowed', 'write x -> f(x)')
        if IN.fullmatch(name) and second.kind == 'Identifier':
            _check_table(second.text, own, with_system=False)


@cache
def _functions() -> frozenset[str]:
    return frozenset(FUNCTIONS.read_text(encoding='utf-8').split())


@cache
def _views() -> frozenset[str]:
    return frozenset(view.name for view in schema.views())


def _is_function(name: str) -> bool:
    """Whether a function is in the list; an aggregate function also with the combinators behind its name."""
    name = name.lower()
    while name not in _functions():
        shorter = COMBINATORS.sub('', name)
        if shorter == name:
            return False
        name = shorter
    return True


def _check_table(name: str, own: Own, with_system: bool) -> None:
    """Checks the name of a table or view, with or without the database, or of a subquery in WITH."""
    own_name = name.removeprefix(f'{own.database}.')
    if re.fullmatch(r'\w+', own_name) and own_name not in own.unreadable:
        return
    database, _, table = name.partition('.')
    if not (with_system and database == 'system' and table in SYSTEM_TABLES):
        raise NotAllowed(f'the table {name} is not allowed', DOCUMENTED)


def _check_source(node: Node, own: Own) -> None:
    """Checks a table function or a view with parameters."""
    name = node.text.removeprefix(f'{own.database}.')
    arguments = node.children[0].children if node.children else []
    if name in _views() or node.text.lower() in TABLE_FUNCTIONS:
        return
    if node.text.lower() == 'merge' and all(argument.kind == 'Literal' for argument in arguments):
        first = arguments[0].text if len(arguments) == 2 else quoted(own.database)
        if first == quoted(own.database):
            return
    raise NotAllowed(f'the table function {node.text} is not allowed', DOCUMENTED)


def _check_columns(root: Node) -> None:
    """Checks that the columns of a system table that has paths are named, and are no paths."""
    counted = {id(child) for node in root.all() if node.text.lower() == 'count' for child in node.children}  # count(*) reads none
    for node in root.all():
        if any(child.kind in STARS for child in node.children) and id(node) not in counted:
            raise NotAllowed('* is not allowed with system.tables and system.databases', 'name the columns')
        if node.kind == 'Identifier' and PATHS & set(node.text.split('.')):
            raise NotAllowed(f'the column {node.text} is not allowed', 'leave it out')
