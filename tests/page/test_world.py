"""The circles of the map have all calls, do not overlap, and lie on the map."""

import math
from itertools import combinations

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


def test_a_region_is_shown_closer_and_the_outline_is_at_its_place() -> None:
    shown = world.view([Place('FR', 'Paris', 48.86, 2.35, 10)])
    assert shown.width == world.CLOSEST * world.MARGIN
    [circle] = world.circles([Place('FR', 'Paris', 48.86, 2.35, 10)], shown)
    assert (round(circle.x, 9), round(circle.y, 9), circle.radius) == (0.5, 0.5, world.LARGEST)
    assert shown.box == '-289 -735 625 347'
