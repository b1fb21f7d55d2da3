"""Imports point down, the folders follow the data flow, one folder knows the engine, and each module says its job first."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from files import ROOT

ENGINES = {'clickhouse_connect', 'chdb'}

# From top to bottom: a folder imports from itself and from those below it. docs/design.md says what each is for.
FOLDERS = (
    'cli',
    'commands',
    'server',
    'upkeep',
    'archive',
    'ingest',
    'catalogue',
    'page',
    'report',
    'spool',
    'store',
    'enrich',
    'system',
    'model',
    'config',
    'errors',
)
MODULES = {
    '.'.join(path.relative_to(ROOT / 'exporter').with_suffix('').parts).removesuffix('.__init__'): path
    for path in sorted((ROOT / 'exporter').rglob('*.py'))
    if path != ROOT / 'exporter' / '__init__.py'
}
SOURCES = sorted(path for folder in ('exporter', 'grafana', 'bench', 'docs', 'tests') for path in (ROOT / folder).rglob('*.py'))


def imports(path: Path) -> Iterator[str]:
    """The full name of everything that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: import by the full name'
            yield from (f'{node.module}.{name.name}' for name in node.names)


def own_imports(path: Path) -> set[str]:
    """The modules of the program that a module imports."""
    names = {name.removeprefix('exporter.') for name in imports(path) if name.startswith('exporter.')}
    return {name if name in MODULES else name.rpartition('.')[0] for name in names}


def folder(module: str) -> str:
    """The folder of a module, or the module itself where it lies in none."""
    return module.partition('.')[0]


@pytest.mark.parametrize('module', MODULES)
def test_imports_point_down(module: str) -> None:
    for other in own_imports(MODULES[module]):
        assert other in MODULES, other
        assert FOLDERS.index(folder(module)) <= FOLDERS.index(folder(other)), f'{module} imports {other}, which lies above it'


@pytest.mark.parametrize('module', MODULES)
def test_a_private_module_is_used_in_its_folder_only(module: str) -> None:
    for other in own_imports(MODULES[module]):
        assert not other.rpartition('.')[2].startswith('_') or folder(module) == folder(other)


def test_no_import_leads_back_to_its_module() -> None:
    assert len(list(TopologicalSorter({name: own_imports(path) for name, path in MODULES.items()}).static_order())) == len(
        MODULES
    )


def test_every_folder_exists_and_the_design_names_it_in_this_order() -> None:
    assert {folder(module) for module in MODULES} == set(FOLDERS)
    text = (ROOT / 'docs' / 'design.md').read_text(encoding='utf-8').partition('## Folders')[2]
    assert [name for name in FOLDERS if f'`{name}`' not in text] == []
    assert sorted(FOLDERS, key=lambda name: text.index(f'`{name}`')) == list(FOLDERS)


def test_the_tests_have_the_same_folders() -> None:
    own = {path.relative_to(ROOT / 'exporter').parent for path in MODULES.values() if path.name != '__init__.py'}
    tests = {path.relative_to(ROOT / 'tests').parent for path in (ROOT / 'tests').rglob('test_*.py')}
    assert own - tests == set()


def test_one_folder_knows_the_engine() -> None:
    knowing = {name for name, path in MODULES.items() if {other.partition('.')[0] for other in imports(path)} & ENGINES}
    assert knowing == {'store.clickhouse'}


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_its_job_first(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8')))
    assert docstring
    assert docstring.partition('\n')[0].endswith(('.', '?')), docstring
