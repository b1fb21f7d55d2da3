"""Who may: the bearer token (RFC 6750) that a request shows."""

from datetime import UTC, datetime

from flask import request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from exporter.server.tokens import Scope, Token, Tokens

# Who calls where no token is needed: the server is then reached from its own machine only.
ANYBODY = Token('', '', '', tuple(Scope), datetime.min.replace(tzinfo=UTC), '')


def caller(tokens: Tokens, scope: Scope) -> Token:
    """Who sends the request. Raises Unauthorized without a token that there is, Forbidden for one without this scope."""
    if not tokens.needed:
        return ANYBODY
    shown = request.authorization
    token = tokens.of(shown.token) if shown and shown.type == 'bearer' and shown.token else None
    if token is None:
        raise Unauthorized(
            'a valid token is required; send it as Authorization: Bearer …', www_authenticate=WWWAuthenticate('bearer')
        )
    if scope not in token.scopes:
        raise Forbidden(f'a token with the scope {scope} is required')
    return token


def portal(token: Token, named: str) -> str:
    """The portal that a caller means; '' where none is named nor implied. Raises Forbidden for one that is not theirs."""
    if token.domain and named not in ('', token.domain):
        raise Forbidden(f'the token is valid for {token.domain} only')
    return token.domain or named


def every_portal(token: Token) -> None:
    """Raises Forbidden for a token that is for one portal."""
    if token.domain:
        raise Forbidden(f'a token for every portal is required; this token is valid for {token.domain} only')
