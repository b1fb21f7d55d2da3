"""The positions of panels follow from their rows and sizes."""

import pytest

from grafana.layout import Size, arrange


def positions(*rows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The x and y of panels of these sizes."""
    panels = [[{'title': f'{size}', 'gridPos': Size(*size).as_grid_position()} for size in row] for row in rows]
    arranged = arrange(panels)
    assert [(panel['title'], panel['gridPos']['w'], panel['gridPos']['h']) for panel in arranged] == [
        (f'{size}', *size) for row in rows for size in row
    ]
    return [(panel['gridPos']['x'], panel['gridPos']['y']) for panel in arranged]


def test_rows_follow_one_another() -> None:
    assert positions([(6, 4), (18, 4)], [(24, 9)], [(12, 1), (12, 1)]) == [(0, 0), (6, 0), (0, 4), (0, 13), (12, 13)]


def test_low_panels_are_stacked_beside_a_high_one() -> None:
    row = [(14, 10), (5, 4), (5, 4), (5, 6), (5, 6)]
    assert positions(row, [(24, 1)]) == [(0, 0), (14, 0), (19, 0), (14, 4), (19, 4), (0, 10)]


@pytest.mark.parametrize('row', [[(12, 4)], [(12, 4), (12, 5)], [(12, 4), (12, 2)], [(6, 2), (18, 4), (24, 2)]])
def test_a_row_with_a_gap_is_refused(row: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match='leaves a gap'):
        positions(row)
