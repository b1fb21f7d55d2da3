"""What the map asks: places, joined to circles that do not overlap."""

from grafana.queries import PARAMETERS

# No two circles lie nearer than `apart`, so they do not overlap: taken from the largest, a place that is nearer to a
# circle joins it. `apart` is a share of what the map shows (2.8 times as wide as high); a map that is cut in 12 leaves
# room for the largest circle, and 15 / 12 degrees is its width where the map zooms in as far as it does by itself.
# `north` is the latitude as the map (Mercator) draws it.
PLACES_WITH_CIRCLE = f"""\
    SELECT p.1 AS n, p.2 AS place, p.3 AS latitude, p.4 AS longitude,
        arrayFirst(c -> hypot(c.4 - p.4, c.5 - p.5) < apart, circles) AS circle
    FROM
    (
        SELECT
            arrayReverseSort(groupArray((n, name, latitude, longitude, north))) AS found,
            greatest(max(longitude) - min(longitude), 2.8 * (max(north) - min(north)), 15)
                / toUInt32(${{circles:singlequote}}) AS apart,
            arrayFold(
                (c, p) -> if(arrayExists(k -> hypot(k.4 - p.4, k.5 - p.5) < apart, c), c, arrayPushBack(c, p)),
                found, arrayResize(found, 0)
            ) AS circles
        FROM
        (
            SELECT
                calls AS n, if(city = '', country, concat(city, ', ', country)) AS name, latitude, longitude,
                degrees(asinh(tan(radians(greatest(-85, least(85, latitude)))))) AS north
            FROM map_of_calls({PARAMETERS})
        )
    )
    ARRAY JOIN found AS p"""

# The calls of a circle: those of the places that joined it.
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
