"""Finds the host of the page that a call comes from; nothing more of a referrer is kept."""

from collections.abc import Sequence

import polars as pl

from exporter.enrich.hosts import Hosts
from exporter.enrich.memo import Memo
from exporter.model.call import categorical

OWN = '(own)'  # a page of the portal itself
LONGEST_REFERRER = 2_000  # characters that are looked at
LONGEST_HOST = 255  # characters
# RFC 3986, section 3.2: scheme, //, and the authority without user and port. A browser takes a backslash for a slash.
AUTHORITY = r'^\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#\\]*@)?(\[[0-9A-Fa-f:.]+\]|[\w.~-]+?)\.?(?::\d*)?\s*(?:[/?#\\].*)?$'


class Referrers:
    """The referring hosts of one portal. One thread at a time may call it.

    `hosts`: the portal's own, as in the setting `hosts`.
    """

    def __init__(self, domain: str, hosts: Sequence[str]) -> None:
        own = Hosts({domain: (domain, *(host.lower() for host in hosts))})
        self._hosts = Memo(lambda texts: _hosts(texts, own))

    def __call__(self, referrers: pl.Series) -> pl.Series:
        """The host of each referrer (`referrer_host`), in lower case: OWN for the portal's own, '' if there is none."""
        return self._hosts(referrers)['referrer_host']


def _hosts(referrers: pl.Series, own: Hosts) -> pl.DataFrame:
    hosts = referrers.str.slice(0, LONGEST_REFERRER).str.extract(f'(?s){AUTHORITY}').str.to_lowercase().fill_null('')
    hosts = hosts.set(hosts.str.len_chars() > LONGEST_HOST, '')
    distinct = hosts.unique().to_list()
    hosts = hosts.replace(distinct, [OWN if host and own.portal(host) else host for host in distinct])
    return pl.DataFrame({'referrer_host': hosts.cast(categorical('referrer_host'))})
