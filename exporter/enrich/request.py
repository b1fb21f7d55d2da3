"""What a request tells: whether it is an API call, which data set it asks, whose key it shows."""

import csv
import hashlib
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_plus

import polars as pl

from exporter.config import PortalRules
from exporter.enrich.addresses import address_bytes
from exporter.enrich.memo import Memo
from exporter.errors import SettingsError
from exporter.model.call import categorical, is_category
from exporter.model.reject import Skip

LONGEST_PATH = 2_048  # characters kept of a path
LONGEST_NAME = 200  # characters kept of an account or a data set


class Rule(NamedTuple):
    """Where a data set is written: in the group of `path`, or in a parameter of the requests whose path matches."""

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
    """Reads the requests of one portal by its rules. Raises SettingsError for a rule that cannot be used."""

    def __init__(self, portal: PortalRules, key: bytes) -> None:
        self.sources = portal.accounts
        self.api_paths = '|'.join(f'^{".*".join(map(re.escape, path.split("*")))}$' for path in portal.paths)
        self.rules = [rule for name in portal.datasets for rule in _rules(name)]
        of_accounts = (_parameters((source.removeprefix('query:'),)) for source in self.sources if source != 'user')
        for setting, pattern in (('paths', self.api_paths), *(('accounts', pattern) for pattern in of_accounts)):
            if not _compiles(pattern):
                raise SettingsError(f'{setting}: the pattern is too long', 'use fewer or shorter patterns and names')
        self.of_path = Memo(self._of_paths)
        names = _names_of_keys(portal.api_keys)
        self.account_of_user = Memo(_accounts)
        self.dataset_of_text = Memo(_datasets)
        self.dataset_said = Memo(lambda names: pl.DataFrame({'dataset_id': names.cast(categorical('dataset_id'))}))
        self.account_of_key = Memo(
            lambda keys: _accounts(
                pl.Series([names.get(k) or (hashed_key(k, key) if k else '') for k in keys.to_list()], dtype=pl.String)
            )
        )

    def __call__(self, calls: pl.DataFrame) -> pl.DataFrame:
        """`user_id`, `path` without its query string, `dataset_id`, and `skip`: why it is no API call; null where it is one.

        What calls say themselves (SAID) goes before what the rules find.
        """
        cut = calls['path'].str.splitn('?', 2).struct.rename_fields(['path', 'query']).struct.unnest()
        known = self.of_path(cut['path'])
        path = cut['path'].str.slice(0, LONGEST_PATH) if (cut['path'].str.len_bytes() > LONGEST_PATH).any() else cut['path']
        for name in (source.removeprefix('query:') for source in self.sources if source != 'user'):
            if path.str.contains(f'{name}=', literal=True).any():  # its ? was forgotten: a key is not stored
                path = path.str.replace_all(f'{re.escape(name)}=[^&/]*', f'{name}='.replace('$', '$$'))
        sources, datasets = self.sources, self._datasets(known, cut['query'])
        if 'dataset_id' in calls.columns:
            sources = ('user', *(source for source in sources if source != 'user'))
            said = self.dataset_said(calls['dataset_id'])['dataset_id']
            datasets = said.zip_with(~is_category(said, ''), datasets)
        return pl.DataFrame(
            [
                path,
                self._accounts(sources, calls['user_id'], cut['query']),
                datasets,
                _skip(calls['method'], known['api_call']),
            ]
        )

    def _accounts(self, sources: tuple[str, ...], users: pl.Series, queries: pl.Series) -> pl.Series:
        nobody = pl.Series('user_id', [''], categorical('user_id')).new_from_index(0, len(users))
        found: pl.Series | None = None
        for source in sources:  # the first that names somebody wins
            if source == 'user':
                named = self.account_of_user(users)['user_id']
            else:
                keys = queries.str.extract(_parameters((source.removeprefix('query:'),)))
                named = self.account_of_key(keys.fill_null(''))['user_id'] if keys.count() else nobody
            found = named if found is None else found.zip_with(~is_category(found, ''), named)
        return nobody if found is None else found

    def _of_paths(self, paths: pl.Series) -> pl.DataFrame:
        """What is known without the query string: the data set, by which rule else the query names it (0: by none), and
        whether this is an API call."""
        path = pl.col('path')
        in_path = [path.str.extract(rule.path) for rule in self.rules if not rule.parameters]
        in_query = [
            pl.when(path.str.contains(rule.path)).then(number) for number, rule in enumerate(self.rules, 1) if rule.parameters
        ]
        known = paths.to_frame('path').select(
            text=pl.coalesce(*in_path, pl.lit('')),
            rule=pl.coalesce(*in_query, pl.lit(0)).cast(pl.UInt32),
            api_call=path.str.contains(self.api_paths),
        )
        return known.with_columns(_datasets(known['text'])['dataset_id'])

    def _datasets(self, known: pl.DataFrame, queries: pl.Series) -> pl.Series:
        found = known['dataset_id']
        for number in filter(None, known['rule'].unique().to_list()):
            asked = (known['rule'] == number) & is_category(found, '')
            texts = queries.set(~asked, None).str.extract(_parameters(self.rules[number - 1].parameters)).fill_null('')
            found = found.zip_with(~asked, self.dataset_of_text(texts)['dataset_id'])
        return found


