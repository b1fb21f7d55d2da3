"""What became of the lines that were imported."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What became of lines; `skipped` and `rejected` by reason."""

    stored: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)

    def add(self, other: 'Tally') -> None:
        """Tally these too."""
        self.stored += other.stored
        for mine, more in ((self.skipped, other.skipped), (self.rejected, other.rejected)):
            for reason, lines in more.items():
                mine[reason] = mine.get(reason, 0) + lines


@dataclass
class Summary:
    """What became of the lines of one log or of several; the parts add up to `read`."""

    stored: int = 0
    already_stored: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    left: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        """All lines."""
        return self.stored + self.already_stored + self.skipped.total() + self.left + self.rejected.total()

    def as_dict(self) -> dict[str, object]:
        """The outcome under the names that `--format json` prints."""
        return {
            'read': self.read,
            'stored': self.stored,
            'already_stored': self.already_stored,
            'skipped': self.skipped.total(),
            'skipped_by_reason': dict(sorted(self.skipped.items())),
            'left': self.left,
            'rejected': dict(sorted(self.rejected.items())),
        }

    def count(self, tally: Tally) -> None:
        """Adds the lines of a batch that is stored now."""
        self.stored += tally.stored
        self.skipped += Counter(tally.skipped)
        self.rejected += Counter(tally.rejected)

    def count_before(self, tally: Tally) -> None:
        """Adds the lines of batches that were done before."""
        self.already_stored += tally.stored
        self.count(Tally(0, tally.skipped, tally.rejected))
