"""Reads paths: the data set, the action, and whether a request for the path is counted."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple
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
        rule_sets = [_dataset_rules(entry) for entry in rules.datasets if not entry.startswith('query:')]
        self.rules = [NO_RULE, *chain(*rule_sets)]
        self.matchers = [_preset_matcher(each) if len(each) > 1 else _pattern_matcher(each[0].path) for each in rule_sets]
        self.memo = Memo(self._read)

    def __call__(self, paths: pl.Series) -> pl.DataFrame:
        """A row for each path: `path` as it is stored, `dataset_id`, `action`, the number of its `rule`, and `skip`, the reason
        or null."""
        return self.memo(paths)

    def _read(self, paths: pl.Series) -> pl.DataFrame:
        rule, texts = self._find_rules(paths)
        actions = pl.Series([each.action.value for each in self.rules])[rule]
        own_actions = [pl.when(pl.col('path').str.contains(pattern)).then(pl.lit(name)) for name, pattern in self.actions.items()]
        is_static = pl.col('path').str.contains(STATIC) & (pl.col('rule') == 0) & pl.col('own').is_null() & self.skips_static
        return (
            pl.DataFrame({'path': paths, 'rule': rule, 'action': actions, 'dataset_id': clean_datasets(texts)})
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

    def _find_rules(self, paths: pl.Series) -> tuple[pl.Series, pl.Series]:
        """The number of the first rule that each path matches, 0 if none does, and the text of its group, '' if it has none."""
        numbers = pl.Series([0], dtype=pl.UInt32).new_from_index(0, len(paths))
        texts, before = pl.Series(['']).new_from_index(0, len(paths)), 0
        for match in self.matchers:
            rows = (numbers == 0).arg_true()
            found = match(paths[rows])
            numbers = numbers.scatter(rows, found.numbers + found.numbers.cast(pl.Boolean).cast(pl.UInt32) * before)
            texts, before = texts.scatter(rows, found.texts), before + found.rules
        return numbers, texts

    def _stored_path(self) -> pl.Expr:
        """A path as it is stored: cut, and without API keys, which a request without ? may have."""
        path = pl.col('path').str.slice(0, LONGEST_PATH)
        for name in self.secret_parameters:
            path = path.str.replace_all(f'{encodable(name)}=[^&/]*', f'{name}='.replace('$', '$$'))
        return path


class Found(NamedTuple):
    """For each path the number of the first rule that it matches, from 1, 0 if none, and the text of its group, '' if none."""

    numbers: pl.Series
    texts: pl.Series
    rules: int  # how many there are


Matcher = Callable[[pl.Series], Found]


def _preset_matcher(rules: Sequence[Rule]) -> Matcher:
    """Returns a function that finds the rules of a preset.

    Python keeps all compiled patterns; polars keeps 32, and compiling them for each chunk would add 7 % to an import.
    """
    any_rule = re.compile('|'.join(f'(?:{rule.path})' for rule in rules))
    patterns = [(number, re.compile(rule.path)) for number, rule in enumerate(rules, 1)]

    def find(path: str) -> tuple[int, str]:
        if any_rule.search(path):
            for number, pattern in patterns:
                if match := pattern.search(path):
                    return number, match[1] or '' if pattern.groups else ''
        return 0, ''

    def match(paths: pl.Series) -> Found:
        found = [find(path) for path in paths.to_list()]
        numbers = pl.Series([number for number, _ in found], dtype=pl.UInt32)
        return Found(numbers, pl.Series([text for _, text in found], dtype=pl.String), len(rules))

    return match


def _pattern_matcher(pattern: str) -> Matcher:
    """Returns a function that finds a pattern of the settings, with Rust's engine: it takes linear time with any pattern."""

    def match(paths: pl.Series) -> Found:
        return Found(paths.str.contains(pattern).cast(pl.UInt32), paths.str.extract(pattern).fill_null(''), 1)

    return match


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
