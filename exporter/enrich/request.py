"""Reads requests: whether a request is an API call, its data set and its account."""

import csv
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

import polars as pl

from exporter.config import ACCOUNT_FIELD, PortalRules
from exporter.enrich.addresses import address_bytes
from exporter.enrich.field_accounts import account_reader
from exporter.enrich.memo import Memo
from exporter.errors import SettingsError
from exporter.model.call import categorical, is_category
from exporter.model.reject import Skip

LONGEST_PATH = 2_048  # characters of a path that are stored
LONGEST_NAME = 200  # characters of an account or a data set that are stored


class Rule(NamedTuple):
    """Where a request names its data set: in the group of `path`, or in a parameter if the path matches."""

    path: str
    parameters: tuple[str, ...] = ()


PRESETS = {
    # https://help.opendatasoft.com/apis/ods-explore-v2/ and, before it, /apis/ods-explore-v1/
    'opendatasoft': (
        Rule(r'^/(?:api/(?:explore/)?v2(?:\.\d)?/catalog/datasets|(?:explore|map)/(?:embed/)?dataset)/([^/]+)'),
        Rule(r'^/api/(?:records|datasets)/1\.0/', ('dataset', 'datasetid')),
    ),
    # https://docs.ckan.org/en/latest/api/
    'ckan': (
        Rule(r'^/(?:dataset|datastore/dump)/([^/]+)'),
        Rule(r'^/api/(?:3/)?action/', ('id', 'resource_id', 'package_id')),
    ),
    # https://dev.socrata.com/docs/endpoints.html
    'socrata': (Rule(r'^/(?:resource|api/id|api/views|api/v3/views|d)/([0-9a-z]{4}-[0-9a-z]{4})(?:\W|$)'),),
}


class Requests:
    """Reads the requests of one portal by its rules. One thread at a time may call it.

    Raises SettingsError for an invalid rule.
    """

    def __init__(self, rules: PortalRules, visitor_secret: bytes) -> None:
        self.sources = rules.accounts
        self.account_parameters = [source.removeprefix('query:') for source in self.sources if source.startswith('query:')]
        self.api_paths = '|'.join(f'^{".*".join(map(re.escape, path.split("*")))}$' for path in rules.paths)
        self.rules = [rule for name in rules.datasets for rule in _rules(name)]
        account_patterns = (_parameter_pattern((name,)) for name in self.account_parameters)
        for setting, pattern in (('paths', self.api_paths), *(('accounts', pattern) for pattern in account_patterns)):
            if not _compiles(pattern):
                raise SettingsError(f'{setting}: the pattern is too long', 'use fewer or shorter patterns and names')
        accounts = _accounts_by_api_key(rules.api_keys)
        self.read_paths = Memo(self._read_paths)
        self.user_accounts = Memo(_clean_accounts)
        self.clean_datasets = Memo(_clean_datasets)
        self.given_datasets = Memo(lambda names: pl.DataFrame({'dataset_id': names.cast(categorical('dataset_id'))}))

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

    def __call__(self, calls: pl.DataFrame) -> pl.DataFrame:
        """A row for each call: `path` without its query string, `user_id`, `dataset_id` and `skip`, the reason or null.

        An account or data set that a call itself gives takes precedence over the rules.
        """
        split = calls  # a format may have split them
        if 'query' not in calls.columns:
            split = calls['path'].str.splitn('?', 2).struct.rename_fields(['path', 'query']).struct.unnest()
        path_rows, queries = self.read_paths(split['path']), split['query']
        sources, datasets = self.sources, self._find_datasets(path_rows, queries)
        if 'dataset_id' in calls.columns:
            sources = ('user', *(source for source in sources if source != 'user'))
            given = self.given_datasets(calls['dataset_id'])['dataset_id']
            datasets = given.zip_with(~is_category(given, ''), datasets)
        accounts = self._find_accounts(sources, calls, queries)
        return pl.DataFrame([path_rows['path'], accounts, datasets, _skip_reasons(calls['method'], path_rows['api_call'])])

    def _find_accounts(self, sources: tuple[str, ...], calls: pl.DataFrame, queries: pl.Series) -> pl.Series:
        """The account of each request, from the first source that names one; '' if none does."""
        none = pl.Series('user_id', [''], categorical('user_id')).new_from_index(0, len(calls))
        accounts: pl.Series | None = None
        for source in sources:
            if source == 'user':
                named = self.user_accounts(calls['user_id'])['user_id']
            elif source.startswith(ACCOUNT_FIELD):
                has_field = source in calls.columns  # calls sent over HTTP have none
                named = self.field_accounts[source](calls[source].fill_null(''))['user_id'] if has_field else none
            else:
                api_keys = queries.str.extract(_parameter_pattern((source.removeprefix('query:'),)))
                named = self.api_key_accounts(api_keys.fill_null(''))['user_id'] if api_keys.count() else none
            accounts = named if accounts is None else accounts.zip_with(~is_category(accounts, ''), named)
        return none if accounts is None else accounts

    def _read_paths(self, paths: pl.Series) -> pl.DataFrame:
        """A row for each path: as it is stored, its data set, the number of the rule for a data set in the query (0: none), and
        `api_call`."""
        path = pl.col('path')
        in_path = [path.str.extract(rule.path) for rule in self.rules if not rule.parameters]
        in_query = [
            pl.when(path.str.contains(rule.path)).then(number) for number, rule in enumerate(self.rules, 1) if rule.parameters
        ]
        rows = paths.to_frame('path').select(
            path=self._stored_path(),
            text=pl.coalesce(*in_path, pl.lit('')),
            rule=pl.coalesce(*in_query, pl.lit(0)).cast(pl.UInt32),
            api_call=path.str.contains(self.api_paths),
        )
        return rows.with_columns(_clean_datasets(rows['text'])['dataset_id'])

    def _stored_path(self) -> pl.Expr:
        """A path as it is stored: cut, and without API keys, which a request without ? may have."""
        path = pl.col('path').str.slice(0, LONGEST_PATH)
        for name in self.account_parameters:
            path = path.str.replace_all(f'{_encodable(name)}=[^&/]*', f'{name}='.replace('$', '$$'))
        return path

    def _find_datasets(self, path_rows: pl.DataFrame, queries: pl.Series) -> pl.Series:
        """The data set of each request, from its path or else from its query; '' if neither names one."""
        datasets = path_rows['dataset_id']
        for number in filter(None, path_rows['rule'].unique().to_list()):
            applies = (path_rows['rule'] == number) & is_category(datasets, '')
            pattern = _parameter_pattern(self.rules[number - 1].parameters)
            texts = queries.set(~applies, None).str.extract(pattern).fill_null('')
            datasets = datasets.zip_with(~applies, self.clean_datasets(texts)['dataset_id'])
        return datasets


