"""Finds the portal of a requested host, for logs of several portals."""

from collections.abc import Mapping, Sequence


class Hosts:
    """The hosts of all portals: names, and patterns such as *.data.example.org for all names below one."""

    def __init__(self, portals: Mapping[str, Sequence[str]]) -> None:
        self.portals = {domain: tuple(hosts) for domain, hosts in portals.items()}
        self.names = {host: domain for domain, hosts in portals.items() for host in hosts if not host.startswith('*')}
        patterns = [(host[1:], domain) for domain, hosts in portals.items() for host in hosts if host.startswith('*')]
        self.suffixes = sorted(patterns, key=lambda pattern: -len(pattern[0]))  # the longest decides

    def portal(self, host: str) -> str:
        """The domain of the portal with this host, '' if there is none. A pattern has the portal of all names that it matches."""
        below = (domain for suffix, domain in self.suffixes if host.endswith(suffix) and len(host) > len(suffix))
        return self.names.get(host) or next(below, '')


def covers(hosts: Sequence[str], host: str) -> bool:
    """Whether a host, or all names that a pattern matches, are among these hosts."""
    return bool(Hosts({'covered': hosts}).portal(host))
