"""The engine's own parser says what a statement is."""

import pytest

from exporter.errors import EngineError, NotAllowed
from exporter.store.clickhouse import ClickHouse
from exporter.store.statement_tree import TOKEN, Statement, canonical, split, tree


def test_a_statement_is_written_in_one_line_without_comments(database: ClickHouse) -> None:
    assert canonical(database, "select /* ' */ 1 -- x\n, 'a;b' AS \"file\"") == "SELECT 1, 'a;b' AS file"


def test_several_statements_and_invalid_ones_are_errors(database: ClickHouse) -> None:
    with pytest.raises(NotAllowed, match='only one statement'):
        canonical(database, 'SELECT 1; SELECT 2')
    with pytest.raises(EngineError) as raised:
        canonical(database, 'SELECT FROM WHERE')
    assert raised.value.code == 62
    assert 'formatQuery' not in raised.value.answer


@pytest.mark.parametrize(
    ('statement', 'expected'),
    [
        ('SELECT 1', ('SELECT 1', None)),
        ('SELECT 1 ; -- the end', ('SELECT 1', None)),
        ('SELECT 1 format JSON;', ('SELECT 1 ', 'JSON')),
        ('SELECT 1 FORMAT CSV', ('SELECT 1 ', 'CSV')),
        ("SELECT 'a' -- FORMAT CSV", ("SELECT 'a' -- FORMAT CSV", None)),
        ('SELECT $a$ FORMAT CSV; $a$', ('SELECT $a$ FORMAT CSV; $a$', None)),
        ('SELECT 1 FORMAT Template', ('SELECT 1 FORMAT Template', None)),
    ],
)
def test_semicolon_and_format_are_taken_off(database: ClickHouse, statement: str, expected: tuple[str, str | None]) -> None:
    assert split(database, statement, canonical(database, statement)) == Statement(*expected)


def test_the_tree_names_functions_tables_and_aliases(database: ClickHouse) -> None:
    root = tree(database, "SELECT lower(path) AS p FROM calls WHERE path != 'Function file'")
    nodes = [(node.kind, node.text, node.alias) for node in root.all()]
    assert ('Function', 'lower', 'p') in nodes
    assert ('TableIdentifier', 'calls', '') in nodes
    assert not any(kind == 'Function' and text == 'file' for kind, text, _ in nodes)


def test_what_is_not_in_the_list_of_nodes_is_refused(database: ClickHouse) -> None:
    for statement in ('DROP TABLE calls', 'INSERT INTO calls (path) SELECT 1', 'SET readonly = 0', 'BEGIN TRANSACTION'):
        with pytest.raises(NotAllowed):
            tree(database, statement)


def test_tokens_keep_texts_and_names_in_backquotes_whole() -> None:
    assert TOKEN.findall(r"SELECT `a b`('it\'s; x') + 1") == ['SELECT', '`a b`', '(', r"'it\'s; x'", ')', '+', '1']
