"""What the dashboards ask, in every language: SQL that names no database and reads public views and tables only.

Grafana puts in the variables (`${domain:singlequote}`), the ClickHouse plugin the macros (`$__fromTime`: a DateTime).
"""

# Views end a period before `to`, while Grafana ends a day with its last second: 23:59:59 means midnight.
_TO = 'toUnixTimestamp($__toTime) + (toSecond($__toTime) = 59)'
_ASKED = f"""domains=[${{domain:singlequote}}],
    from=toUnixTimestamp($__fromTime), to={_TO},
    crawlers=${{crawlers:singlequote}}"""

# No rows at all where no call was made: the panel then says so in words.
ACTIVITY = f"""\
SELECT time, calls
FROM activity({_ASKED})
QUALIFY sum(calls) OVER () > 0
ORDER BY time"""

TOTAL_USERS = f"""\
SELECT nullIf(total_users, 0) AS users
FROM total_users({_ASKED})"""

CALLS_PER_USER = f"""\
SELECT calls_per_user
FROM calls_per_user({_ASKED})"""

ANONYMOUS_USERS = f"""\
SELECT anonymous_users_percent
FROM anonymous_users({_ASKED})"""

MOBILE_USERS = f"""\
SELECT mobile_users_percent
FROM mobile_users({_ASKED})"""

TOP_USERS = f"""\
SELECT user, calls
FROM top_users({_ASKED})
ORDER BY calls DESC, user"""

# No two circles lie nearer than `apart`, so they do not overlap: taken from the largest, a place that is nearer to a
# circle joins it. `apart` is a share of what the map shows (2.8 times as wide as high); a map that is cut in 14 leaves
# room for the largest circle, and 17 / 14 degrees is its width where the map zooms in as far as it does by itself.
# `north` is the latitude as the map (Mercator) draws it. Largest first: what is drawn last lies on top.
MAP_OF_CALLS = f"""\
SELECT
    if(places = 1, circle.2, concat(circle.2, ' + ', toString(places - 1))) AS place,
    circle.3 AS latitude, circle.4 AS longitude, calls, calls AS label, sqrt(calls) AS size
FROM
(
    SELECT arrayFirst(c -> hypot(c.4 - p.4, c.5 - p.5) < apart, circles) AS circle, count() AS places, sum(p.1) AS calls
    FROM
    (
        SELECT
            arrayReverseSort(groupArray((n, name, latitude, longitude, north))) AS found,
            greatest(max(longitude) - min(longitude), 2.8 * (max(north) - min(north)), 17)
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
            FROM map_of_calls({_ASKED})
        )
    )
    ARRAY JOIN found AS p
    GROUP BY circle
)
ORDER BY calls DESC, place"""

DOMAINS = 'SELECT domain FROM domains ORDER BY domain'

# Events of the portals that are shown, and those of every portal, which name none.
EVENTS = """\
SELECT start AS time, end AS timeEnd, title, text, tags
FROM events
WHERE domain IN ('', ${domain:singlequote}) AND start <= $__toTime AND end >= $__fromTime
ORDER BY start"""
