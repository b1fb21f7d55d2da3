"""Reads the data sets of Opendatasoft: the export of the catalogue in JSON, a list of data sets."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from exporter.catalogue.answers import decode
from exporter.catalogue.dataset import Dataset, dataset, file_path
from exporter.catalogue.fetch import Answer

EXPORT = '/api/explore/v2.1/catalog/exports/json'  # https://help.opendatasoft.com/apis/ods-explore-v2/


class Link(msgspec.Struct):
    """A file of a data set."""

    url: Any = None


class Entry(msgspec.Struct):
    """A data set. Its metadata are by template and name, or under names such as `default.title`."""

    dataset_id: str
    metas: dict[str, Any] | None = None
    attachments: list[Link] | None = None
    alternative_exports: list[Link] | None = None
    default_title: Any = msgspec.field(name='default.title', default=None)
    default_publisher: Any = msgspec.field(name='default.publisher', default=None)
    default_theme: Any = msgspec.field(name='default.theme', default=None)
    dcat_issued: Any = msgspec.field(name='dcat.issued', default=None)
    dcat_created: Any = msgspec.field(name='dcat.created', default=None)


def read(answer: Answer, hosts: Collection[str]) -> Iterator[Dataset]:
    """Yields the data sets of an export. Raises InputError if it is invalid."""
    for entry in decode(answer, list[Entry]):
        default, dcat = _template(entry, 'default'), _template(entry, 'dcat')
        files = (entry.attachments or []) + (entry.alternative_exports or [])
        yield dataset(
            entry.dataset_id,
            (file_path(file.url, hosts) for file in files),
            default.get('title') or entry.default_title,
            default.get('publisher') or entry.default_publisher,
            default.get('theme') or entry.default_theme,
            dcat.get('issued') or dcat.get('created') or entry.dcat_issued or entry.dcat_created,
        )


def _template(entry: Entry, name: str) -> Mapping[str, Any]:
    template = (entry.metas or {}).get(name)
    return template if isinstance(template, dict) else {}
