"""Tells which audience a caller belongs to, which callers are suspect, and which calls are left out."""

from collections.abc import Mapping

import polars as pl

from exporter.config import PortalRules
from exporter.enrich.addresses import address_bytes
from exporter.enrich.as_numbers import HOSTING_NUMBERS
from exporter.enrich.memo import Memo
from exporter.enrich.networks import Networks, read_networks
from exporter.enrich.patterns import any_of, compiles
from exporter.errors import SettingsError
from exporter.model.call import Client, categorical, is_category

NUMBER = pl.UInt16()  # of an audience: its place in the settings; the public comes after all


class Audiences:
    """The audiences of one portal. One thread at a time may call it.

    An audience has a call if one of its lists does; the first in the order of the settings counts. Raises SettingsError for an
    invalid network or pattern.
    """

    def __init__(self, rules: PortalRules) -> None:
        audiences = rules.audiences
        self.public = len(audiences)
        self.names = pl.Series('audience', [*audiences, ''], categorical('audience'))
        self.left_out = pl.Series('left_out', [name in rules.left_out for name in (*audiences, '')]).cast(pl.UInt8)
        self.networks = {
            number: Networks(read_networks(audience.networks, f'audiences.{name}.networks'))
            for number, (name, audience) in enumerate(audiences.items())
            if audience.networks
        }
        self.as_numbers = {
            number: audience.as_numbers for number, audience in enumerate(audiences.values()) if audience.as_numbers
        }
        self.of_accounts = self._memo({name: audience.accounts for name, audience in audiences.items()}, 'accounts')
        self.of_agents = self._memo({name: audience.user_agents for name, audience in audiences.items()}, 'user_agents', '(?i)')

    def of_addresses(self, addresses: pl.Series, as_numbers: pl.Series) -> pl.Series:
        """The number of the first audience that has each of some distinct addresses, or its AS number."""
        numbers = pl.Series('audience', [self.public], NUMBER).new_from_index(0, len(addresses))
        parsed = [address_bytes(text) for text in addresses.to_list()] if self.networks else []
        for number in reversed(range(self.public)):
            if number in self.as_numbers:
                numbers = numbers.set(as_numbers.is_in(self.as_numbers[number]), number)
            if networks := self.networks.get(number):
                numbers = numbers.set(pl.Series([address in networks for address in parsed], dtype=pl.Boolean), number)
        return numbers

    def __call__(self, calls: pl.DataFrame, of_addresses: pl.Series) -> pl.DataFrame:
        """`audience` and `left_out` of each call (`user_id`, `user_agent`). `of_addresses`: the numbers by address."""
        numbers = [of_addresses]
        if self.of_accounts:
            numbers.append(self.of_accounts(calls['user_id'])['number'])
        if self.of_agents:
            numbers.append(self.of_agents(calls['user_agent'])['number'])
        columns = [column.alias(str(position)) for position, column in enumerate(numbers)]
        first = pl.DataFrame(columns).select(pl.min_horizontal(pl.all())).to_series()
        return pl.DataFrame([self.names[first], self.left_out[first]])

    def _memo(self, patterns: Mapping[str, tuple[str, ...]], key: str, flags: str = '') -> Memo | None:
        """A memo of the number of the first audience whose patterns match a text (not ''); None without patterns."""
        compiled = {number: any_of(texts) for number, texts in enumerate(patterns.values()) if texts}
        for number, pattern in compiled.items():
            if not compiles(f'{flags}{pattern}'):
                name = list(patterns)[number]
                raise SettingsError(f'audiences.{name}.{key}: the pattern is too long', 'use fewer or shorter patterns')
        if not compiled:
            return None

        def find(texts: pl.Series) -> pl.DataFrame:
            numbers = pl.Series('number', [self.public], NUMBER).new_from_index(0, len(texts))
            for number, pattern in reversed(compiled.items()):
                numbers = numbers.set(texts.str.contains(f'{flags}{pattern}') & (texts != ''), number)
            return numbers.to_frame()

        return Memo(find)


class Suspects:
    """Which networks are of hosting providers: those of HOSTING_NUMBERS, and of the setting `hosting_networks`."""

    def __init__(self, rules: PortalRules) -> None:
        self.hosting = pl.Series(sorted(HOSTING_NUMBERS.union(rules.hosting_networks)), dtype=pl.UInt32)
        self.are_left_out = rules.suspect == 'leave_out'

    def of_networks(self, as_numbers: pl.Series) -> pl.Series:
        """Whether each of these networks is of a hosting provider."""
        return as_numbers.is_in(self.hosting.implode()).alias('is_hosting')

    def __call__(self, calls: pl.DataFrame) -> pl.Series:
        """`suspect` of each call (`is_hosting`, `client`, `user_id`): 1 for a browser without an account in a hosting network."""
        is_browser = is_category(calls['client'], Client.BROWSER.value)
        return (calls['is_hosting'] & is_browser & is_category(calls['user_id'], '')).cast(pl.UInt8).alias('suspect')
