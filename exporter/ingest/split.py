"""Splits the lines of a log of several portals by the requested host."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import polars as pl

from exporter.ingest.formats import Lines
from exporter.model.reject import Skip

Test = Callable[[str], bool]  # of a host


class Share(NamedTuple):
    """The lines of a log that one portal gets; with the domain '', those of no portal."""

    domain: str = ''
    hosts: tuple[str, ...] = ()  # as in the ledger; empty: all lines
    test: Test = bool  # whether a host is one of the share; with the domain '', whether it is one of a portal
    start: int = 0  # its first byte in the log
    format: str = ''  # in which the lines there are, '' if it is not known

    def select(self, lines: Lines) -> Lines:
        """Returns the lines of the share."""
        if not self.hosts:
            return lines
        return of_portal(lines, self.test) if self.domain else of_no_portal(lines, self.test)

    @property
    def has_rest(self) -> bool:
        """Whether it has the lines that are of no portal, such as a last line that is still being written."""
        return not (self.hosts and self.domain)


EVERY_LINE = Share()


def split(lines: Lines, portal: Callable[[str], str]) -> Iterator[tuple[str, Lines]]:
    """Yields each portal that has lines, and its lines; then the domain '' and the lines of no portal, if there are any.

    `portal` returns the domain of a host.
    """
    domains = {portal(host) for host in lines.calls['host'].unique()}
    for domain in sorted(domains - {''}):
        yield domain, of_portal(lines, lambda host, domain=domain: portal(host) == domain)  # type: ignore[misc]
    rest = of_no_portal(lines, lambda host: bool(portal(host)))
    if len(rest.skipped) or len(rest.rejected):
        yield '', rest


def of_portal(lines: Lines, test: Test) -> Lines:
    """Returns the calls with a host of a portal."""
    return Lines(_with_host(lines.calls, test))


def of_no_portal(lines: Lines, test: Test) -> Lines:
    """Returns the lines of no portal: calls with a host that fails the test are skipped, and all that the format skips or rejects
    is among them."""
    others = _with_host(lines.calls, lambda host: not test(host))
    skipped = others.select('line', reason=pl.lit(Skip.HOST.value))
    return lines._replace(calls=lines.calls.clear(), skipped=pl.concat([lines.skipped, skipped]))


def _with_host(calls: pl.DataFrame, test: Test) -> pl.DataFrame:
    hosts = [host for host in calls['host'].unique() if test(host)]
    return calls.filter(calls['host'].is_in(pl.Series(hosts, dtype=pl.String).implode()))
