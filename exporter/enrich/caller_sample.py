"""Detects a log that has proxies in the place of callers."""

import polars as pl

from exporter.enrich.callers import trusted_proxies

SAMPLE = 100_000  # the first calls of the logs of a portal; they take 2 MB
LEAST = 1_000  # calls; fewer may come from a few callers
NEARLY_ALL = 0.95
FEW = 3  # addresses
REMEDY = 'if these are proxies, log the header X-Forwarded-For and name them in trusted_proxies (docs/import.md, Behind a proxy)'


class CallerSample:
    """The addresses of the first calls. One thread at a time may call it."""

    def __init__(self) -> None:
        self.calls = 0
        self.addresses = list[pl.Series]()
        self.judged = False

    def add(self, addresses: pl.Series) -> None:
        """Adds calls, unless there are enough."""
        if not self.judged and self.calls < SAMPLE:
            added = addresses.head(SAMPLE - self.calls).cast(pl.String)
            self.calls += len(added)
            self.addresses.append(added)

    def warning(self) -> str:
        """A warning if nearly all calls come from a few or from private addresses, else ''. It is given once.

        It names no address, since it goes to a log.
        """
        if self.judged or self.calls < LEAST:
            return ''
        counts = pl.concat(self.addresses).rename('address').value_counts(sort=True)
        self.judged, self.addresses = True, []
        others = (1 - NEARLY_ALL) * self.calls  # at most
        if self.calls - counts['count'].head(FEW).sum() <= others:
            return f'nearly all of {self.calls:,} calls come from at most {FEW} addresses; {REMEDY}'
        internal = trusted_proxies(['private', 'loopback'])
        for address, calls in counts.iter_rows():
            others -= 0 if internal.trust(address) else calls
            if others < 0:  # in most logs after a few addresses
                return ''
        return f'nearly all of {self.calls:,} calls come from private addresses; {REMEDY}'
