"""Reads the data sets of CKAN: the results of package_search, in pages."""

from collections.abc import Collection, Iterator
from typing import Any

import httpx
import msgspec

from exporter.catalogue.answers import decode
from exporter.catalogue.dataset import Dataset, dataset, file_path, text
from exporter.catalogue.fetch import Answer, Fetcher
from exporter.errors import InputError

SEARCH = '/api/3/action/package_search'  # https://docs.ckan.org/en/latest/api/
ROWS = 1_000  # of a page; a portal may give fewer


class Resource(msgspec.Struct):
    """A file or a service of a data set."""

    id: Any = None
    url: Any = None


class Named(msgspec.Struct):
    """An organization or a group."""

    title: Any = None
    display_name: Any = None
    name: Any = None

    @property
    def text(self) -> str:
        """How it is shown."""
        return text(self.title) or text(self.display_name) or text(self.name)


class Package(msgspec.Struct):
    """A data set."""

    id: str
    name: Any = None
    title: Any = None
    organization: Named | None = None
    groups: list[Named] | None = None
    resources: list[Resource] | None = None
    metadata_created: Any = None
    state: Any = None


class Result(msgspec.Struct):
    """A page."""

    count: int
    results: list[Package]


class Page(msgspec.Struct):
    """An answer to package_search."""

    result: Result


def pages(url: httpx.URL, hosts: Collection[str], fetcher: Fetcher) -> Iterator[Dataset]:
    """Yields the data sets of all pages of a search. Raises InputError if a page is invalid, or nothing new comes."""
    start, seen = 0, set[str]()
    while True:
        # sorted, so that a data set that is added meanwhile moves no other to a page that was read
        parameters: dict[str, str | int] = {'sort': 'id asc', 'rows': ROWS, 'start': start}
        answer = fetcher.get(url.copy_merge_params(parameters))
        result = decode(answer, Page).result
        ids = {package.id for package in result.results}
        if start < result.count and ids <= seen:
            problem = 'repeats the same pages' if ids else f'ends after {start:,} of {result.count:,} data sets'
            raise InputError(f'{answer.shown}: {problem}', 'look at the address in a browser, and try again')
        seen |= ids
        yield from datasets(result, hosts)
        start += len(result.results)
        if start >= result.count:
            return


def read(answer: Answer, hosts: Collection[str]) -> Iterator[Dataset]:
    """Yields the data sets of one answer. Raises InputError if it is invalid or one page of several."""
    result = decode(answer, Page).result
    if len(result.results) < result.count:
        raise InputError(
            f'{answer.shown}: only {len(result.results):,} of {result.count:,} data sets', 'name the address of the portal'
        )
    yield from datasets(result, hosts)


def datasets(result: Result, hosts: Collection[str]) -> Iterator[Dataset]:
    """Yields the data sets of a page."""
    for package in result.results:
        resources = package.resources or []
        groups = package.groups or []
        yield dataset(
            package.id,
            (package.name, *(name for each in resources for name in (each.id, file_path(each.url, hosts)))),
            package.title or package.name,
            package.organization.text if package.organization else '',
            groups[0].text if groups else '',
            package.metadata_created,
            archived=package.state not in (None, 'active'),
        )
