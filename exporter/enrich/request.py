"""Reads requests: whether a request is an API call, its action, its data set and its account."""

import csv
import hashlib
import re
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from urllib.parse import unquote, unquote_plus

import polars as pl

from exporter.config import ACCOUNT_FIELD, PortalRules
from exporter.enrich.addresses import address_bytes
from exporter.enrich.field_accounts import account_reader
from exporter.enrich.memo import Memo
from exporter.enrich.rules import NO_RULE, OGC_SERVICE, PRESETS, Rule
from exporter.errors import SettingsError
from exporter.model.call import Action, categorical, is_category
from exporter.model.reject import Skip

LONGEST_PATH = 2_048  # characters of a path that are stored
LONGEST_NAME = 200  # characters of an account or a data set that are stored


STATIC_ENDINGS = (  # of the files of web pages
    '.css', '.js', '.mjs', '.map', '.png', '.jpg', '.jpeg', '.gif', '.svg', '.ico', '.webp', '.avif', '.bmp',
    '.woff', '.woff2', '.ttf', '.otf', '.eot', '.webmanifest', '/robots.txt',
)  # fmt: skip
STATIC = f'(?i)(?:{"|".join(map(re.escape, STATIC_ENDINGS))})$'


class Requests:
    """Reads the requests of one portal by its rules. One thread at a time may call it.

    Raises SettingsError for an invalid rule.
    """

    def __init__(self, rules: PortalRules, visitor_secret: bytes) -> None:
        self.sources = rules.accounts
        self.account_parameters = [source.removeprefix('query:') for source in self.sources if source.startswith('query:')]
        self.api_paths = any_of(rules.paths)
        self.ignored_paths = any_of(rules.ignore.paths)
        self.skips_static = not rules.paths and rules.static_files == 'skip'
        self.actions = {action: any_of(paths) for action, paths in rules.actions.items() if paths}
        self.rule_sets = [_dataset_rules(entry) for entry in rules.datasets if not entry.startswith('query:')]
        self.rules = [NO_RULE, *chain(*self.rule_sets)] + ([OGC_SERVICE] if 'ogc' in rules.datasets else [])
        self.query_patterns = {
            number: rule.query or _parameter_pattern(rule.parameters)
            for number, rule in enumerate(self.rules)
            if rule.query or rule.parameters
        }
        self.dataset_parameters = [_dataset_parameter(entry) for entry in rules.datasets if entry.startswith('query:')]
        account_patterns = (_parameter_pattern((name,)) for name in self.account_parameters)
        for setting, pattern in (
            ('paths', self.api_paths),
            ('ignore.paths', self.ignored_paths),
            *((f'actions.{action}', pattern) for action, pattern in self.actions.items()),
            *(('accounts', pattern) for pattern in account_patterns),
        ):
            if not compiles(pattern):
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
        """A row for each call: `path` without its query string, `user_id`, `dataset_id`, `action` and `skip`, the reason or null.

        An account or data set that a call itself gives takes precedence over the rules.
        """
        split = calls  # a format may have split them
        if 'query' not in calls.columns:
            split = calls['path'].str.splitn('?', 2).struct.rename_fields(['path', 'query']).struct.unnest()
        path_rows, queries = self._find_services(self.read_paths(split['path']), split['query']), split['query']
        sources, datasets = self.sources, self._find_datasets(path_rows, queries)
        if 'dataset_id' in calls.columns:
            sources = ('user', *(source for source in sources if source != 'user'))
            given = self.given_datasets(calls['dataset_id'])['dataset_id']
            datasets = given.zip_with(~is_category(given, ''), datasets)
        accounts = self._find_accounts(sources, calls, queries)
        skip = _skip_reasons(calls['method'], path_rows['skip'])
        return pl.DataFrame([path_rows['path'], accounts, datasets, path_rows['action'], skip])

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
        """A row for each path: as it is stored, its data set, action, the number of its rule, and `skip`, the reason or null."""
        path, rule = paths.alias('path'), self._find_rules(paths)
        texts = pl.Series('text', [''], pl.String).new_from_index(0, len(paths))
        for number in rule.unique().to_list():
            rows = (rule == number).arg_true()
            texts = texts.scatter(rows, paths[rows].str.extract(self.rules[number].path).fill_null(''))
        actions = pl.Series([each.action.value for each in self.rules])[rule]
        own_actions = [pl.when(pl.col('path').str.contains(pattern)).then(pl.lit(name)) for name, pattern in self.actions.items()]
        is_static = pl.col('path').str.contains(STATIC) & (pl.col('rule') == 0) & pl.col('own').is_null() & self.skips_static
        return (
            pl.DataFrame({'path': path, 'rule': rule, 'action': actions, 'dataset_id': _clean_datasets(texts)['dataset_id']})
            .with_columns(own=pl.coalesce(*own_actions, pl.lit(None, pl.String)))
            .select(
                path=self._stored_path(),
                dataset_id='dataset_id',
                action=pl.coalesce('own', 'action').cast(categorical('action')),
                rule='rule',
                skip=pl.when(~pl.col('path').str.contains(self.api_paths))
                .then(pl.lit(Skip.PATH.value))
                .when(pl.col('path').str.contains(self.ignored_paths) if self.ignored_paths else pl.lit(False))
                .then(pl.lit(Skip.IGNORED.value))
                .when(is_static)
                .then(pl.lit(Skip.STATIC.value)),
            )
        )

    def _find_rules(self, paths: pl.Series) -> pl.Series:
        """The number of the first rule that each path matches, 0 if none does."""
        numbers, first = pl.Series([0], dtype=pl.UInt32).new_from_index(0, len(paths)), 1
        for rules in self.rule_sets:
            any_rule = '|'.join(f'(?:{rule.path})' for rule in rules)  # most paths match no rule of most sets
            rows = ((numbers == 0) & paths.str.contains(any_rule)).arg_true()
            path = pl.col('path')
            matching = [pl.when(path.str.contains(rule.path)).then(number) for number, rule in enumerate(rules, first)]
            found = paths[rows].to_frame('path').select(pl.coalesce(*matching).cast(pl.UInt32)).to_series()
            numbers, first = numbers.scatter(rows, found), first + len(rules)
        return numbers

    def _stored_path(self) -> pl.Expr:
        """A path as it is stored: cut, and without API keys, which a request without ? may have."""
        path = pl.col('path').str.slice(0, LONGEST_PATH)
        for name in self.account_parameters:
            path = path.str.replace_all(f'{_encodable(name)}=[^&/]*', f'{name}='.replace('$', '$$'))
        return path

    def _find_services(self, path_rows: pl.DataFrame, queries: pl.Series) -> pl.DataFrame:
        """The rows, with the rule and the action of a service of the OGC where only the query names one."""
        unmatched = path_rows['rule'] == 0
        if self.rules[-1] is not OGC_SERVICE or not unmatched.any():
            return path_rows
        is_service = queries.set(~unmatched, None).str.contains(OGC_SERVICE.path).fill_null(False)
        if not is_service.any():
            return path_rows
        return path_rows.with_columns(
            rule=path_rows['rule'].set(is_service, len(self.rules) - 1),
            action=pl.Series([OGC_SERVICE.action.value], dtype=categorical('action'))
            .new_from_index(0, len(path_rows))
            .zip_with(is_service & is_category(path_rows['action'], Action.OTHER), path_rows['action']),
        )

    def _find_datasets(self, path_rows: pl.DataFrame, queries: pl.Series) -> pl.Series:
        """The data set of each request, from its path or else from its query; '' if neither names one."""
        datasets, rules = path_rows['dataset_id'], path_rows['rule']
        for number in sorted(set(rules.unique().to_list()) & self.query_patterns.keys()):
            datasets = self._name_datasets(datasets, rules == number, queries, self.query_patterns[number])
        for pattern in self.dataset_parameters:
            datasets = self._name_datasets(datasets, True, queries, pattern)
        return datasets

    def _name_datasets(self, datasets: pl.Series, applies: pl.Series | bool, queries: pl.Series, pattern: str) -> pl.Series:
        """The data sets, with those of requests that have none and whose query matches the pattern."""
        is_missing = is_category(datasets, '') & applies
        texts = queries.set(~is_missing, None).str.extract(pattern).fill_null('')
        return datasets.zip_with(~is_missing, self.clean_datasets(texts)['dataset_id'])


