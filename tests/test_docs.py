"""The documentation is complete, and its examples work."""

import json
import re
import runpy
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from access_logs import counts, run
from click.testing import CliRunner
from files import ROOT
from pydantic_core import PydanticUndefined

from exporter import errors
from exporter.cli import main
from exporter.config import FILE_VARIABLE, PREFIX, ActionName, Ignore, PortalRules, Pull, Settings, load
from exporter.enrich.ignore import HEALTH_CHECKS
from exporter.enrich.paths import STATIC_ENDINGS
from exporter.enrich.rules import PRESETS
from exporter.ingest.demo.traffic import TIMEZONE
from exporter.ingest.formats.json_presets import JSON_PRESETS
from exporter.ingest.formats.log_fields import FIELDS
from exporter.ingest.formats.presets import PRESETS as LOG_PRESETS
from exporter.ingest.formats.wrappers import WRAPPERS
from exporter.ingest.opendatasoft.actions import NAMES
from exporter.model.reject import Reason, Skip
from exporter.model.tally import Summary
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse

DOCS = ROOT / 'docs'
PAGES = [
    page
    for page in sorted([*ROOT.glob('*.md'), *DOCS.rglob('*.md'), *(ROOT / 'bench').glob('*.md'), *(ROOT / 'tests').rglob('*.md')])
    if 'node_modules' not in page.parts
]
# the program in a command line, but not the user, container or image of the same name
PROGRAM = r'(?<![\w./:])(?<!-[gtu] )(?<!--name )(?:\.venv/bin/)?usage-exporter (?!usage-exporter)'
VIEW = "(domains=[], from='2026-11-01 00:00:00', to='2026-11-02 00:00:00', crawlers=0)"


def page(name: str) -> str:
    return (DOCS / f'{name}.md').read_text(encoding='utf-8')


def section(text: str, title: str) -> str:
    """What stands below a title, up to the next one of any level."""
    match = re.search(rf'^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)', text, re.MULTILINE | re.DOTALL)
    assert match, f'no section {title!r}'
    return match[1]


def section_and_below(text: str, title: str) -> str:
    """What stands below a title of the second level, up to the next one."""
    return text.partition(f'\n## {title}\n')[2].partition('\n## ')[0]


def rows(text: str) -> list[list[str]]:
    """The cells of all tables, without their heads' rules."""
    lines = re.findall(r'^\|(.*)\|$', text, re.MULTILINE)
    return [[cell.strip() for cell in line.split('|')] for line in lines if not re.fullmatch(r'[-|]+', line)]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf'^```{language}\n(.*?)^```', text, re.MULTILINE | re.DOTALL)


