"""Draws exporter/page/land.svg, the outline of the map, from the land of Natural Earth (1:110m, public domain)."""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from exporter.page.world import UNITS, project

FILE = Path(__file__).parent.parent / 'exporter' / 'page' / 'land.svg'
SOUTH = -60  # degrees: Antarctica is left out


def outline(polygons: Iterable[list[list[list[float]]]]) -> Iterator[str]:
    """Each ring as a relative path of whole units, without points that fall on the one before.

    A ring that crosses 180 degrees continues beyond, so that no line runs across the map.
    """
    for polygon in polygons:
        if max(latitude for _, latitude in polygon[0]) < SOUTH:
            continue
        for ring in polygon:
            points = [tuple(round(UNITS * value) for value in project(latitude, longitude)) for longitude, latitude in ring]
            around = 360 * UNITS
            steps = [
                ((x - a + around // 2) % around - around // 2, y - b) for (a, b), (x, y) in pairwise(points) if (x, y) != (a, b)
            ]
            if len(steps) > 2:
                yield f'M{points[0][0]} {points[0][1]}l' + ' '.join(f'{x} {y}' for x, y in steps[:-1]).replace(' -', '-') + 'z'


def main() -> None:
    """Writes the file. The argument is ne_110m_land as GeoJSON."""
    collection = json.loads(Path(sys.argv[1]).read_text(encoding='utf-8'))
    shapes = [feature['geometry'] for feature in collection['features']]
    polygons = [
        polygon
        for shape in shapes
        for polygon in ([shape['coordinates']] if shape['type'] == 'Polygon' else shape['coordinates'])
    ]
    FILE.write_text(f'<path d="{"".join(outline(polygons))}"/>\n', encoding='utf-8')


if __name__ == '__main__':
    main()
