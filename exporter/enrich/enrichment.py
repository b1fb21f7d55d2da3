"""Holds what the steps of the pipeline need for one portal: its rules, and memos of lookups."""

import polars as pl

from exporter.config import PortalRules
from exporter.enrich.agent import classify
from exporter.enrich.as_numbers import AsNumbers
from exporter.enrich.audiences import Audiences, Suspects
from exporter.enrich.caller_sample import CallerSample
from exporter.enrich.callers import Callers, trusted_proxies
from exporter.enrich.field_accounts import FieldSample
from exporter.enrich.geo import Places
from exporter.enrich.ignore import Ignored
from exporter.enrich.memo import Dictionary, Memo
from exporter.enrich.referrers import Referrers
from exporter.enrich.request import Requests
from exporter.enrich.visitor import VisitorKey, valid, visitors
from exporter.model.call import COLUMNS, categorical

CATEGORIES = [column.name for column in COLUMNS if column.categorical]


class Enrichment:
    """The rules, the dictionaries and the memos of one portal. One thread at a time may call each of them.

    Raises SettingsError for an invalid rule.
    """

    def __init__(
        self, domain: str, rules: PortalRules, places: Places, visitor_key: VisitorKey, as_numbers: AsNumbers | None = None
    ) -> None:
        self.domain = domain
        self.rules = rules
        self.visitor_key = visitor_key.of(domain)
        self.key_id = visitor_key.id
        self.geo_date = places.date
        self.timezone = rules.timezone
        self.requests = Requests(rules, visitor_key.secret)  # an API key is one account on all portals
        self.caller_sample = CallerSample()
        self.field_sample = FieldSample(rules.account_fields)
        self.callers = Callers(trusted_proxies(rules.trusted_proxies))
        self.ignored = Ignored(rules.ignore)
        self.texts = {name: Dictionary() for name in ('ip', 'user_agent')}
        self.valid_addresses = Memo(lambda addresses: valid(addresses).to_frame())
        self.referrers = Referrers(domain, rules.hosts)
        self.audiences = Audiences(rules) if rules.audiences else None
        self.suspects = Suspects(rules) if as_numbers else None
        self.places, self.as_numbers = places, as_numbers
        self.addresses = Memo(self._look_up)
        self.agents = Memo(lambda agents: as_categories(classify(agents)))

    def _look_up(self, addresses: pl.Series) -> pl.DataFrame:
        """Place and visitor of each address; its network and its audience, if the settings have any."""
        columns = self.places.locate(addresses).with_columns(visitors(addresses, self.visitor_key).alias('visitor'))
        as_numbers = pl.Series([0], dtype=pl.UInt32).new_from_index(0, len(addresses))
        if self.as_numbers and self.suspects:
            networks = self.as_numbers.locate(addresses)
            as_numbers = networks['as_number']
            columns = columns.hstack([*networks, self.suspects.of_networks(as_numbers)])
        if self.audiences:
            columns = columns.hstack([self.audiences.of_addresses(addresses, as_numbers).alias('address_audience')])
        return as_categories(columns)


def check_rules(rules: PortalRules) -> None:
    """Raises SettingsError for an invalid rule."""
    Requests(rules, b'rules')
    trusted_proxies(rules.trusted_proxies)
    Ignored(rules.ignore)
    Audiences(rules)


def as_categories(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame, with its columns of few distinct texts cast to categorical."""
    return frame.cast({name: categorical(name) for name in CATEGORIES if frame.schema.get(name) == pl.String})
