"""Tallies: how many lines were stored, skipped or rejected."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Numbers of lines; `skipped` and `rejected` by reason."""

    stored: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    hidden_addresses: int = 0  # of the stored, those of anonymous callers whose address the source hides, wholly or in part

    @property
    def lines(self) -> int:
        """The number of all lines."""
        return self.stored + sum(self.skipped.values()) + sum(self.rejected.values())

    def add(self, other: 'Tally') -> None:
        """Adds the numbers of another tally."""
        self.stored += other.stored
        self.hidden_addresses += other.hidden_addresses
        for counts, added in ((self.skipped, other.skipped), (self.rejected, other.rejected)):
            for reason, lines in added.items():
                counts[reason] = counts.get(reason, 0) + lines

    def minus(self, other: 'Tally') -> 'Tally | None':
        """The numbers of the lines that another tally lacks; None if that one has lines that are not here."""
        skipped, rejected = Counter(self.skipped), Counter(self.rejected)
        skipped.subtract(other.skipped)
        rejected.subtract(other.rejected)
        stored, hidden = self.stored - other.stored, self.hidden_addresses - other.hidden_addresses
        if min(stored, hidden, *skipped.values(), *rejected.values()) < 0:
            return None
        return Tally(stored, dict(+skipped), dict(+rejected), hidden)


@dataclass
class Summary:
    """The summary of an import: numbers of lines of one or several logs, which add up to `read`."""

    stored: int = 0
    already_stored: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    left: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        """The number of lines read."""
        return self.stored + self.already_stored + self.skipped.total() + self.left + self.rejected.total()

    def as_dict(self) -> dict[str, object]:
        """Returns the summary as `--format json` prints it."""
        return {
            'read': self.read,
            'stored': self.stored,
            'already_stored': self.already_stored,
            'skipped': self.skipped.total(),
            'skipped_by_reason': dict(sorted(self.skipped.items())),
            'left': self.left,
            'rejected': dict(sorted(self.rejected.items())),
        }

    def add(self, other: 'Summary') -> None:
        """Adds the numbers of another summary."""
        self.stored += other.stored
        self.already_stored += other.already_stored
        self.skipped += other.skipped
        self.left += other.left
        self.rejected += other.rejected

    def count(self, tally: Tally) -> None:
        """Adds the tally of a batch that was just stored."""
        self.stored += tally.stored
        self.skipped += Counter(tally.skipped)
        self.rejected += Counter(tally.rejected)

    def count_before(self, tally: Tally) -> None:
        """Adds the tally of batches that were done before; their stored lines count as already stored."""
        self.already_stored += tally.stored
        self.count(Tally(0, tally.skipped, tally.rejected))
