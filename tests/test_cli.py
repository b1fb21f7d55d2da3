"""The command line prints help with examples, errors in one line with an exit code, and nothing after a closed pipe."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from access_logs import line, run
from files import ROOT

from exporter.cli import COMMANDS, main

INTERRUPTED = """
import os, signal, sys, threading
from exporter.cli import main

threading.Timer(float(sys.argv[1]), os.kill, (os.getpid(), signal.SIGINT)).start()
main(sys.argv[2:])
"""
PROGRAM = [sys.executable, '-c', 'from exporter.cli import main; main()']


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, as a tuple of words."""
    yield path
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command, name
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.fixture
def environment(settings: pytest.MonkeyPatch) -> None:
    """What another process needs: its own embedded engine, and this program."""
    settings.delenv('USAGE_CLICKHOUSE_URL')
    settings.setenv('PYTHONPATH', str(ROOT))


@pytest.mark.parametrize('command', list(commands()), ids=' '.join)
def test_help_of_every_command_has_valid_examples(command: tuple[str, ...]) -> None:
    result = run(*command, '--help')
    assert result.exit_code == 0
    assert run(*command, '-h').stdout == result.stdout
    _, _, examples = result.stdout.partition('\n  Examples:\n')
    typed = shlex.split(examples.partition('\n\n')[0])
    starts = [at for at, word in enumerate(typed) if word == 'usage-exporter']
    assert starts
    for start, end in zip(starts, [*starts[1:], len(typed)], strict=True):
        assert run(*typed[start + 1 : end], '--help').exit_code == 0, typed[start:end]


def test_commands_are_listed_with_a_whole_sentence_in_80_columns() -> None:
    lines = run('--help').stdout.partition('Commands:\n')[2].partition('\n\n')[0].splitlines()
    assert [entry.split()[0] for entry in lines] == main.list_commands(click.Context(main))
    assert all(entry.endswith('.') and not entry.endswith('...') for entry in lines), lines


def test_the_summary_of_a_command_is_that_of_its_own_help() -> None:
    context = click.Context(main)
    for name, (_, summary) in COMMANDS.items():
        command = main.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(1_000) == summary


