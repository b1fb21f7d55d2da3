"""Reads requests: whether a request is an API call, its action, its data set, its file and its account."""

import polars as pl

from exporter.config import PortalRules
from exporter.enrich.accounts import Accounts
from exporter.enrich.downloads import Downloads
from exporter.enrich.memo import Memo
from exporter.enrich.paths import Paths, clean_datasets, invalid_entry
from exporter.enrich.patterns import compiles, parameter_pattern
from exporter.enrich.rules import OGC_SERVICE
from exporter.model.call import Action, categorical, is_category
from exporter.model.reject import Skip


class Requests:
    """Reads the requests of one portal by its rules. One thread at a time may call it.

    Raises SettingsError for an invalid rule.
    """

    def __init__(self, rules: PortalRules, visitor_secret: bytes) -> None:
        self.find_accounts = Accounts(rules, visitor_secret)
        self.read_paths = Paths(rules, self.find_accounts.parameters)
        self.find_files = Downloads(self.find_accounts.parameters, not rules.redirect_targets_logged, visitor_secret)
        self.rules = self.read_paths.rules + ([OGC_SERVICE] if 'ogc' in rules.datasets else [])
        self.query_patterns = {
            number: rule.query or parameter_pattern(rule.parameters)
            for number, rule in enumerate(self.rules)
            if rule.query or rule.parameters
        }
        self.dataset_parameters = [_dataset_parameter(entry) for entry in rules.datasets if entry.startswith('query:')]
        self.clean_datasets = Memo(lambda texts: clean_datasets(texts).to_frame())
        self.given_datasets = Memo(lambda names: pl.DataFrame({'dataset_id': names.cast(categorical('dataset_id'))}))

    def __call__(self, calls: pl.DataFrame) -> pl.DataFrame:
        """A row for each call: `path` without its query, `user_id`, `dataset_id`, `action`, `file` and `skip` (a reason or null).

        An account or data set that a call itself gives takes precedence over the rules.
        """
        split = calls  # a format may have split them
        if 'query' not in calls.columns:
            split = calls['path'].str.splitn('?', 2).struct.rename_fields(['path', 'query']).struct.unnest()
        path_rows, queries = self._find_services(self.read_paths(split['path']), split['query']), split['query']
        datasets, has_dataset = self._find_datasets(path_rows, queries), 'dataset_id' in calls.columns
        if has_dataset:
            given = self.given_datasets(calls['dataset_id'])['dataset_id']
            datasets = given.zip_with(~is_category(given, ''), datasets)
        accounts = self.find_accounts(calls, queries, user_first=has_dataset)
        skip = _skip_reasons(calls['method'], path_rows['skip'])
        requests = pl.DataFrame([calls['method'], split['path'], queries, calls['status'], datasets, path_rows['action']])
        return pl.DataFrame([path_rows['path'], accounts, datasets, path_rows['action'], self.find_files(requests), skip])

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
        rows = (is_category(datasets, '') & applies).arg_true()
        if rows.is_empty():
            return datasets
        texts = queries[rows].str.extract(pattern).fill_null('')
        return datasets.scatter(rows, self.clean_datasets(texts)['dataset_id'])


def _skip_reasons(methods: pl.Series, of_paths: pl.Series) -> pl.Series:
    """The reason to skip each request, or null: its method, or else the reason of its path."""
    options = methods == 'OPTIONS'
    return of_paths.set(options, Skip.METHOD.value) if options.any() else of_paths


def _dataset_parameter(entry: str) -> str:
    """The pattern of an entry query:NAME of the setting `datasets`."""
    pattern = parameter_pattern((entry.removeprefix('query:'),))
    if not compiles(pattern):
        raise invalid_entry(entry)
    return pattern
