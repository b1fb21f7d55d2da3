"""A portal's raw calls in, complete calls out: who, from where, on what, when in local time."""

from typing import NamedTuple

import polars as pl

from exporter.call import COLUMNS, Client, Reason
from exporter.config import Portal
from exporter.enrich.agent import classify
from exporter.enrich.day import Days
from exporter.enrich.distinct import Distinct
from exporter.enrich.geo import Places
from exporter.enrich.request import Requests
from exporter.enrich.visitor import valid, visitors


class Enriched(NamedTuple):
    """What became of raw calls: each is in one of the three."""

    calls: pl.DataFrame  # all columns of a call but `batch_id`
    skipped: int  # no API calls
    rejected: pl.DataFrame  # `line`, `reason`


class Enrichment:
    """Knows one portal's rules; remembers what it found out about addresses and agents from one batch to the next."""

    def __init__(self, domain: str, portal: Portal, places: Places, key: bytes) -> None:
        self.domain = domain
        self.once = {'domain': domain, 'timezone': portal.timezone}
        self.requests = Requests(portal, key)
        self.days = Days(portal.timezone)
        self.agents = Distinct(lambda agents: _words(classify(agents)))
        self.addresses = Distinct(
            lambda addresses: _words(
                places.locate(addresses).with_columns(valid(addresses).alias('valid'), visitors(addresses, key).alias('visitor'))
            )
        )

    def __call__(self, raw: pl.DataFrame) -> Enriched:
        """`raw` has the columns of RAW and `line`."""
        raw = raw.with_columns(self.requests(raw))
        asked = raw.filter('api_call')
        found = self.addresses(asked['ip'])
        known = found['valid']
        refused = asked.filter(~known).select('line', reason=pl.lit(Reason.ADDRESS.value))
        if len(refused):
            asked, found = asked.filter(known), found.filter(known)
        calls = pl.concat([asked, found, self.agents(asked['user_agent']), self.days(asked['timestamp'])], how='horizontal')
        crawling_account = (pl.col('user_id') != '') & (pl.col('client') == Client.CRAWLER.value)
        calls = calls.with_columns(
            client=pl.when(crawling_account).then(pl.lit(Client.API_CLIENT.value)).otherwise('client'),  # an account is a user
            **{name: pl.lit(value) for name, value in self.once.items()},
        )
        columns = [column.name for column in COLUMNS if column.name != 'batch_id']
        return Enriched(_words(calls.select(columns)), len(raw) - len(asked) - len(refused), refused)


def _words(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns of few distinct values as dictionaries, which ClickHouse takes as they are. Each column has words of its own:
    in one common dictionary every column would bring the words of all."""
    names = [column.name for column in COLUMNS if column.words and frame.schema.get(column.name) == pl.String]
    return frame.with_columns(pl.col(name).cast(pl.Categorical(pl.Categories(name))) for name in names)
