"""What a request tells: whether it is an API call, which data set it asks, whose key it shows."""

import csv
import hashlib
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_plus

import polars as pl

from exporter.config import Portal
from exporter.enrich.distinct import Distinct
from exporter.errors import SettingsError

LONGEST_PATH = 2_048  # characters kept of a path
LONGEST_NAME = 200  # characters kept of an account or a data set


class Rule(NamedTuple):
    """Where a data set is written: in the group of `path`, or in a parameter of the requests whose path matches."""

    path: str
    parameters: tuple[str, ...] = ()


PRESETS = {
    # https://help.opendatasoft.com/apis/ods-explore-v2/ and, before it, /apis/ods-explore-v1/
    'opendatasoft': (
        Rule(r'^/(?:api/(?:explore/)?v2\.\d/catalog/datasets|(?:explore|map)/(?:embed/)?dataset)/([^/]+)'),
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

    def __init__(self, portal: Portal, key: bytes) -> None:
        self.sources = portal.accounts
        self.api_paths = '|'.join(f'^{".*".join(map(re.escape, path.split("*")))}$' for path in portal.paths)
        self.rules = [rule for name in portal.datasets for rule in _rules(name)]
        self.dataset_of_path = Distinct(lambda paths: _first_match(paths, [r.path for r in self.rules if not r.parameters]))
        names = _names_of_keys(portal.api_keys)
        self.account_of_key = Distinct(
            lambda keys: pl.DataFrame({'account': [names.get(k) or hashed_key(k, key) if k else '' for k in keys]})
        )

    def __call__(self, calls: pl.DataFrame) -> pl.DataFrame:
        """`user_id`, `path` without its query string, `dataset_id`, and `api_call`: whether this is one, by the portal's paths."""
        cut = calls['path'].str.splitn('?', 2).struct.rename_fields(['path', 'query']).struct.unnest().fill_null('')
        path = pl.col('path')
        return cut.select(
            path.str.slice(0, LONGEST_PATH),
            self._accounts(calls['user_id'], cut['query']),
            self._datasets(cut),
            api_call=path.str.contains(self.api_paths) & (calls['method'] != 'OPTIONS'),
        )

    def _accounts(self, users: pl.Series, queries: pl.Series) -> pl.Series:
        found = pl.Series('user_id', [''], pl.String).new_from_index(0, len(users))
        for source in reversed(self.sources):  # the first that names somebody wins
            if source == 'user':
                name = users
            else:
                keys = queries.str.extract(_parameters((source.removeprefix('query:'),))).fill_null('')
                name = self.account_of_key(keys)['account']
            name = name.str.strip_chars().str.slice(0, LONGEST_NAME)
            found = found.zip_with(name.is_in(['', '-']) | (name.str.to_lowercase() == 'anonymous'), name)
        return found

    def _datasets(self, cut: pl.DataFrame) -> pl.Series:
        found = self.dataset_of_path(cut['path'])['dataset_id']
        for rule in self.rules:
            if rule.parameters and (asked := cut['path'].str.contains(rule.path) & (cut['query'] != '')).any():
                value = cut['query'].str.extract(_parameters(rule.parameters)).fill_null('')
                found = found.zip_with((found != '') | ~asked, value)
        return found


def hashed_key(value: str, key: bytes) -> str:
    """The account of an API key that no file names: a short keyed hash, which does not give the API key away."""
    return 'key-' + hashlib.blake2b(value.encode(), key=key, digest_size=5, person=b'api key').hexdigest()


def _parameters(names: tuple[str, ...]) -> str:
    return rf'(?:^|&)(?:{"|".join(map(re.escape, names))})=([^&#]+)'


def _rules(name: str) -> tuple[Rule, ...]:
    if name in PRESETS:
        return PRESETS[name]
    if name.startswith('query:'):
        return (Rule('', (name.removeprefix('query:'),)),)
    try:
        pl.Series([''], dtype=pl.String).str.extract(name)
        groups = re.compile(name).groups
    except (pl.exceptions.ComputeError, re.error):
        groups = 0
    if groups != 1:
        raise SettingsError(
            f'datasets: {name!r} is none of {", ".join(PRESETS)}, no query:NAME and no regular expression with one group; correct it'
        )
    return (Rule(name),)


def _first_match(paths: pl.Series, patterns: list[str]) -> pl.DataFrame:
    found = [pl.lit(None, pl.String), *(pl.col('path').str.extract(pattern) for pattern in patterns)]
    names = paths.to_frame('path').select(pl.coalesce(found).fill_null('').alias('dataset_id'))['dataset_id']
    return pl.DataFrame({'dataset_id': [unquote_plus(name)[:LONGEST_NAME] for name in names]}, schema={'dataset_id': pl.String})


def _names_of_keys(file: Path | None) -> dict[str, str]:
    """The accounts of API keys. Raises SettingsError where the file is not there or is no CSV of `key,account`."""
    if file is None:
        return {}
    try:
        with file.open(newline='', encoding='utf-8') as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f'{file}: cannot read the API keys ({error}); name a CSV file of key,account in api_keys') from error
    if rows and not {'key', 'account'} <= rows[0].keys():
        raise SettingsError(f'{file}: the first line of the API keys is not key,account; add it')
    return {row['key']: row['account'] for row in rows}
