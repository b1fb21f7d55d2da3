"""Reads paths: the data set, the action, and whether a request for the path is counted."""

import re
from collections.abc import Iterable
from itertools import chain
from urllib.parse import unquote_plus

import polars as pl

from exporter.config import PortalRules
from exporter.enrich.memo import Memo
from exporter.enrich.patterns import any_of, compiles, encodable
from exporter.enrich.rules import NO_RULE, PRESETS, Rule
from exporter.errors import SettingsError
from exporter.model.call import LONGEST_NAME, categorical
from exporter.model.reject import Skip

LONGEST_PATH = 2_048  # characters of a path that are stored
STATIC_ENDINGS = (  # of the files of web pages
    '.css', '.js', '.mjs', '.map', '.png', '.jpg', '.jpeg', '.gif', '.svg', '.ico', '.webp', '.avif', '.bmp',
    '.woff', '.woff2', '.ttf', '.otf', '.eot', '.webmanifest', '/robots.txt',
)  # fmt: skip
STATIC = f'(?i)(?:{"|".join(map(re.escape, STATIC_ENDINGS))})$'


class Paths:
    """Reads the paths of one portal by its rules. One thread at a time may call it.

    `secret_parameters` may hold API keys. `rules` are those of its datasets, by their numbers; 0 is no rule.
    Raises SettingsError for an invalid rule.
    """

    def __init__(self, rules: PortalRules, secret_parameters: Iterable[str]) -> None:
        self.secret_parameters = secret_parameters
        self.api_paths = any_of(rules.paths)
        self.ignored_paths = any_of(rules.ignore.paths)
        self.skips_static = not rules.paths and rules.static_files == 'skip'
        self.actions = {action: any_of(paths) for action, paths in rules.actions.items() if paths}
        for setting, pattern in (
            ('paths', self.api_paths),
            ('ignore.paths', self.ignored_paths),
            *((f'actions.{action}', pattern) for action, pattern in self.actions.items()),
        ):
            if not compiles(pattern):
                raise SettingsError(f'{setting}: the pattern is too long', 'use fewer or shorter patterns and names')
        self.rule_sets = [_dataset_rules(entry) for entry in rules.datasets if not entry.startswith('query:')]
        self.rules = [NO_RULE, *chain(*self.rule_sets)]
        self.memo = Memo(self._read)

    def __call__(self, paths: pl.Series) -> pl.DataFrame:
        """A row for each path: `path` as it is stored, `dataset_id`, `action`, the number of its `rule`, and `skip`, the reason
        or null."""
        return self.memo(paths)

    def _read(self, paths: pl.Series) -> pl.DataFrame:
        path, rule = paths.alias('path'), self._find_rules(paths)
        texts = pl.Series('text', [''], pl.String).new_from_index(0, len(paths))
        for number in rule.unique().to_list():
            rows = (rule == number).arg_true()
            texts = texts.scatter(rows, paths[rows].str.extract(self.rules[number].path).fill_null(''))
        actions = pl.Series([each.action.value for each in self.rules])[rule]
        own_actions = [pl.when(pl.col('path').str.contains(pattern)).then(pl.lit(name)) for name, pattern in self.actions.items()]
        is_static = pl.col('path').str.contains(STATIC) & (pl.col('rule') == 0) & pl.col('own').is_null() & self.skips_static
        return (
            pl.DataFrame({'path': path, 'rule': rule, 'action': actions, 'dataset_id': clean_datasets(texts)})
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
        for name in self.secret_parameters:
            path = path.str.replace_all(f'{encodable(name)}=[^&/]*', f'{name}='.replace('$', '$$'))
        return path


def _dataset_rules(entry: str) -> tuple[Rule, ...]:
    """The rules of an entry of the setting `datasets`: of a preset, or one with the pattern."""
    if entry in PRESETS:
        return PRESETS[entry]
    try:
        groups = re.compile(entry).groups if compiles(entry) else 0
    except re.error:
        groups = 0
    if groups != 1:
        raise invalid_entry(entry)
    return (Rule(entry),)


def invalid_entry(entry: str) -> SettingsError:
    """The error for an entry of the setting `datasets`."""
    return SettingsError(
        f'datasets: invalid rule {entry[:200]!r}',
        f'use a preset ({", ".join(PRESETS)}), query:NAME or a pattern with one group',
    )


def clean_datasets(texts: pl.Series) -> pl.Series:
    """Texts as data sets (`dataset_id`): percent-decoded and cut."""
    names = pl.Series('dataset_id', [unquote_plus(text)[:LONGEST_NAME] for text in texts.to_list()], dtype=pl.String)
    return names.cast(categorical('dataset_id'))
