"""Reads the data sets of udata, in pages that name the next one."""

from collections.abc import Collection, Iterator
from typing import Any

import httpx
import msgspec

from exporter.catalogue.answers import decode
from exporter.catalogue.dataset import Dataset, dataset, file_path
from exporter.catalogue.fetch import Answer, Fetcher, next_page
from exporter.errors import InputError

DATASETS = '/api/1/datasets/'  # https://guides.data.gouv.fr/guide-data.gouv.fr/api
PAGE_SIZE = 100


class Resource(msgspec.Struct):
    """A file of a data set."""

    id: Any = None
    url: Any = None


class Organization(msgspec.Struct):
    """A publisher."""

    name: Any = None


class Item(msgspec.Struct):
    """A data set. udata has no themes."""

    id: str
    slug: Any = None
    title: Any = None
    organization: Organization | None = None
    resources: list[Resource] | None = None
    created_at: Any = None
    archived: Any = None  # when it was archived
    deleted: Any = None


class Page(msgspec.Struct):
    """A page."""

    data: list[Item]
    next_page: str | None = None


def pages(url: httpx.URL, hosts: Collection[str], fetcher: Fetcher) -> Iterator[Dataset]:
    """Yields the data sets of all pages. Raises InputError if a page is invalid, or nothing new comes."""
    following: httpx.URL | None = url.copy_merge_params({'page_size': PAGE_SIZE})
    seen = set[str]()
    while following:
        answer = fetcher.get(following)
        page = decode(answer, Page)
        ids = {item.id for item in page.data}
        if page.next_page and ids <= seen:
            raise InputError(f'{answer.shown}: the pages lead in a circle', 'look at the address in a browser, and try again')
        seen |= ids
        yield from datasets(page, hosts)
        following = next_page(url, page.next_page) if page.next_page else None


def read(answer: Answer, hosts: Collection[str]) -> Iterator[Dataset]:
    """Yields the data sets of one answer. Raises InputError if it is invalid or one page of several."""
    page = decode(answer, Page)
    if page.next_page:
        raise InputError(f'{answer.shown}: one page of several', 'name the address of the portal')
    yield from datasets(page, hosts)


def datasets(page: Page, hosts: Collection[str]) -> Iterator[Dataset]:
    """Yields the data sets of a page."""
    for item in page.data:
        yield dataset(
            item.id,
            (item.slug, *(name for each in item.resources or [] for name in (each.id, file_path(each.url, hosts)))),
            item.title or item.slug,
            item.organization.name if item.organization else '',
            '',
            item.created_at,
            archived=bool(item.archived or item.deleted),
        )