def commands(group: click.Group = main, above: str = '') -> Iterator[tuple[str, click.Command]]:
    """Every command under its full name, groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield f'{above}{name}', command
        if isinstance(command, click.Group):
            yield from commands(command, f'{above}{name} ')


COMMANDS = dict(commands())


# what there is, is documented


@pytest.mark.parametrize('name', COMMANDS)
def test_every_option_of_every_command(name: str) -> None:
    text = section(page('commands'), name)
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option):
            assert any(f'`{option.opts[0]}' in row[0] for row in rows(text)), option.opts[0]
            if isinstance(option.type, click.Choice):
                described = next(row for row in rows(text) if f'`{option.opts[0]}' in row[0])
                assert all(f'`{choice}`' in ' '.join(described) for choice in option.type.choices), described


def test_every_option_of_the_program_and_only_existing_commands() -> None:
    text = page('commands')
    assert all(f'`{option.opts[0]}' in text for option in main.params)
    assert set(re.findall(r'^##+ (.+)$', text, re.MULTILINE)) == set(COMMANDS)


def test_every_exit_code() -> None:
    codes = {kind.exit_code for kind in errors.ExporterError.__subclasses__()} | {0}
    assert {row[0] for row in rows(page('commands')) if row[0].isdigit()} == {str(code) for code in codes}


def test_every_setting_with_its_default() -> None:
    table = {row[0].strip('`'): row for row in rows(section(page('settings'), 'All settings'))[1:]}
    assert set(table) == {PREFIX + name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        _, key, default, _ = table[PREFIX + name.upper()]
        assert key == f'`{name}`'
        if isinstance(field.default, tuple) and field.default:
            assert re.findall(r'`(.+?)`', default) == list(field.default)
        elif field.default not in (None, PydanticUndefined) and isinstance(field.default, str):
            assert default == f'`{field.default}`'
        assert bool(default) == (
            field.is_required()
            or name
            not in (
                'domain',
                'api_keys',
                'catalogue',
                'geo_database',
                'geo_asn_database',
                'domains',
                'follow',
                'pull',
                'opendatasoft_api_key',
                'archive_dir',
                'archive_day',
            )
        )
    assert f'`{FILE_VARIABLE}`' in page('settings')


def test_every_setting_that_a_portal_can_have_of_its_own() -> None:
    text = section(page('settings'), 'Portals that differ')
    assert set(re.findall(r'`(\w+)`', text.partition(' can be set')[0])) == set(PortalRules.model_fields)


def test_every_preset_of_data_sets() -> None:
    entries = [row[0] for row in rows(section(page('settings'), 'Data sets and actions'))]
    assert [entry.strip('`') for entry in entries if entry.strip('`') in PRESETS] == list(PRESETS)


def test_every_action() -> None:
    assert [row[0].strip('`') for row in rows(section(page('settings'), 'Data sets and actions'))[1:8]] == list(
        get_args(ActionName)
    )


def test_every_name_of_a_call_in_a_workspace() -> None:
    table = {row[0].strip('`'): re.findall(r'`(\w+)`', row[1]) for row in rows(section(page('opendatasoft'), 'Actions'))[1:]}
    assert {action: set(names) for action, names in NAMES.items()} == {
        action: set(names) - ({'records_index', 'datasets_index'} if action == 'download' else {'check'})
        for action, names in table.items()
    }


def test_every_key_of_pulled_workspaces() -> None:
    keys = [row[0].strip('`') for row in rows(section(page('settings'), 'Pulled workspaces'))[1:]]
    assert keys == list(Pull.model_fields)


def test_every_key_of_ignored_requests() -> None:
    keys = [row[0].strip('`') for row in rows(section(page('settings'), 'Ignored requests'))[1:]]
    assert keys == list(Ignore.model_fields)


def test_every_health_check_that_is_ignored() -> None:
    agents = [agent for row in rows(section(page('import'), 'Health checks'))[1:] for agent in re.findall(r'`(.+?)`', row[0])]
    assert agents == list(HEALTH_CHECKS)


def test_every_ending_of_static_files() -> None:
    endings = re.findall(r'`([./][\w.]+)`', section(page('import'), 'Static files'))
    assert endings == list(STATIC_ENDINGS)


def test_every_preset_of_log_formats() -> None:
    described = [name for row in rows(section(page('import'), 'Presets'))[1:] for name in re.findall(r'`(.+?)`', row[0])]
    assert sorted(described) == sorted([*LOG_PRESETS, *JSON_PRESETS])


def test_every_wrapper_of_logs() -> None:
    described = [name for row in rows(section(page('import'), 'Wrappers'))[1:] for name in re.findall(r'`(.+?)`', row[0])]
    assert sorted(described) == sorted(WRAPPERS)


def test_every_field_of_logs_in_json() -> None:
    described = [name for row in rows(section(page('import'), 'Logs in JSON'))[1:] for name in re.findall(r'`(.+?)`', row[0])]
    assert sorted(described) == sorted(FIELDS)


def test_every_reason() -> None:
    for_lines = rows(section(page('import'), 'What becomes of a line'))
    for_calls = rows(section(page('collector'), 'Rejects'))
    reasons = [row for table in (for_lines, for_calls) for row in table[table.index(['reason', '']) + 1 :]]
    assert {row[0] for row in reasons} == {f'`{reason}`' for reason in Reason}
    skips = for_lines[for_lines.index(['skipped because of', '']) + 1 : for_lines.index(['reason', ''])]
    assert {row[0] for row in skips} == {f'`{skip}`' for skip in Skip}
    assert all(row[1] for row in reasons + skips)


def test_every_number_of_an_imports_summary() -> None:
    table = [row[0] for row in rows(section(page('import'), 'What becomes of a line'))]
    assert {f'`{part.replace("_", " ")}`' for part in Summary().as_dict() if part not in ('read', 'skipped_by_reason')} <= set(
        table
    )


def test_every_column_of_the_public_tables(database: ClickHouse) -> None:
    for table in ('calls', 'events', 'batches', 'catalogue', 'catalogue_updates'):
        columns = database.query(
            'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {t:String} ORDER BY position',
            {'t': table},
        )
        described = [(row[0].strip('`'), row[1]) for row in rows(section(page('sql'), table))[1:]]
        assert described == [(column['name'], re.sub(r'^(Enum8)\(.*', r'\1', column['type'])) for column in columns]


def columns(database: ClickHouse, view: schema.Change) -> list[str]:
    part = view.name.partition('_')[0]
    more = f", {part}='')" if part in ('dataset', 'publisher') else ')'
    call = f'{view.name}{VIEW[:-1] + more if "{" in view.statements[0] else ""}'
    return [column['name'] for column in database.query(f'DESCRIBE (SELECT * FROM {call})')]


def test_every_view_with_its_columns(database: ClickHouse) -> None:
    described = {row[0]: re.findall(r'`(\w+)`', re.sub(r'\(.*?\)', '', row[1])) for row in rows(section(page('sql'), 'Views'))}
    for view in schema.views():
        if f'`{view.name}`' in described and not view.name.startswith('datasets'):
            assert described[f'`{view.name}`'] == columns(database, view)


def test_every_view_by_part_with_its_measures(database: ClickHouse) -> None:
    views, parts = section(page('sql'), 'Views'), section(page('sql'), 'Parts')
    head, table = '| measure | meaning |', rows(parts.partition('\n\n| view')[0])
    assert head in parts
    measures = [name for row in table[1:] for name in re.findall(r'`(\w+)`', row[0])]
    documented = {name for row in rows(views + parts) for name in re.findall(r'`(\w+)`', row[0])}
    for view in schema.views():
        assert view.name in documented
        if re.match('(calls|dataset|publisher)_by_|datasets|publishers$|themes$', view.name):
            assert [name for name in columns(database, view) if name in measures] == measures, view.name


def test_every_table_is_documented_as_public_or_internal(database: ClickHouse) -> None:
    tables = database.query("SELECT name FROM system.tables WHERE database = currentDatabase() AND name NOT LIKE '%\\_mv'")
    assert all(f'`{row["name"]}`' in page('sql') for row in tables)


def test_the_keys_of_a_report_as_json(settings: pytest.MonkeyPatch) -> None:
    settings.setenv('USAGE_DOMAIN', 'data.example.org')
    line = '192.0.2.7 - - [01/Nov/2026:08:30:00 +0100] "GET / HTTP/1.1" 200 512'
    assert CliRunner().invoke(main, ['import', '-'], line).exit_code == 0
    keys = json.loads(CliRunner().invoke(main, ['report', '--format', 'json']).stdout)
    text = section(page('commands'), 'report').partition('prints one object:')[2].partition('A value')[0]
    assert re.findall(r'`(\w+)`', re.sub(r'\(.*?\)', '', text, flags=re.DOTALL)) == list(keys)


# what the documentation shows, works


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_every_command_line_is_valid(path: Path) -> None:
    for block in blocks(path.read_text(encoding='utf-8'), 'sh'):
        for line in block.splitlines():
            for words in re.findall(PROGRAM + r'([^|<>;&)]*)', line):
                takes(shlex.split(words, comments=True))


def takes(words: list[str]) -> None:
    """Fails if these words are wrong usage of the program."""
    command: click.Command = main
    while isinstance(command, click.Group):
        context = click.Context(command, help_option_names=['-h', '--help'])  # a command keeps its first ones
        _, words, _ = command.make_parser(context).parse_args(words)
        name, *words = words
        subcommand = command.get_command(context, name)
        assert subcommand, f'no command {name}'
        command = subcommand
    command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_every_make_command_has_its_target(path: Path) -> None:
    text = path.read_text(encoding='utf-8')
    targets = re.findall(r'^([a-z]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    for code in blocks(text, 'sh') + re.findall(r'`(.+?)`', text):
        assert set(re.findall(r'\bmake ([a-z]+)', code)) <= set(targets)


def test_every_example_of_settings_is_taken(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.setenv('USAGE_DATA_DIR', str(tmp_path))
    examples = [block for path in PAGES for block in blocks(path.read_text(encoding='utf-8'), 'toml')]
    assert examples
    for example in examples:
        (tmp_path / 'example.toml').write_text(example)
        taken = load(tmp_path / 'example.toml')
        assert set(taken.domains) == set(tomllib.loads(example).get('domains', {}))


@pytest.mark.slow
def test_every_sql_statement_answers_for_the_demo(settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    settings.setenv('USAGE_TIMEZONE', TIMEZONE)
    assert CliRunner().invoke(main, ['demo']).exit_code == 0
    for name, least in (('sql', 21), ('alerts', 5)):
        statements = blocks(page(name), 'sql')
        assert len(statements) >= least
        for statement in statements:
            assert database.query(statement, readonly=1), statement


def test_there_are_twenty_questions_in_sql() -> None:
    questions = section_and_below(page('sql'), 'Questions')
    assert len(re.findall(r'^### .+\?$', questions, re.MULTILINE)) == len(blocks(questions, 'sql')) >= 20


@pytest.mark.slow
def test_the_picture_is_the_report_of_the_demo(settings: pytest.MonkeyPatch) -> None:
    drawing = runpy.run_path(str(DOCS / 'picture.py'))
    settings.setenv('USAGE_SECRET', drawing['SECRET'])
    assert (DOCS / 'report.svg').read_text(encoding='utf-8') == drawing['picture'](), 'run: make picture'


def import_summary(settings: pytest.MonkeyPatch, log: Path) -> dict[str, Any]:
    """What an import of the log says of its lines."""
    settings.setenv('USAGE_DOMAIN', 'data.example.org')
    return counts(run('import', log, '--format', 'json').stdout)


def test_a_copy_that_ends_early_has_the_lines_that_it_has(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = [f'192.0.2.{n} - - [01/Nov/2026:08:30:00 +0100] "GET /{"long" * 400} HTTP/1.1" 200 512\n' for n in range(4)]
    (tmp_path / 'log').write_text(''.join(lines[:2]))
    import_summary(settings, tmp_path / 'log')
    (tmp_path / 'log').write_text(''.join(lines))
    import_summary(settings, tmp_path / 'log')
    (tmp_path / 'copy').write_text(''.join(lines[:2]))
    counted = {'read': 2, 'stored': 0, 'already_stored': 2, 'skipped': 0, 'skipped_by_reason': {}, 'left': 0, 'rejected': {}}
    assert import_summary(settings, tmp_path / 'copy') == counted


# links and addresses


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the titles of a page."""
    titles = re.findall(r'^#+ (.+)$', re.sub(r'^```.*?^```', '', path.read_text(encoding='utf-8'), flags=re.M | re.S), re.M)
    return {re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles}


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_every_link_within_the_repository_has_a_target(path: Path) -> None:
    text = re.sub(r'^```.*?^```', '', path.read_text(encoding='utf-8'), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r'\]\(([^)\s]+)\)', text):
        if re.match(r'https?:', target):
            continue
        name, _, anchor = target.partition('#')
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(ROOT / target).resolve() for target in re.findall(r'\]\(([\w./]+)\)', (ROOT / 'README.md').read_text())}
    assert set(DOCS.glob('*.md')) | {ROOT / 'LICENSE'} <= linked


def test_no_file_names_a_directory_of_a_machine_or_where_packages_come_from() -> None:
    listed = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip('needs git and a checkout: install the Debian package git')
    home = re.compile(r'(?<![\w.:/])/(?:home|root|Users|work)/\w')
    registry = re.compile(r'index-url[ =]+\S*//|[/.]pypi\.org/|registry\.npmjs\.org|/artifactor[y]/|/simpl[e]/')
    for name in listed.stdout.decode().split('\0')[:-1]:
        path = ROOT / name
        if path.is_file() and b'\0' not in (content := path.read_bytes()):
            text = content.decode(errors='replace')
            assert not home.search(text), name
            assert not registry.search(text), name
