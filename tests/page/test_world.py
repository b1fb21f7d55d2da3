"""The circles of the map have all calls, do not overlap, and lie on the map, whose land is where it should be."""

import math
import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import accumulate, combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.page import world
from exporter.report.indicators import Place

NARROWEST = 340  # pixels: the map on a phone of 400 pixels
PLACES = st.lists(
    st.builds(Place, st.just('FR'), st.just(''), st.floats(-90, 90), st.floats(-180, 180), st.integers(1, 10**9)),
    min_size=1,
    max_size=60,
)


@given(PLACES)
def test_circles_have_all_calls_and_do_not_overlap(places: list[Place]) -> None:
    shown = world.view(places)
    circles = world.circles(places, shown)
    assert sum(circle.calls for circle in circles) == sum(place.calls for place in places)
    assert sum(circle.places for circle in circles) == len(places)
    assert [circle.calls for circle in circles] == sorted((circle.calls for circle in circles), reverse=True)
    for one, other in combinations(circles, 2):
        distance = NARROWEST * math.hypot(one.x - other.x, (one.y - other.y) / world.ASPECT)
        assert distance >= one.radius + other.radius


@given(PLACES)
def test_circles_lie_on_the_map_whole(places: list[Place]) -> None:
    for circle in world.circles(places, world.view(places)):
        share = circle.radius / NARROWEST
        assert share <= circle.x <= 1 - share
        assert share * world.ASPECT <= circle.y <= 1 - share * world.ASPECT


def test_a_region_is_shown_closer() -> None:
    shown = world.view([Place('FR', 'Paris', 48.86, 2.35, 10)])
    assert shown.width == world.CLOSEST * world.MARGIN
    [circle] = world.circles([Place('FR', 'Paris', 48.86, 2.35, 10)], shown)
    assert (round(circle.x, 9), round(circle.y, 9), circle.radius) == (0.5, 0.5, world.LARGEST)
    assert shown.box == '-289 -735 625 347'


def rings() -> Iterator[list[tuple[int, int]]]:
    """The rings of land.svg, closed."""
    for path in re.findall(r'M([^z]+)z', files('exporter.page').joinpath('land.svg').read_text(encoding='utf-8')):
        numbers = list(map(int, re.findall(r'-?\d+', path)))
        points = list(
            accumulate(zip(numbers[::2], numbers[1::2], strict=True), lambda at, step: (at[0] + step[0], at[1] + step[1]))
        )
        yield [*points, points[0]]


@pytest.mark.parametrize(
    ('latitude', 'longitude', 'land'),
    [
        (48.86, 2.35, True),
        (-1.3, 36.8, True),
        (39.7, -105, True),
        (-25, 134, True),
        (67, 179, True),
        (43, -30, False),
        (0, -150, False),
        (43, 51, False),  # the Caspian Sea, a hole in the land
    ],
)
def test_land_is_where_it_should_be(latitude: float, longitude: float, land: bool) -> None:
    x, y = (world.UNITS * value for value in world.project(latitude, longitude))
    crossings = sum(
        (y1 > y) != (y2 > y) and x < x1 + (x2 - x1) * (y - y1) / (y2 - y1)
        for ring in rings()
        for (x1, y1), (x2, y2) in pairwise(ring)
    )
    assert crossings % 2 == land
