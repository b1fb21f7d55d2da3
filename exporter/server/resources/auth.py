"""Authorizes a request by its bearer token (RFC 6750); a client of ClickHouse sends the token as its password."""

import re
from datetime import UTC, datetime
from ipaddress import ip_address

from flask import request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from exporter.server.tokens import Scope, Token, Tokens

# The caller while no token exists: the server then listens on its own machine only.
ANYONE = Token('', '', '', tuple(Scope), datetime.min.replace(tzinfo=UTC), '')


def caller(tokens: Tokens, scope: Scope, reads_publishers: bool = False) -> Token:
    """The token of the request. Raises Unauthorized without a valid token, Forbidden if it lacks the scope.

    A token for one publisher is forbidden unless the resource limits its answer to it: `reads_publishers`.
    """
    if not tokens.needed:
        return ANYONE
    credentials = request.authorization
    text = credentials.token if credentials and credentials.type == 'bearer' else None
    return _token(tokens, text, scope, reads_publishers)


def reader_of_every_portal(tokens: Tokens) -> None:
    """Raises Unauthorized unless the password of a client of ClickHouse is a token; Forbidden if it may not read every portal."""
    if not tokens.needed:
        return
    credentials = request.authorization
    password = request.headers.get('X-ClickHouse-Key') or request.args.get('password')
    if not password and credentials:
        password = credentials.token if credentials.type == 'bearer' else credentials.password
    every_portal(_token(tokens, password, Scope.READ))


def own_host(tokens: Tokens) -> None:
    """Raises Forbidden, while no token exists, if the request names another host than this machine.

    A page of another site can make a browser on this machine send such a request (DNS rebinding).
    """
    host = request.headers.get('Host')
    if host is None or tokens.needed:
        return
    name = host.rpartition(':')[0] if re.search(r':\d*$', host) else host
    try:
        loopback = name.lower().rstrip('.') == 'localhost' or ip_address(name.strip('[]')).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise Forbidden('without tokens, only requests to localhost are answered; add a token with usage-exporter tokens add')


def _token(tokens: Tokens, text: str | None, scope: Scope, reads_publishers: bool = False) -> Token:
    token = tokens.of(text) if text else None
    if token is None:
        raise Unauthorized(
            'a valid token is required; send it as Authorization: Bearer …', www_authenticate=WWWAuthenticate('bearer')
        )
    if scope not in token.scopes:
        raise Forbidden(f'a token with the scope {scope} is required')
    if token.publisher and not reads_publishers:
        raise other_publisher(token)
    return token


def portal(token: Token, domain: str) -> str:
    """The portal of a request: `domain`, or if that is '' the token's; '' if neither names one.

    Raises Forbidden if the token is valid for another portal only.
    """
    if token.domain and domain not in ('', token.domain):
        raise Forbidden(f'the token is valid for {token.domain} only')
    return token.domain or domain


def publisher(token: Token, name: str | None) -> str | None:
    """The publisher of a request: `name`, or if that is None the token's; None if neither names one.

    Raises Forbidden if the token is valid for another publisher only.
    """
    if token.publisher and name not in (None, token.publisher):
        raise other_publisher(token)
    return token.publisher or name


def other_publisher(token: Token) -> Forbidden:
    """The answer to a request for what is not of the token's publisher."""
    return Forbidden(f'the token is valid for the reports of {token.publisher} only')


def every_portal(token: Token) -> None:
    """Raises Forbidden if the token is valid for one portal only."""
    if token.domain:
        raise Forbidden(f'a token for every portal is required; this token is valid for {token.domain} only')
