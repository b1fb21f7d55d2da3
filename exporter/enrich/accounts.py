"""Finds the account of a request: in the log's user field, in an API key, or in another logged field."""

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, unquote_plus

import polars as pl

from exporter.config import ACCOUNT_FIELD, PortalRules
from exporter.enrich.addresses import address_bytes
from exporter.enrich.field_accounts import account_reader
from exporter.enrich.memo import Memo
from exporter.enrich.patterns import compiles, parameter_pattern
from exporter.errors import SettingsError
from exporter.model.call import LONGEST_NAME, categorical, is_category


class Accounts:
    """Finds the accounts of requests by the rules of one portal. One thread at a time may call it.

    Raises SettingsError for an invalid rule and for an invalid file of API keys.
    """

    def __init__(self, rules: PortalRules, visitor_secret: bytes) -> None:
        self.sources = rules.accounts
        self.parameters = [source.removeprefix('query:') for source in self.sources if source.startswith('query:')]
        for name in self.parameters:
            if not compiles(parameter_pattern((name,))):
                raise SettingsError('accounts: the pattern is too long', 'use fewer or shorter patterns and names')
        accounts = _accounts_by_api_key(rules.api_keys)
        self.user_accounts = Memo(_clean_accounts)

        def account_of(text: str) -> str:
            api_key = unquote(text)
            # a raw + is a space in forms, and a + in all other clients
            account = accounts.get(api_key) or accounts.get(unquote_plus(text))
            return account or (hash_api_key(api_key, visitor_secret) if api_key else '')

        self.api_key_accounts = Memo(_accounts_by(account_of))

        def hashed(api_key: str) -> str:
            return hash_api_key(api_key, visitor_secret)

        self.field_accounts = {
            source: Memo(_accounts_by(account_reader(source, accounts, hashed))) for source in rules.account_fields
        }

    def __call__(self, calls: pl.DataFrame, queries: pl.Series, user_first: bool) -> pl.Series:
        """The account of each request (`user_id`), from the first source that names one; '' if none does.

        `queries` are the query strings, null where there is none. `user_first`: the field `user_id` comes before the rules.
        """
        sources = self.sources
        if user_first:
            sources = ('user', *(source for source in sources if source != 'user'))
        none = pl.Series('user_id', [''], categorical('user_id')).new_from_index(0, len(calls))
        accounts: pl.Series | None = None
        for source in sources:
            if source == 'user':
                named = self.user_accounts(calls['user_id'])['user_id']
            elif source.startswith(ACCOUNT_FIELD):
                has_field = source in calls.columns  # calls sent over HTTP have none
                named = self.field_accounts[source](calls[source].fill_null(''))['user_id'] if has_field else none
            else:
                api_keys = queries.str.extract(parameter_pattern((source.removeprefix('query:'),)))
                named = self.api_key_accounts(api_keys.fill_null(''))['user_id'] if api_keys.count() else none
            accounts = named if accounts is None else accounts.zip_with(~is_category(accounts, ''), named)
        return none if accounts is None else accounts


def hash_api_key(api_key: str, visitor_secret: bytes) -> str:
    """The account of an API key without a name: a short keyed hash (BLAKE2b), which does not reveal the API key."""
    return 'key-' + hashlib.blake2b(api_key.encode(), key=visitor_secret, digest_size=5, person=b'api key').hexdigest()


def _accounts_by(account_of: Callable[[str], str]) -> Callable[[pl.Series], pl.DataFrame]:
    return lambda texts: _clean_accounts(pl.Series([account_of(text) for text in texts.to_list()], dtype=pl.String))


def _clean_accounts(names: pl.Series) -> pl.DataFrame:
    """Names as accounts: stripped and cut; '' for no name, anonymous, and IP addresses, which are not stored."""
    accounts = names.str.strip_chars().str.slice(0, LONGEST_NAME)
    is_anonymous = accounts.is_in(['', '-']) | (accounts.str.to_lowercase() == 'anonymous')
    is_anonymous |= pl.Series([address_bytes(account) is not None for account in accounts.to_list()], dtype=pl.Boolean)
    return pl.DataFrame({'user_id': accounts.set(is_anonymous, '').cast(categorical('user_id'))})


def _accounts_by_api_key(file: Path | None) -> dict[str, str]:
    """The account of each API key. Raises SettingsError if the file is unreadable or not a CSV file of `key,account`."""
    if file is None:
        return {}
    try:
        with file.open(newline='', encoding='utf-8-sig') as lines:  # spreadsheets write a byte order mark
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f'{file}: cannot read the API keys ({error})', 'set api_keys to a CSV file of key,account') from error
    if rows and not {'key', 'account'} <= rows[0].keys():
        raise SettingsError(f'{file}: the first line is not key,account', 'add the line key,account')
    return {row['key']: row['account'] for row in rows}
