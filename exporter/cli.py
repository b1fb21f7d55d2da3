"""The command line: finds the command, hands it the settings, and says errors in one line."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import click

# For polars' memory allocator, which reads it when polars is loaded: else it gives every large block back to the system, and
# fetching its pages anew takes a tenth of an import.
os.environ.setdefault('_RJEM_MALLOC_CONF', 'oversize_threshold:0,dirty_decay_ms:5000,muzzy_decay_ms:5000')

from exporter.commands.context import Context
from exporter.errors import ExporterError

COMMANDS = {
    'init': 'setup:init',
    'import': 'imports:import_logs',
    'report': 'reports:report',
    'query': 'queries:query',
    'events': 'events:events',
    'rejected': 'rejects:rejected',
    'check': 'setup:check',
    'demo': 'demo:demo',
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
    """Loads a command when it is asked for: who wants a report should not wait for what an import needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Their names, in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = COMMANDS[cmd_name].split(':')
        command: click.Command = getattr(import_module(f'exporter.commands.{module}'), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; what fails on purpose becomes one line and an exit code."""
        try:
            return super().invoke(ctx)
        except ExporterError as error:
            if ctx.params.get('debug'):
                raise
            click.echo(f'error: {error}', err=True)
            ctx.exit(error.exit_code)


@click.group(cls=Commands, epilog=EXAMPLES, context_settings={'help_option_names': ['-h', '--help'], 'max_content_width': 120})
@click.option(
    '--config',
    type=click.Path(path_type=Path),
    metavar='FILE',
    help='The TOML file of settings.  [default: usage-exporter.toml]',
)
@click.option('--debug', is_flag=True, help='Show the traceback of an error.')
@click.version_option(package_name='usage-exporter')
@click.pass_context
def main(ctx: click.Context, config: Path | None, debug: bool) -> None:  # noqa: ARG001
    """Who uses an open-data portal: seven indicators from its API calls."""
    ctx.obj = Context(config)
