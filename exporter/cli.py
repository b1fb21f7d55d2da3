"""The command line: loads and runs the command, and prints an error as one line."""

import errno
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from exporter.errors import ErrorGroup, ExporterError
from exporter.system.startup import tune_process

tune_process()

COMMANDS = {  # where each is, and its summary: the help need not load all of them
    'init': ('init:init', 'Create the tables and views, or upgrade them to this version.'),
    'import': ('import_logs:import_logs', 'Store every call of access logs once.'),
    'serve': ('serve:serve', 'Accept calls over HTTP, follow logs, and store both.'),
    'pull': ('pull:pull', 'Store every call that an Opendatasoft workspace recorded, once.'),
    'report': ('report:report', 'Print the indicators of a portal, a data set or a publisher.'),
    'query': ('query:query', 'Run one SQL statement that only reads.'),
    'events': ('events:events', 'Record what explains a change in activity.'),
    'catalogue': ('catalogue:catalogue', "Load and show the catalogue of a portal's data sets."),
    'archive': ('archive:archive', 'Publish the numbers of a month as files that stay, or check them.'),
    'rejected': ('rejected:rejected', 'List rejected input, or read it again.'),
    'tokens': ('tokens:tokens', 'Manage who may send calls and read reports over HTTP.'),
    'forget': ('forget:forget', 'Delete calls and correct all numbers.'),
    'backup': ('backup:backup', 'Write a backup of the database.'),
    'restore': ('restore:restore', 'Restore a backup into an empty database.'),
    'prune': ('prune:prune', 'Delete data that is older than the settings allow.'),
    'grafana': ('grafana:grafana', 'Write pages and alerts for your own Grafana.'),
    'check': ('check:check', 'Check the set-up, and show how to fix its faults.'),
    'demo': ('demo:demo', 'Store the traffic of a made-up portal and print its report.'),
}
EXAMPLES = """\b
Examples:
  usage-exporter demo
  usage-exporter import access.log --domain data.example.org
  usage-exporter report --domain data.example.org --from 2026-11-01 --to 2026-11-14
  usage-exporter query "SELECT * FROM domains"

Settings come from USAGE_* variables and from usage-exporter.toml; docs/settings.md lists them.
"""


class Commands(click.Group):
    """Loads the module of a command only when it runs: a report need not wait for what an import loads."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of the commands, in the order of first use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Loads a command by its name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = COMMANDS[cmd_name][0].split(':')
        command: click.Command = getattr(import_module(f'exporter.commands.{module}'), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Writes the names and summaries of the commands."""
        with formatter.section('Commands'):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Accepts --debug anywhere before --, because users add it at the end of the command that failed."""
        options = args[: args.index('--')] if '--' in args else args
        if '--debug' in options:
            args = ['--debug', *(option for option in options if option != '--debug'), *args[len(options) :]]
        with _print_error(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        with _print_error(ctx):
            return super().invoke(ctx)


@contextmanager
def _print_error(ctx: click.Context) -> Iterator[None]:
    """Prints each error as one line on standard error and sets the exit code; with --debug, the traceback comes first."""
    try:
        yield
    except (click.exceptions.NoArgsIsHelpError, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:  # the reader closed the pipe, as head does
            raise
        if ctx.params.get('debug'):
            traceback.print_exc()
        descriptions = [_describe(part) for part in (error.exceptions if isinstance(error, ErrorGroup) else [error])]
        for line, _ in descriptions:
            click.echo(f'error: {line}', err=True)
        ctx.exit(max(code for _, code in descriptions))


def _describe(error: Exception) -> tuple[str, int]:
    """The line and the exit code of an error."""
    match error:
        case ExporterError():
            return str(error), error.exit_code
        case click.UsageError():
            line = ' '.join(error.format_message().split()).rstrip('.')
            line += ' See ' if line.endswith('?') else '; see '
            return line + (f'{error.ctx.command_path} --help' if error.ctx else '--help'), error.exit_code
        case OSError(strerror=str()):
            return f'{error.filename or "system"}: {error.strerror}; fix it and run the command again', 1
    return f'{type(error).__name__}: {error}; this is a bug in usage-exporter: report it with the output of --debug', 1


@click.group(cls=Commands, epilog=EXAMPLES, context_settings={'help_option_names': ['-h', '--help'], 'max_content_width': 120})
@click.option(
    '--config',
    type=click.Path(path_type=Path),
    metavar='FILE',
    help='The settings file (TOML).  [default: usage-exporter.toml]',
)
@click.option('--debug', is_flag=True, help='Show the traceback of an error.')
@click.version_option(package_name='usage-exporter')
@click.pass_context
def main(ctx: click.Context, config: Path | None, debug: bool) -> None:  # noqa: ARG001
    """Show who uses an open-data portal: seven indicators from its API calls."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors='replace')  # show ? for what the encoding of the terminal lacks
    from exporter.commands.context import Context  # here, so that Ctrl-C while it loads prints no traceback

    ctx.obj = Context(config)
