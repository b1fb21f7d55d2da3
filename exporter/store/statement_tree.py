"""Lets the embedded engine parse a statement: its text in one line, its tokens, its tree. Nothing is run or read for that."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.errors import EngineError, NotAllowed
from exporter.store.clickhouse import ClickHouse, quoted

MULTIPLE = 'Multi-statements are not allowed'  # in the engine's error
SYNTAX_ERROR = 62  # ClickHouse's error code
READING = 'only statements that read are: SELECT, WITH, SHOW, DESCRIBE, EXISTS, and EXPLAIN of a SELECT'
CLOSING = 'end it with SETTINGS, or with FORMAT and one of the usual formats'
SELECTS = 'SelectWithUnionQuery'
# The nodes of the trees of SELECT, DESCRIBE, SHOW and EXISTS.
NODES = {
    *(SELECTS, 'SelectQuery', 'SelectIntersectExceptQuery', 'Subquery', 'WithElement', 'ExpressionList', 'Set'),
    *('Function', 'Identifier', 'Literal', 'Asterisk', 'QualifiedAsterisk', 'ColumnsRegexpMatcher', 'ColumnsListMatcher'),
    *('QualifiedColumnsRegexpMatcher', 'QualifiedColumnsListMatcher', 'ColumnsTransformerList', 'ColumnsApplyTransformer'),
    *('ColumnsExceptTransformer', 'ColumnsReplaceTransformer', 'ColumnsReplaceTransformer::Replacement'),
    *('TablesInSelectQuery', 'TablesInSelectQueryElement', 'TableExpression', 'TableIdentifier', 'TableJoin', 'ArrayJoin'),
    *('OrderByElement', 'WindowDefinition', 'WindowListElement', 'InterpolateElement', 'SampleRatio'),
    *('DescribeQuery', 'ShowTables', 'ShowColumns', 'ShowFunctions', 'ShowCreateTableQuery', 'ExistsTableQuery'),
}
# The formats of answers. Others may read a file that a setting names (Template, CapnProto, Protobuf).
FORMATS = {
    *('Native', 'RowBinary', 'RowBinaryWithNames', 'RowBinaryWithNamesAndTypes', 'Arrow', 'ArrowStream', 'Parquet', 'ORC'),
    *('TabSeparated', 'TabSeparatedRaw', 'TabSeparatedWithNames', 'TabSeparatedWithNamesAndTypes', 'TabSeparatedRawWithNames'),
    *('TSV', 'TSVRaw', 'TSVWithNames', 'TSVWithNamesAndTypes', 'TSVRawWithNames', 'CSV', 'CSVWithNames'),
    *('CSVWithNamesAndTypes', 'JSON', 'JSONStrings', 'JSONCompact', 'JSONCompactStrings', 'JSONColumns'),
    *('JSONColumnsWithMetadata', 'JSONCompactColumns', 'JSONEachRow', 'JSONLines', 'NDJSON', 'JSONStringsEachRow'),
    *('JSONCompactEachRow', 'JSONCompactEachRowWithNames', 'JSONCompactEachRowWithNamesAndTypes', 'JSONObjectEachRow'),
    *('JSONCompactStringsEachRow', 'JSONCompactStringsEachRowWithNames', 'JSONCompactStringsEachRowWithNamesAndTypes'),
    *('Values', 'Vertical', 'Markdown', 'XML', 'Null', 'Pretty', 'PrettyCompact', 'PrettySpace', 'PrettyCompactMonoBlock'),
    *('PrettyNoEscapes', 'PrettyCompactNoEscapes'),
}

# Clauses at the end of a statement.
COMMENTS = re.compile(r'(?:\s|--[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*')
FORMAT = re.compile(r'\bFORMAT\s+(\w+)\s*\Z', re.IGNORECASE)
OWN_SCOPE = re.compile(r': In scope SELECT formatQuerySingleLine\(.*\)(?=\. \()', re.DOTALL)  # in an error
# A statement as the engine writes it: one line, no comments, names in backquotes where they need them.
TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\w+|\S", re.DOTALL)
NODE = re.compile(r'( *)([A-Za-z:]+)(?: +(.*))?')
CHILDREN = re.compile(r' ?\(children \d+\)$')
ALIAS = ' (alias '


class Statement(NamedTuple):
    """A statement: its text without a closing semicolon and its clause FORMAT, and that format, if it names one."""

    text: str
    format: str | None


@dataclass
class Node:
    """A node of a statement's tree. `text` follows the kind: the name of a function or table, or a literal."""

    kind: str
    text: str = ''
    alias: str = ''
    children: list['Node'] = field(default_factory=list)

    def all(self) -> Iterator['Node']:
        """This node and all below it."""
        nodes = [self]
        while nodes:
            node = nodes.pop()
            yield node
            nodes += node.children


