"""The positions of panels: a page lists its rows of panels, each panel has a size, and the positions follow."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

COLUMNS = 24  # of Grafana's grid; a row of the grid is about 38 pixels high


class Size(NamedTuple):
    """The size of a panel in columns and rows of the grid."""

    width: int
    height: int

    def as_grid_position(self) -> dict[str, int]:
        """Grafana's gridPos, at the upper left corner until `arrange` moves it."""
        return {'x': 0, 'y': 0, 'w': self.width, 'h': self.height}


def arrange(rows: Iterable[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The panels of all rows, each at its position.

    A panel takes the highest free place of its row, and the leftmost of these: after a high panel, lower ones are
    stacked beside it. Raises ValueError if the panels of a row do not fill a rectangle of the whole width.
    """
    arranged = []
    top = 0
    for row in rows:
        bottoms = [top] * COLUMNS  # the first free grid row of each column
        for panel in row:
            width, height = panel['gridPos']['w'], panel['gridPos']['h']
            y, x = min((max(bottoms[x : x + width]), x) for x in range(COLUMNS - width + 1))
            bottoms[x : x + width] = [y + height] * width
            arranged.append({**panel, 'gridPos': {'x': x, 'y': y, 'w': width, 'h': height}})
        area = sum(panel['gridPos']['w'] * panel['gridPos']['h'] for panel in row)
        if min(bottoms) != max(bottoms) or area != COLUMNS * (max(bottoms) - top):
            raise ValueError(f'the row {[panel["title"] for panel in row]} leaves a gap')
        top = max(bottoms)
    return arranged
