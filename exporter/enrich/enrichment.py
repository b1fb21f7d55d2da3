"""What the steps of the pipeline need to know of one portal: its rules, and what was looked up before."""

import polars as pl

from exporter.config import PortalRules
from exporter.enrich.agent import classify
from exporter.enrich.geo import Places
from exporter.enrich.memo import Memo
from exporter.enrich.request import Requests
from exporter.enrich.visitor import key_id, valid, visitors
from exporter.model.call import COLUMNS, categorical

CATEGORIES = [column.name for column in COLUMNS if column.categorical]


class Enrichment:
    """One portal's rules. It remembers what it found out about addresses and agents from one batch to the next."""

    def __init__(self, domain: str, portal: PortalRules, places: Places, key: bytes) -> None:
        self.domain = domain
        self.key_id = key_id(key)
        self.geo_date = places.date
        self.timezone = portal.timezone
        self.requests = Requests(portal, key)
        self.agents = Memo(lambda agents: as_categories(classify(agents)))
        self.addresses = Memo(
            lambda addresses: as_categories(
                places.locate(addresses).with_columns(valid(addresses).alias('valid'), visitors(addresses, key).alias('visitor'))
            )
        )


def as_categories(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame, with its columns of few distinct texts as categorical ones."""
    return frame.cast({name: categorical(name) for name in CATEGORIES if frame.schema.get(name) == pl.String})