def _skip_reasons(methods: pl.Series, of_paths: pl.Series) -> pl.Series:
    """The reason to skip each request, or null: its method, or else the reason of its path."""
    options = methods == 'OPTIONS'
    return of_paths.set(options, Skip.METHOD.value) if options.any() else of_paths


def any_of(texts: Iterable[str]) -> str:
    """A pattern for texts in which * stands for any text; '' if there are none."""
    return '|'.join(f'^{".*".join(map(re.escape, text.split("*")))}$' for text in texts)


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


def compiles(pattern: str) -> bool:
    """Whether polars accepts a pattern: it is valid and not too large."""
    try:
        pl.Series([''], dtype=pl.String).str.contains(pattern)
    except pl.exceptions.ComputeError:
        return False
    return True


def _dataset_rules(entry: str) -> tuple[Rule, ...]:
    """The rules of an entry of the setting `datasets`: of a preset, or one with the pattern."""
    if entry in PRESETS:
        return PRESETS[entry]
    try:
        groups = re.compile(entry).groups if compiles(entry) else 0
    except re.error:
        groups = 0
    if groups != 1:
        raise _invalid_dataset(entry)
    return (Rule(entry),)


def _dataset_parameter(entry: str) -> str:
    """The pattern of an entry query:NAME of the setting `datasets`."""
    pattern = _parameter_pattern((entry.removeprefix('query:'),))
    if not compiles(pattern):
        raise _invalid_dataset(entry)
    return pattern


def _invalid_dataset(entry: str) -> SettingsError:
    return SettingsError(
        f'datasets: invalid rule {entry[:200]!r}',
        f'use a preset ({", ".join(PRESETS)}), query:NAME or a pattern with one group',
    )


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
