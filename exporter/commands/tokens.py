"""`tokens`: who may send calls to `serve`, and read reports from it."""

import click

from exporter.commands.context import FORMATS, Context, pass_context
from exporter.server.tokens import Scope, Tokens

EXAMPLES = """\b
Examples:
  usage-exporter tokens add --name "portal's gateway" --domain data.example.org --scope write
  usage-exporter tokens add --name dashboard --scope read
  usage-exporter tokens list
  usage-exporter tokens revoke 1a2b3c4d
"""


@click.group(epilog=EXAMPLES)
def tokens() -> None:
    """Say who may send calls and read reports over HTTP.

    Without any token serve listens to its own machine only. A serve that runs sees what is changed here at once.
    """


@tokens.command(epilog=EXAMPLES)
@click.option('--name', required=True, metavar='N', help='Whose it is; only for your own overview.')
@click.option('--domain', metavar='D', help='The only portal that it is good for.  [default: every portal]')
@click.option(
    '--scope',
    'scopes',
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help='write: send calls and events; read: get reports. May be given twice.',
)
@pass_context
def add(context: Context, name: str, domain: str | None, scopes: tuple[str, ...]) -> None:
    """Make a token and print it, this once."""
    portal = context.given_domain(domain) if domain else ''
    token, text = Tokens(context.settings.data_dir).add(name, portal, map(Scope, scopes))
    click.echo(text)
    context.note(f'token {token.id} for {portal or "every portal"}: it is shown this once, so keep it in a safe place')


@tokens.command('list', epilog=EXAMPLES)
@click.option('--format', 'form', type=FORMATS, default='table', show_default=True, help='How to print them.')
@pass_context
def list_tokens(context: Context, form: str) -> None:
    """List the tokens, the oldest first, without what they are."""
    rows = [
        {'id': token.id, 'name': token.name, 'domain': token.domain, 'scopes': list(token.scopes), 'created': token.created}
        for token in Tokens(context.settings.data_dir).listed()
    ]
    context.show(rows, ['id', 'name', 'domain', 'scopes', 'created'], form)


@tokens.command(epilog=EXAMPLES)
@click.argument('token_id', metavar='ID')
@pass_context
def revoke(context: Context, token_id: str) -> None:
    """Make a token worthless, at once."""
    kept = Tokens(context.settings.data_dir)
    kept.revoke(token_id)
    click.echo(f'revoked token {token_id}')
    if not kept.listed():
        context.note(f'no token is left, so nobody may send or read; add one, or remove {kept.file} to open serve to its machine')
