"""A portal's raw calls in, complete calls out: who, from where, on what, when in local time."""

from typing import NamedTuple

import polars as pl

from exporter.config import Portal
from exporter.enrich.agent import classify
from exporter.enrich.day import local_days
from exporter.enrich.distinct import Distinct
from exporter.enrich.geo import Places
from exporter.enrich.request import Requests
from exporter.enrich.visitor import key_id, valid, visitors
from exporter.model.call import COLUMNS, Client, is_word, words
from exporter.model.reject import Reason

NAMES = [column.name for column in COLUMNS]
WORDS = [column.name for column in COLUMNS if column.words]


class Enriched(NamedTuple):
    """What became of raw calls: each is in one of the three."""

    calls: pl.DataFrame  # all columns of a call but `batch_id`
    lines: pl.Series  # the `line` of each of these
    skipped: pl.DataFrame  # `line`, `reason`
    rejected: pl.DataFrame  # `line`, `reason`


class Enrichment:
    """Knows one portal's rules; remembers what it found out about addresses and agents from one batch to the next."""

    def __init__(self, domain: str, portal: Portal, places: Places, key: bytes) -> None:
        self.domain = domain
        self.key_id = key_id(key)
        self.geo_date = places.date
        self.timezone = portal.timezone
        self.requests = Requests(portal, key)
        self.agents = Distinct(lambda agents: _words(classify(agents)))
        self.addresses = Distinct(
            lambda addresses: _words(
                places.locate(addresses).with_columns(valid(addresses).alias('valid'), visitors(addresses, key).alias('visitor'))
            )
        )

    def __call__(self, raw: pl.DataFrame) -> Enriched:
        """`raw` has the columns of RAW and `line`."""
        return self.who(self.what(raw))

    def what(self, raw: pl.DataFrame) -> pl.DataFrame:
        """The first half: raw calls, and what their requests tell."""
        return raw.with_columns(self.requests(raw))

    def who(self, raw: pl.DataFrame) -> Enriched:
        """The second half: who called, from where, and when in local time, of what `what` gives."""
        counted = raw['skip'].is_null()
        asked = raw if counted.all() else raw.filter(counted)
        skipped = raw.select('line', reason='skip').drop_nulls('reason')
        found = self.addresses(asked['ip'])
        refused = asked.filter(~found['valid']).select('line', reason=pl.lit(Reason.ADDRESS.value))
        if len(refused):
            asked, found = asked.filter(found['valid']), found.filter('valid')
        agents = self.agents(asked['user_agent'])
        crawling_account = is_word(agents['client'], Client.CRAWLER.value) & ~is_word(asked['user_id'], '')
        if crawling_account.any():  # an account is a user
            api_client = pl.Series('client', [Client.API_CLIENT.value], words('client')).new_from_index(0, len(agents))
            agents = agents.with_columns(agents['client'].zip_with(~crawling_account, api_client))
        days = local_days(asked['timestamp'], self.timezone)
        calls = pl.concat([asked, found, agents, days], how='horizontal').with_columns(
            domain=pl.lit(self.domain).cast(words('domain')), timezone=pl.lit(self.timezone).cast(words('timezone'))
        )
        return Enriched(_words(calls.select(name for name in NAMES if name != 'batch_id')), calls['line'], skipped, refused)


def _words(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.cast({name: words(name) for name in WORDS if frame.schema.get(name) == pl.String})
