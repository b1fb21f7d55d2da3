"""Divides a log among its portals: decides whose lines are read from which byte, so that each line counts for one portal only."""

import shlex
from typing import NamedTuple, NoReturn

from exporter.enrich.hosts import Hosts, covers
from exporter.errors import InputError
from exporter.ingest.logs.batches import HEAD, KnownLog, known_logs
from exporter.ingest.logs.history import History
from exporter.ingest.logs.log_file import LogFile
from exporter.ingest.split import EVERY_LINE, Share, Test
from exporter.store.rejects import RejectStore


class Division(NamedTuple):
    """Who gets the lines of a log: the portal `domain`, or if it is '' each portal the lines with its hosts.

    A log that is divided by hosts has a share for each portal, and one with the domain '' for the lines of none. Each share has
    batches of its own. The ledger records the hosts of a share, which stay the same until the log ends:

    - A host that is added later begins another share, at the start of the log. If another portal has had the lines of that
      host so far, it begins where these end.
    - A host that is removed stays with its portal in the logs that were begun, unless another portal gets it.
    - The share of no portal holds no calls. If hosts are added, it is discarded and counted again.
    """

    domain: str
    hosts: Hosts = Hosts({})

    @property
    def domains(self) -> list[str]:
        """The domains of the shares."""
        return [self.domain] if self.domain else [*self.hosts.portals, '']

    def shares(self, file: LogFile, history: History, rejected: RejectStore) -> list[Share]:
        """Returns the shares of a log; that of no portal is the last one.

        Raises InputError, before it changes anything, if the log was read for another portal, EngineError, OSError.
        """
        if self.domain:
            own = self.domain, ()
            others = [log for log in known_logs(file, history, lambda *share: share != own) if _is_stored(file, log)]
            # an earlier version may have begun it for several portals
            if others and not any(known_logs(file, history, lambda *share: share == own)):
                self._refuse(file, others[0])
            return [EVERY_LINE]
        known = list(known_logs(file, history))
        if whole := next((log for log in known if not log.hosts and _is_stored(file, log)), None):
            self._refuse(file, whole)
        shares = [share for domain in self.hosts.portals for share in self._of_portal(domain, known)]
        return [*shares, self._of_none(known, history, rejected)]

    def _refuse(self, file: LogFile, stored: KnownLog) -> NoReturn:
        remedy = f'run usage-exporter forget --file {shlex.quote(file.name)} --domain {stored.domain} first'
        if self.domain:
            remedy = (
                f'{remedy}; if it has lines of several portals, also set hosts'
                if not stored.hosts
                else f'import it without --domain, or {remedy}'
            )
        raise InputError(
            f'{file.name}: the calls of this log are stored for {stored.domain}, and a line counts for one portal only', remedy
        )

    def _of_portal(self, domain: str, known: list[KnownLog]) -> list[Share]:
        """Returns the shares that were begun, and one for the hosts that are new."""
        begun = dict.fromkeys(log.hosts for log in known if log.domain == domain)
        new = [host for host in self.hosts.portals[domain] if not any(covers(hosts, host) for hosts in begun)]
        if new:
            begun[tuple(sorted(new))] = None
        shares, earlier = list[Share](), tuple[str, ...]()
        for hosts in begun:
            start, log_format = self._start(domain, hosts, known)
            shares.append(Share(domain, hosts, self._test(domain, hosts, earlier), start, log_format))
            earlier += hosts
        return shares

    def _test(self, domain: str, hosts: tuple[str, ...], earlier: tuple[str, ...]) -> Test:
        own, before = Hosts({domain: hosts}), Hosts({domain: earlier})
        return lambda host: bool(own.portal(host)) and not before.portal(host) and self.hosts.portal(host) in (domain, '')

    def _start(self, domain: str, hosts: tuple[str, ...], known: list[KnownLog]) -> tuple[int, str]:
        """Returns the byte at which a share begins, and the format of the lines there, '' if it is not known."""
        holders = [
            log
            for log in known
            if log.domain not in (domain, '')
            and (any(covers(log.hosts, host) for host in hosts) or any(self.hosts.portal(host) == domain for host in log.hosts))
        ]
        if own := next((log for log in known if (log.domain, log.hosts) == (domain, hosts)), None):
            first = own.entries[0].batch
            return (first.start, first.format) if holders else (0, '')
        last = max((log.entries[-1].batch for log in holders), key=lambda batch: batch.end, default=None)
        return (last.end, last.format) if last else (0, '')

    def _of_none(self, known: list[KnownLog], history: History, rejected: RejectStore) -> Share:
        """Returns the share of no portal. Discards the one that does not know all hosts."""
        begun = [host for log in known if log.domain in self.hosts.portals for host in log.hosts]
        hosts = tuple(sorted({*begun, *(host for names in self.hosts.portals.values() for host in names)}))
        outdated = [entry.batch for log in known if log.domain == '' and log.hosts != hosts for entry in log.entries]
        for batch in outdated:
            rejected.remove(batch.id)
        history.discard(outdated)
        taken = Hosts({'taken': hosts})
        return Share('', hosts, lambda host: bool(taken.portal(host)))


def _is_stored(file: LogFile, known: KnownLog) -> bool:
    """Whether calls of the file are stored: if only a few lines are the same, these may be two logs that begin alike."""
    is_same = known.same_bytes >= HEAD or not file.read(known.same_bytes, known.same_bytes + 1)
    return is_same and known.holds_calls