def _skip(methods: pl.Series, api_calls: pl.Series) -> pl.Series:
    """Why requests are skipped; null where they are not."""
    options = methods == 'OPTIONS'
    if api_calls.all() and not options.any():
        return pl.Series('skip', [None], pl.String).new_from_index(0, len(methods))
    reason = pl.when(options).then(pl.lit(Skip.METHOD.value)).when(~api_calls).then(pl.lit(Skip.PATH.value))
    return pl.select(reason.alias('skip')).to_series()


def hashed_key(value: str, key: bytes) -> str:
    """The account of an API key that no file names: a short keyed hash, which does not give the API key away."""
    return 'key-' + hashlib.blake2b(value.encode(), key=key, digest_size=5, person=b'api key').hexdigest()


def _parameters(names: tuple[str, ...]) -> str:
    return rf'(?:^|&)(?:{"|".join(map(re.escape, names))})=([^&#]+)'


def _compiles(pattern: str) -> bool:
    """Whether polars can look for a pattern: it is one, and not too large."""
    try:
        pl.Series([''], dtype=pl.String).str.contains(pattern)
    except pl.exceptions.ComputeError:
        return False
    return True


def _rules(name: str) -> tuple[Rule, ...]:
    if name in PRESETS:
        return PRESETS[name]
    parameter = name.removeprefix('query:')
    if parameter != name and _compiles(_parameters((parameter,))):
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


def _accounts(names: pl.Series) -> pl.DataFrame:
    """The accounts that are meant; '' where nobody is."""
    name = names.str.strip_chars().str.slice(0, LONGEST_NAME)
    nobody = name.is_in(['', '-']) | (name.str.to_lowercase() == 'anonymous')
    nobody |= pl.Series(
        [address_bytes(text) is not None for text in name.to_list()], dtype=pl.Boolean
    )  # addresses are not stored
    return pl.DataFrame({'user_id': name.set(nobody, '').cast(categorical('user_id'))})


def _datasets(texts: pl.Series) -> pl.DataFrame:
    """The data sets, without their percent signs."""
    names = pl.Series([unquote_plus(text)[:LONGEST_NAME] for text in texts.to_list()], dtype=pl.String)
    return pl.DataFrame({'dataset_id': names.cast(categorical('dataset_id'))})


def _names_of_keys(file: Path | None) -> dict[str, str]:
    """The accounts of API keys. Raises SettingsError where the file is not there or is no CSV of `key,account`."""
    if file is None:
        return {}
    try:
        with file.open(newline='', encoding='utf-8-sig') as lines:  # spreadsheets write a mark first
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f'{file}: cannot read the API keys ({error})', 'set api_keys to a CSV file of key,account') from error
    if rows and not {'key', 'account'} <= rows[0].keys():
        raise SettingsError(f'{file}: the first line is not key,account', 'add the line key,account')
    return {row['key']: row['account'] for row in rows}
