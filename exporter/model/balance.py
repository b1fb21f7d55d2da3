"""Where the calls are that were accepted."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class SpoolBalance:
    """Where the accepted calls are: accepted = stored + waiting + quarantined, at every moment. `bytes` lie on the disk."""

    stored: int = 0
    waiting: int = 0
    quarantined: int = 0
    bytes: int = 0

    @property
    def accepted(self) -> int:
        """All of them."""
        return self.stored + self.waiting + self.quarantined

    def plus(self, **more: int) -> 'SpoolBalance':
        """The account after these calls and bytes came or went."""
        return replace(self, **{name: getattr(self, name) + number for name, number in more.items()})
