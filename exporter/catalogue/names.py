"""Decides which data set each name means."""

from collections.abc import Iterator
from datetime import date

from exporter.catalogue.dataset import Dataset
from exporter.errors import InputError

MOST_NAMES = 2_000_000  # of a portal


class Names:
    """The data sets of a catalogue and their names, in any order."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.datasets = dict[str, Dataset]()
        self.size = 0

    def add(self, dataset: Dataset) -> None:
        """Adds a data set; pages may repeat one.

        Raises InputError for an identifier that another data set has, or too many names.
        """
        known = self.datasets.get(dataset.id)
        if known == dataset:
            return
        if known and not is_same(known, dataset):
            raise InputError(
                f'{self.source}: two data sets have the identifier {dataset.id!r}: {known.title!r} and {dataset.title!r}',
                'give one of them another identifier in the catalogue',
            )
        if known:  # it changed while pages were read; which one is kept must not depend on their order
            dataset = max(known, dataset, key=repr)
        self.size += 1 + len(dataset.names) - (1 + len(known.names) if known else 0)
        if self.size > MOST_NAMES:
            raise InputError(
                f'{self.source}: more than {MOST_NAMES:,} names of data sets',
                'name a catalogue with the data sets of the portal only',
            )
        self.datasets[dataset.id] = dataset

    def resolve(self) -> Iterator[tuple[str, Dataset]]:
        """Yields each name once, with its data set. The order of `add` does not matter."""
        shared = dict[str, Dataset]()  # names that are no identifier, and who has them
        for dataset in self.datasets.values():
            for name in dataset.names:
                if name not in self.datasets and (name not in shared or precedence(dataset) > precedence(shared[name])):
                    shared[name] = dataset
        yield from self.datasets.items()
        yield from shared.items()


def is_same(one: Dataset, other: Dataset) -> bool:
    """Whether two descriptions with one identifier are of the same data set, which changed while pages were read."""
    return bool(set(one.names) & set(other.names)) or (one.title, one.created) == (other.title, other.created)


def precedence(dataset: Dataset) -> tuple[bool, date, str]:
    """Of data sets that share a name, the largest has it: one that is not archived, then the newest, then the largest id."""
    return not dataset.archived, dataset.created or date.min, dataset.id
