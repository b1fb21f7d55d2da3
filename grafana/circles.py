"""The circles of the map: groups of places that are close, so that circles do not overlap."""

from grafana.queries import PARAMETERS

# Places are taken from the largest on. A place that is nearer than `apart` to a circle joins that circle, otherwise it starts
# a new one. `apart` is a share of the width of the map (2.8 times its height): a twelfth leaves room for the largest circle.
# 15 degrees is the width of the map at the closest zoom that Grafana chooses by itself.
# `north` is the latitude in the Mercator projection of the map.
PLACES_WITH_CIRCLE = f"""\
    SELECT p.1 AS n, p.2 AS place, p.3 AS latitude, p.4 AS longitude,
        arrayFirst(c -> hypot(c.4 - p.4, c.5 - p.5) < apart, circles) AS circle
    FROM
    (
        SELECT
            arrayReverseSort(groupArray((n, name, latitude, longitude, north))) AS all_places,
            greatest(max(longitude) - min(longitude), 2.8 * (max(north) - min(north)), 15)
                / toUInt32(${{circles:singlequote}}) AS apart,
            arrayFold(
                (c, p) -> if(arrayExists(k -> hypot(k.4 - p.4, k.5 - p.5) < apart, c), c, arrayPushBack(c, p)),
                all_places, arrayResize(all_places, 0)
            ) AS circles
        FROM
        (
            SELECT
                calls AS n, if(city = '', country, concat(city, ', ', country)) AS name, latitude, longitude,
                degrees(asinh(tan(radians(greatest(-85, least(85, latitude)))))) AS north
            FROM map_of_calls({PARAMETERS})
        )
    )
    ARRAY JOIN all_places AS p"""

# Selects the calls of a circle: those of all places that joined it.
IN_CIRCLE = f"""\
(if(city = '', country, concat(city, ', ', country)), latitude, longitude) IN
(
    SELECT place, latitude, longitude
    FROM
    (
{PLACES_WITH_CIRCLE}
    )
    WHERE concat(toString(circle.3), ',', toString(circle.4)) = ${{circle:singlequote}}
)"""
