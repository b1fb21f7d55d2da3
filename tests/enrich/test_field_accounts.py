"""Accounts from logged fields: names stay, secrets are hashed, and a field that no line has is reported once."""

import polars as pl
import pytest

from exporter.enrich.field_accounts import LEAST, FieldSample, account_reader, is_secret

ACCOUNTS = {'abc': 'city-app', 'alice': 'Alice'}


def account(source: str, value: str) -> str:
    return account_reader(source, ACCOUNTS, lambda api_key: f'hash of {api_key}')(value)


@pytest.mark.parametrize(
    'name',
    ['Authorization', 'http_authorization', 'X-Api-Key', 'apikey', 'X-App-Token', 'cookie_id', 'session', 'PHPSESSID', 'sid', 'X-Auth',
     'cs(X-Access-Key)', 'request.headers.X-Api-Key.0', 'X-JWT', 'client_secret', 'X-Password', 'connect.sid', 'api_keys'],
)  # fmt: skip
def test_secrets_by_their_names(name: str) -> None:
    assert is_secret(f'field:{name}')
    assert account(f'field:{name}', 'xyz') == 'hash of xyz'
    assert account(f'field:{name}', ' abc ') == 'city-app'


@pytest.mark.parametrize(
    'name',
    ['X-User', 'http_x_auth_request_user', 'X-Auth-Username', 'X-Consumer-Username', 'remote_user', 'SSL_CLIENT_S_DN_CN', 'X-Inside',
     'jwt_claim_sub', 'X-Keycloak-User', 'user.name', 'cs-username', 'X-Residence'],
)  # fmt: skip
def test_names_by_their_names(name: str) -> None:
    assert not is_secret(f'field:{name}')
    assert [account(f'field:{name}', value) for value in ('bob', ' bob ', 'alice', '')] == ['bob', 'bob', 'Alice', '']


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        ('Apikey abc', 'city-app'),
        ('bearer abc', 'city-app'),
        ('Token  abc', 'city-app'),
        ('abc', 'city-app'),
        ('Basic dTpw', 'hash of dTpw'),
        ('Bearer', 'hash of Bearer'),
        ('Digest username="u", nonce="1"', ''),
        ('AWS4-HMAC-SHA256 Credential=1', ''),
        ('-', ''),
        ('', ''),
        ('  ', ''),
    ],
)
def test_of_an_authorization_header_the_credentials_count(value: str, expected: str) -> None:
    assert account('field:Authorization', value) == expected


def calls(count: int, **columns: str | None) -> pl.DataFrame:
    return pl.DataFrame({f'field:{name}': [value] * count for name, value in columns.items()}, strict=False).cast(pl.String)


def test_a_field_that_no_line_has_is_reported_once() -> None:
    sample = FieldSample(['field:a', 'field:b'])
    assert sample.warning(1) == ''
    sample.add(pl.DataFrame({'path': ['/sent/over/http']}))
    sample.add(calls(LEAST - 1, a='', b=None))
    assert sample.warning() == ''
    sample.add(calls(1, a=None, b=None))
    assert sample.warning() == (
        'accounts: no line of 1,000 calls has field:b; log the field and give its notation in log_format, or correct the name'
    )
    assert sample.warning(1) == ''


def test_fields_that_lines_have_are_not_reported() -> None:
    sample = FieldSample(['field:a'])
    sample.add(calls(LEAST, a=None))
    sample.add(calls(1, a=''))  # it is logged, and no caller sent it
    assert sample.warning() == FieldSample([]).warning(0) == ''
