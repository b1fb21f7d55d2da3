"""Lays out the map of calls: what it shows of the world, and circles of places that do not overlap."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exporter.report.indicators import Place

UNITS = 10  # of land.svg in a degree of longitude
ASPECT = 1.8  # width : height
CLOSEST = 50.0  # degrees of longitude: the outline is too coarse for less
MARGIN = 1.25  # the map is wider than its places, so that the circles at the border are whole
POLE = 84.0  # degrees: the projection has no end
APART = 0.1  # of the width of the map, at least, from circle to circle
LARGEST, SMALLEST = 17.0, 13.5  # radius in pixels; a map that is 340 pixels wide has room for it


@dataclass(frozen=True)
class Circle:
    """The calls of the places that are close to the largest of them; x and y are shares of the map from its upper left corner."""

    place: Place
    places: int
    calls: int
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class View:
    """The part of the world that the map shows, in degrees of longitude; y grows to the south."""

    left: float
    top: float
    width: float

    @property
    def box(self) -> str:
        """As the `viewBox` of land.svg."""
        return ' '.join(f'{UNITS * value:.0f}' for value in (self.left, self.top, self.width, self.width / ASPECT))


def project(latitude: float, longitude: float) -> tuple[float, float]:
    """Mercator's projection, in degrees of longitude; y grows to the south."""
    return longitude, -math.degrees(math.asinh(math.tan(math.radians(max(-POLE, min(POLE, latitude))))))


def view(places: Sequence[Place]) -> View:
    """The part of the world with these places, which are not none."""
    points = [project(place.latitude, place.longitude) for place in places]
    (left, right), (top, bottom) = ((min(values), max(values)) for values in zip(*points, strict=True))
    width = max(right - left, ASPECT * (bottom - top), CLOSEST) * MARGIN
    return View((left + right - width) / 2, (top + bottom - width / ASPECT) / 2, width)


def circles(places: Sequence[Place], shown: View) -> list[Circle]:
    """The circles, largest first: from the largest place on, a place joins the first circle that is near, or starts one."""
    joined: list[tuple[tuple[float, float], list[Place]]] = []
    for place in sorted(places, key=lambda place: -place.calls):
        point = project(place.latitude, place.longitude)
        near = (members for centre, members in joined if math.dist(centre, point) < APART * shown.width)
        if (members := next(near, None)) is not None:
            members.append(place)
        else:
            joined.append((point, [place]))
    return sorted(_drawn(joined, shown), key=lambda circle: -circle.calls)


def _drawn(joined: list[tuple[tuple[float, float], list[Place]]], shown: View) -> Iterator[Circle]:
    largest = max((sum(place.calls for place in members) for _, members in joined), default=0)
    for (x, y), members in joined:
        calls = sum(place.calls for place in members)
        yield Circle(
            place=members[0],
            places=len(members),
            calls=calls,
            x=(x - shown.left) / shown.width,
            y=(y - shown.top) * ASPECT / shown.width,
            radius=max(SMALLEST, LARGEST * math.sqrt(calls / largest)),
        )