def test_the_help_loads_no_command() -> None:
    program = 'import sys; from exporter.cli import main; main(["--help"], standalone_mode=False); print(*sys.modules)'
    loaded = subprocess.run([sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {'exporter.config', 'polars', 'pydantic', 'rich'} & set(loaded.split())


def test_without_a_command_it_prints_its_help() -> None:
    assert run('--help').stdout.strip() in run().output
    assert 'usage-exporter events list' in run('events').output


def test_it_prints_its_version() -> None:
    assert re.fullmatch(r'main, version \d+\.\d+\.\d+\n', run('--version').stdout)


@pytest.mark.parametrize(
    ('arguments', 'error'),
    [
        (['frobnicate'], "No such command 'frobnicate'; see usage-exporter --help"),
        (['events', 'frobnicate'], "No such command 'frobnicate'; see usage-exporter events --help"),
        (['--frobnicate'], "No such option '--frobnicate'; see usage-exporter --help"),
        (['report', '--zzz'], "No such option '--zzz'; see usage-exporter report --help"),
        (['report', '--frobnicate'], "No such option '--frobnicate'. Did you mean '--format'? See main report --help"),
        (['report', '--form', 'csv'], "No such option '--form'."),
        (['report', '--format', 'xml'], "Invalid value for '--format': 'xml' is not one of 'table', 'json', 'csv'"),
        (['report', '--from'], "Option '--from' requires an argument"),
        (['query'], "Missing argument 'SQL'; see usage-exporter query --help"),
        (['report', 'x'], 'Got unexpected extra argument (x); see usage-exporter report --help'),
        (['query', 'DROP TABLE calls'], 'only statements that read are allowed'),
        (['--config', 'none.toml', 'report'], 'none.toml: cannot read the settings (No such file or directory)'),
    ],
)
def test_wrong_usage_is_one_line_with_exit_code_2(arguments: list[str], error: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, '')
    assert result.stderr.startswith(f'error: {error}'.replace('usage-exporter', 'main'))
    assert result.stderr.count('\n') == 1


def test_a_failure_is_one_line_with_exit_code_1(settings: pytest.MonkeyPatch) -> None:
    settings.setenv('USAGE_CLICKHOUSE_URL', 'http://127.0.0.1:9/usage')
    result = run('report')
    assert (result.exit_code, result.stdout) == (1, '')
    assert (
        result.stderr
        == 'error: http://127.0.0.1:9/usage: no ClickHouse server answers; start it or correct USAGE_CLICKHOUSE_URL\n'
    )


@pytest.mark.usefixtures('settings')
def test_an_error_of_the_disk_is_one_line_with_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'rejected').touch()  # where the directory of rejects should be
    result = run('import', '-', '--domain', 'a.org', stdin=f'{line(1)}\nno call\n'.encode())
    assert result.exit_code == 1
    assert result.stderr == f'error: {tmp_path}/data/rejected: File exists; fix it and run the command again\n'


@pytest.fixture
def a_bug() -> Iterator[None]:
    """A command with a bug."""
    main.add_command(click.Command('divide', callback=lambda: 1 // 0))
    yield
    del main.commands['divide']


@pytest.mark.usefixtures('a_bug')
def test_a_bug_is_one_line_too() -> None:
    result = run('divide')
    assert (result.exit_code, result.stdout) == (1, '')
    assert result.stderr.startswith('error: ZeroDivisionError: ')
    assert '--debug' in result.stderr
    assert result.stderr.count('\n') == 1
    assert 'line' in run('--debug', 'divide').stderr


@pytest.mark.parametrize('arguments', [['--debug', 'query', 'DROP'], ['query', 'DROP', '--debug'], ['query', '--debug', 'DROP']])
def test_debug_shows_the_traceback_at_any_position(arguments: list[str]) -> None:
    plain = run('query', 'DROP')
    result = run(*arguments)
    assert result.exit_code == plain.exit_code == 2
    assert result.stderr.startswith('Traceback (most recent call last):\n')
    assert 'exporter/commands/query.py' in result.stderr
    assert result.stderr.endswith(plain.stderr)


def test_arguments_after_two_dashes_are_not_options() -> None:
    result = run('query', '--', '--debug')
    assert result.exit_code == 2
    assert 'only statements that read are allowed' in result.stderr
    assert 'Traceback' not in result.stderr


@pytest.mark.usefixtures('settings')
def test_settings_come_from_the_named_file(tmp_path: Path) -> None:
    file = tmp_path / 'other.toml'
    file.write_text("timezone = 'Europe/Paris'\n")
    assert run('--config', file, 'events', 'add', 'Published', '--start', '2026-11-03').exit_code == 0
    assert '2026-11-03T00:00:00+01:00' in run('--config', file, 'events', 'list').stdout
    file.write_text("timezona = 'Europe/Paris'\n")
    wrong = run('--config', file, 'events', 'list')
    assert (wrong.exit_code, wrong.stdout) == (2, '')
    assert 'did you mean timezone?' in wrong.stderr


@pytest.mark.usefixtures('environment')
def test_a_closed_pipe_prints_no_error() -> None:
    command = [*PROGRAM, 'query', 'SELECT number FROM numbers(300000)', '--format', 'csv']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b'number\n'
        process.stdout.close()
        assert process.stderr.read() == b''


@pytest.mark.slow
@pytest.mark.usefixtures('environment')
@pytest.mark.parametrize('seconds', [0.05, 2.5])  # while it loads; in the middle of a query
def test_an_interrupt_ends_it_at_once_without_a_traceback(seconds: float) -> None:
    endless = 'SELECT count() FROM numbers(100000000000000) WHERE NOT ignore(sipHash64(number))'
    command = [sys.executable, '-c', INTERRUPTED, str(seconds), 'query', endless]
    result = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert result.stdout == b''
    assert b'Traceback' not in result.stderr
    assert result.returncode != 0


@pytest.mark.usefixtures('environment')
def test_a_terminal_that_is_not_utf_8_shows_question_marks(settings: pytest.MonkeyPatch) -> None:
    settings.setenv('PYTHONIOENCODING', 'ascii')
    result = subprocess.run([*PROGRAM, 'query', "SELECT 'é' AS a"], capture_output=True, check=True)
    assert result.stdout.split()[-1:] == [b'?']
