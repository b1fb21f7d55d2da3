"""Finds the part of a portal's calls that a report is about: one data set, one publisher, or all."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from exporter.errors import UnknownPart
from exporter.report.period import Period
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, Row, quoted

CANDIDATES = 50  # names that the engine finds similar; difflib chooses from them
SIMILARITY = 0.5  # at least; 1 is equal
EVER = {'from': 100_000, 'to': 4_294_967_295}  # Unix seconds: ClickHouse reads fewer digits as a date


@dataclass(frozen=True)
class Part:
    """One data set, with its title and publisher ('' if unknown); or one publisher, without a data set; or else all calls."""

    dataset: str | None = None
    title: str | None = None
    publisher: str | None = None

    @property
    def kind(self) -> str:
        """The prefix of the views about it: `dataset`, `publisher` or `calls`."""
        return 'dataset' if self.dataset is not None else 'publisher' if self.publisher is not None else 'calls'

    @property
    def parameters(self) -> dict[str, str]:
        """The parameter that these views have beyond the usual ones; none for all calls."""
        value = self.dataset if self.dataset is not None else self.publisher
        return {} if value is None else {self.kind: value}


ALL = Part()


@dataclass(frozen=True)
class Selection:
    """The calls that a report counts: of one portal and period, all or a part of them; `crawlers` says whether theirs count."""

    domain: str
    period: Period
    part: Part = ALL
    crawlers: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the conditions in sql/conditions."""
        start, end = int(self.period.start.timestamp()), int(self.period.end.timestamp())
        usual = {'domains': [self.domain], 'from': start, 'to': end, 'crawlers': int(self.crawlers)}
        return usual | self.part.parameters

    def of_all(self, view: str) -> str:
        """A view about all calls, with its parameters, in SQL."""
        return _call(view, {name: value for name, value in self.parameters.items() if name not in self.part.parameters})

    def of_part(self, view: str) -> str:
        """A view about the part, with its parameters, in SQL."""
        return _call(view, self.parameters)


def _call(view: str, parameters: Mapping[str, Any]) -> str:
    def literal(value: Any) -> str:
        if isinstance(value, list):
            return f'[{", ".join(map(literal, value))}]'
        return quoted(value) if isinstance(value, str) else str(value)

    return f'{view}({", ".join(f"{name}={literal(value)}" for name, value in parameters.items())})'


def find_part(database: ClickHouse, domain: str, dataset: str | None = None, publisher: str | None = None) -> Part:
    """The data set that has this name, of this publisher if one is given; or the publisher; or all calls.

    A name that calls have and no catalogue is a data set without title and publisher. Raises UnknownPart, with similar names, and
    EngineError.
    """
    if publisher is not None and not _known(database, domain, 'publisher', publisher):
        similar = _similar(database, domain, 'SELECT publisher AS text FROM {{known_names}}', publisher)
        raise UnknownPart(f'{domain} has no publisher {publisher!r}', _remedy(similar, 'publisher'))
    if dataset is None:
        return Part(publisher=publisher)
    known = _known(database, domain, 'name', dataset)
    if not known and (
        not dataset or not database.query(_requested(domain, 'WHERE dataset_id = {name:String}'), {'name': dataset})
    ):
        names = f'{_requested(domain)} UNION ALL SELECT name FROM {{{{known_names}}}}'
        raise UnknownPart(f'{domain} has no data set {dataset!r}', _remedy(_similar(database, domain, names, dataset), 'dataset'))
    part = Part(**known[0]) if known else Part(dataset, '', '')
    if publisher is not None and part.publisher != publisher:
        raise UnknownPart(
            f'{publisher!r} has no data set {dataset!r}',
            f'its publisher is {part.publisher!r}' if part.publisher else 'its publisher is unknown',
        )
    return part


def _known(database: ClickHouse, domain: str, column: str, value: str) -> list[Row]:
    """The first data set of the catalogue that has this name or publisher."""
    statement = schema.expand(
        f'SELECT known_id AS dataset, title, publisher FROM {{{{known_names}}}} WHERE {column} = {{value:String}} LIMIT 1'
    )
    return database.query(statement, {'domains': [domain], 'value': value})


def _requested(domain: str, condition: str = '') -> str:
    """The data sets that calls of a portal ever requested, and those that its catalogue lists."""
    return f'SELECT dataset_id AS text FROM {_call("datasets", {"domains": [domain], **EVER, "crawlers": 1})} {condition}'


def _similar(database: ClickHouse, domain: str, names: str, given: str) -> list[str]:
    rows = database.query(
        schema.expand(
            f"SELECT text FROM ({names}) WHERE text != '' GROUP BY text "
            'ORDER BY ngramDistanceCaseInsensitiveUTF8(text, {given:String}), text LIMIT {most:UInt8}'
        ),
        {'domains': [domain], 'given': given, 'most': CANDIDATES},
    )
    by_lower = {row['text'].lower(): row['text'] for row in rows}
    return [by_lower[name] for name in get_close_matches(given.lower(), by_lower, cutoff=SIMILARITY)]


def _remedy(similar: list[str], by: str) -> str:
    return f'did you mean {" or ".join(map(repr, similar))}?' if similar else f'the report by {by} lists them'