def _skip_reasons(methods: pl.Series, api_calls: pl.Series) -> pl.Series:
    """The reason to skip each request, or null."""
    options = methods == 'OPTIONS'
    if api_calls.all() and not options.any():
        return pl.Series('skip', [None], pl.String).new_from_index(0, len(methods))
    reason = pl.when(options).then(pl.lit(Skip.METHOD.value)).when(~api_calls).then(pl.lit(Skip.PATH.value))
    return pl.select(reason.alias('skip')).to_series()


def hash_api_key(api_key: str, visitor_secret: bytes) -> str:
    """The account of an API key without a name: a short keyed hash (BLAKE2b), which does not reveal the API key."""
    return 'key-' + hashlib.blake2b(api_key.encode(), key=visitor_secret, digest_size=5, person=b'api key').hexdigest()


def _parameter_pattern(names: tuple[str, ...]) -> str:
    """A pattern with the value of the first of these parameters of a query string as its group."""
    return rf'(?:^|&)(?:{"|".join(map(_encodable, names))})=([^&#]+)'


def _encodable(name: str) -> str:
    """A pattern for a name, of which each character may be percent-encoded: browsers write $ as %24."""
    encoded = [''.join(f'%{byte:02x}' for byte in character.encode()) for character in name]
    return ''.join(f'(?:{re.escape(character)}|(?i:{code}))' for character, code in zip(name, encoded, strict=True))


def _compiles(pattern: str) -> bool:
    """Whether polars accepts a pattern: it is valid and not too large."""
    try:
        pl.Series([''], dtype=pl.String).str.contains(pattern)
    except pl.exceptions.ComputeError:
        return False
    return True


def _rules(name: str) -> tuple[Rule, ...]:
    if name in PRESETS:
        return PRESETS[name]
    parameter = name.removeprefix('query:')
    if parameter != name and _compiles(_parameter_pattern((parameter,))):
        return (Rule('', (parameter,)),)
    try:
        groups = re.compile(name).groups if _compiles(name) else 0
    except re.error:
        groups = 0
    if groups != 1:
        raise SettingsError(
            f'datasets: invalid rule {name[:200]!r}',
            f'use a preset ({", ".join(PRESETS)}), query:NAME or a pattern with one group',
        )
    return (Rule(name),)


def _accounts_by(account_of: Callable[[str], str]) -> Callable[[pl.Series], pl.DataFrame]:
    return lambda texts: _clean_accounts(pl.Series([account_of(text) for text in texts.to_list()], dtype=pl.String))


def _clean_accounts(names: pl.Series) -> pl.DataFrame:
    """Names as accounts: stripped and cut; '' for no name, anonymous, and IP addresses, which are not stored."""
    accounts = names.str.strip_chars().str.slice(0, LONGEST_NAME)
    is_anonymous = accounts.is_in(['', '-']) | (accounts.str.to_lowercase() == 'anonymous')
    is_anonymous |= pl.Series([address_bytes(account) is not None for account in accounts.to_list()], dtype=pl.Boolean)
    return pl.DataFrame({'user_id': accounts.set(is_anonymous, '').cast(categorical('user_id'))})


def _clean_datasets(texts: pl.Series) -> pl.DataFrame:
    """Texts as data sets: percent-decoded and cut."""
    names = pl.Series([unquote_plus(text)[:LONGEST_NAME] for text in texts.to_list()], dtype=pl.String)
    return pl.DataFrame({'dataset_id': names.cast(categorical('dataset_id'))})


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