def canonical(database: ClickHouse, statement: str) -> str:
    """The statement as the engine writes it. Raises NotAllowed for several statements, EngineError for invalid SQL."""
    try:  # the line break ends what an error quotes
        written = database.raw(f"SELECT formatQuerySingleLine({quoted(statement)} || '\\n') FORMAT TSVRaw")
    except EngineError as error:
        if MULTIPLE in error.answer:
            raise NotAllowed('only one statement is allowed', 'delete the text after the semicolon') from None
        raise EngineError(error.what, error.remedy, error.code, OWN_SCOPE.sub('', error.answer)) from None
    return written.decode().removesuffix('\n')


def split(database: ClickHouse, statement: str, written: str) -> Statement:
    """Takes the closing semicolon and the clause FORMAT off, unless they turn out to be within a text or a comment.

    `written` is the statement as the engine writes it.
    """
    text = _terminated(statement)
    clause = FORMAT.search(text)
    output = clause[1] if clause and clause[1] in FORMATS else None
    if clause and output:
        text = text[: clause.start()]
    if text == statement:
        return Statement(statement, None)
    ending = f' FORMAT {output}' if output else ''
    try:
        same = written.endswith(ending) and canonical(database, text) == written.removesuffix(ending)
    except EngineError:
        same = False
    return Statement(text, output) if same else Statement(statement, None)


def _terminated(statement: str) -> str:
    """The statement without a closing semicolon and comments behind it."""
    text, _, comments = statement.rpartition(';')
    return text.rstrip('; \t\r\n') if text and COMMENTS.fullmatch(comments) else statement


def tree(database: ClickHouse, text: str) -> Node:
    """The tree of a statement. Raises NotAllowed for an unknown node."""
    # The first FORMAT belongs to the statement, the second to EXPLAIN: it writes each node in a line, and escapes nothing.
    try:
        lines = database.raw(f'EXPLAIN AST {text}\nFORMAT Null\nFORMAT TSVRaw').decode(errors='replace').split('\n')
    except EngineError as error:
        if error.code == SYNTAX_ERROR:
            if not re.search(r'\b(SELECT|FROM|SHOW|DESC|DESCRIBE|EXISTS)\b', text, re.IGNORECASE):
                raise NotAllowed('this kind of statement is not allowed', READING) from None
            raise NotAllowed('this end of the statement is not allowed', CLOSING) from None
        raise
    root = Node('')
    above = [root]
    for line in filter(None, lines):
        match = NODE.fullmatch(line)
        if not match or len(match[1]) >= len(above) or match[2] not in NODES:
            raise NotAllowed(
                f'{match[2] if match else "this name"}: not allowed',
                READING,
            )
        named = CHILDREN.sub('', match[3] or '')
        text, _, alias = named.partition(ALIAS) if match[2] != 'Literal' else (named, '', '')
        node = Node(match[2], text, alias.removesuffix(')'))
        above[len(match[1])].children.append(node)
        above[len(match[1]) + 1 :] = [node]
    [statement] = root.children
    return statement
