"""Authorizes a request by its bearer token (RFC 6750)."""

from datetime import UTC, datetime

from flask import request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from exporter.server.tokens import Scope, Token, Tokens

# The caller while no token exists: the server then listens on its own machine only.
ANYONE = Token('', '', '', tuple(Scope), datetime.min.replace(tzinfo=UTC), '')


def caller(tokens: Tokens, scope: Scope) -> Token:
    """The token of the request. Raises Unauthorized without a valid token, Forbidden if it lacks the scope."""
    if not tokens.needed:
        return ANYONE
    credentials = request.authorization
    token = tokens.of(credentials.token) if credentials and credentials.type == 'bearer' and credentials.token else None
    if token is None:
        raise Unauthorized(
            'a valid token is required; send it as Authorization: Bearer …', www_authenticate=WWWAuthenticate('bearer')
        )
    if scope not in token.scopes:
        raise Forbidden(f'a token with the scope {scope} is required')
    return token


def portal(token: Token, domain: str) -> str:
    """The portal of a request: `domain`, or if that is '' the token's; '' if neither names one.

    Raises Forbidden if the token is valid for another portal only.
    """
    if token.domain and domain not in ('', token.domain):
        raise Forbidden(f'the token is valid for {token.domain} only')
    return token.domain or domain


def every_portal(token: Token) -> None:
    """Raises Forbidden if the token is valid for one portal only."""
    if token.domain:
        raise Forbidden(f'a token for every portal is required; this token is valid for {token.domain} only')
