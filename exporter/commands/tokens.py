"""`tokens`: adds, lists and revokes the tokens for the HTTP interface of `serve`."""

import click

from exporter.commands.context import ROWS, Context, format_option, pass_context
from exporter.server.tokens import Scope, Tokens

EXAMPLES = """\b
Examples:
  usage-exporter tokens add --name "portal's gateway" --domain data.example.org --scope write
  usage-exporter tokens add --name dashboard --scope read
  usage-exporter tokens add --name "town hall" --domain data.example.org --publisher "City of Example" --scope read
  usage-exporter tokens list
  usage-exporter tokens revoke 1a2b3c4d
"""

COLUMNS = ['id', 'name', 'domain', 'publisher', 'scopes', 'created']


@click.group(epilog=EXAMPLES)
def tokens() -> None:
    """Manage who may send calls and read reports over HTTP.

    Without tokens, serve accepts connections from its own machine only. Changes apply to a running serve at once.
    """


@tokens.command(epilog=EXAMPLES)
@click.option('--name', required=True, metavar='N', help='The owner of the token, for your own reference.')
@click.option('--domain', metavar='D', help='The only portal that the token covers.  [default: every portal]')
@click.option(
    '--scope',
    'scopes',
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help='write: send calls and events; read: get reports. Can be given twice.',
)
@click.option(
    '--publisher',
    metavar='P',
    help="Read reports of this publisher's data sets only; with --domain, and --scope read.  [default: all]",
)
@pass_context
def add(context: Context, name: str, domain: str | None, scopes: tuple[str, ...], publisher: str | None) -> None:
    """Create a token and print it once."""
    if publisher is not None and not (publisher and domain and set(scopes) == {Scope.READ}):
        raise click.UsageError('--publisher NAME requires --domain and --scope read, without --scope write')
    portal = context.given_domain(domain) if domain else ''
    token, text = Tokens(context.settings.data_dir).add(name, portal, map(Scope, scopes), publisher or '')
    click.echo(text)
    limits = f'{publisher} of {portal}' if publisher else portal or 'every portal'
    context.note(f'token {token.id} for {limits}: store it now, it cannot be shown again')


@tokens.command('list', epilog=EXAMPLES)
@format_option('list', ROWS)
@pass_context
def list_tokens(context: Context, form: str) -> None:
    """List id, name, portal, publisher and scopes of all tokens, the oldest first."""
    rows = [
        {name: getattr(token, name) for name in COLUMNS} | {'scopes': list(token.scopes)}
        for token in Tokens(context.settings.data_dir).read()
    ]
    context.show(rows, COLUMNS, form)


@tokens.command(epilog=EXAMPLES)
@click.argument('token_id', metavar='ID')
@pass_context
def revoke(context: Context, token_id: str) -> None:
    """Make a token invalid at once."""
    store = Tokens(context.settings.data_dir)
    store.revoke(token_id)
    click.echo(f'revoked token {token_id}')
    if not store.read():
        context.note(
            f'no token is left, so nobody may send or read; add one, or delete {store.file} to open serve to its own machine'
        )
