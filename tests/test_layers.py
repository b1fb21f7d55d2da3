"""The modules keep to their layers: imports point down only, one module knows the engine, each has one job and is short."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST = 220  # lines
ENGINES = {'clickhouse_connect', 'chdb'}

# From top to bottom; a package stands for its modules. docs/design.md says what each is for.
LAYERS = (
    'cli',
    'commands',
    'commands.context',
    'jobs',
    'server',
    'web',
    'tokens',
    'metrics',
    'intake',
    'health',
    'findings',
    'terminal',
    'output',
    'report',
    'backup',
    'forget',
    'retry',
    'retention',
    'events',
    'period',
    'importer',
    'ahead',
    'drain',
    'sources',
    'pipeline',
    'parse',
    'enrich',
    'keys',
    'spool',
    'quarantine',
    'spool_file',
    'writer',
    'outcome',
    'ledger',
    'rejected',
    'storing',
    'connections',
    'schema',
    'clickhouse',
    'database_url',
    'config',
    'values',
    'call',
    'account',
    'durable',
    'loading',
    'errors',
)
MODULES = {
    '.'.join(path.relative_to(ROOT / 'exporter').with_suffix('').parts).removesuffix('.__init__'): path
    for path in sorted((ROOT / 'exporter').rglob('*.py'))
    if path != ROOT / 'exporter' / '__init__.py'
}
SOURCES = sorted(path for folder in ('exporter', 'grafana', 'bench', 'docs', 'tests') for path in (ROOT / folder).rglob('*.py'))


def imported(path: Path) -> Iterator[str]:
    """The full name of everything that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: import by the full name'
            yield from (f'{node.module}.{name.name}' for name in node.names)


def ours(path: Path) -> set[str]:
    """The modules of the program that a module imports."""
    names = {name.removeprefix('exporter.') for name in imported(path) if name.startswith('exporter.')}
    return {name if name in MODULES else name.rpartition('.')[0] for name in names}


def layer(module: str) -> str:
    """The layer of a module: the longest name in the list that is its own or that of a package around it."""
    parts = module.split('.')
    around = ['.'.join(parts[:length]) for length in range(len(parts), 0, -1)]
    found = next((name for name in around if name in LAYERS), '')
    assert found, f'{module}: which layer is it of? Put it into LAYERS and docs/design.md'
    return found


@pytest.mark.parametrize('module', MODULES)
def test_imports_point_down(module: str) -> None:
    own = layer(module)
    for other in ours(MODULES[module]):
        assert other in MODULES, other
        assert layer(other) == own or LAYERS.index(layer(other)) > LAYERS.index(own), (
            f'{module} imports {other}, which lies above'
        )


def test_no_module_needs_itself() -> None:
    assert len(list(TopologicalSorter({name: ours(path) for name, path in MODULES.items()}).static_order())) == len(MODULES)


def test_every_layer_is_there_and_in_the_design() -> None:
    assert {layer(module) for module in MODULES} == set(LAYERS)
    text = (ROOT / 'docs' / 'design.md').read_text(encoding='utf-8').partition('## Modules')[2]
    told = [name for name in LAYERS if '.' not in name]
    assert [name for name in told if f'`{name}`' not in text] == []
    assert sorted(told, key=lambda name: text.index(f'`{name}`')) == told


def test_one_module_knows_the_engine() -> None:
    knowing = {name for name, path in MODULES.items() if {other.partition('.')[0] for other in imported(path)} & ENGINES}
    assert knowing == {'clickhouse'}


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_its_job_first(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8')))
    assert docstring
    assert docstring.partition('\n')[0].endswith(('.', '?')), docstring


@pytest.mark.parametrize(
    'path', [path for path in SOURCES if 'tests' not in path.relative_to(ROOT).parts], ids=lambda path: path.name
)
def test_a_module_is_short(path: Path) -> None:
    assert len(path.read_text(encoding='utf-8').splitlines()) <= LONGEST
