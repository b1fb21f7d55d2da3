"""The balance of the spool: how many accepted calls are in each place."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class SpoolBalance:
    """Numbers of calls; at any time, accepted = stored + waiting + quarantined. `bytes` is the size on the disk."""

    stored: int = 0
    waiting: int = 0
    quarantined: int = 0
    bytes: int = 0

    @property
    def accepted(self) -> int:
        """The number of accepted calls."""
        return self.stored + self.waiting + self.quarantined

    def plus(self, **changes: int) -> 'SpoolBalance':
        """Returns the balance with the changes added, which may be negative."""
        return replace(self, **{name: getattr(self, name) + number for name, number in changes.items()})
