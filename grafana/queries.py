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

# Circles that would overlap are one: places are put together by the cells of a grid laid over what the map shows,
# `cells` wide and half as many high; 14 of them are a degree wide at least, as near as the map zooms by itself. `north`
# is the latitude as the map (Mercator) draws it. A circle lies at its largest place; the smallest come last, so on top.
MAP_OF_CALLS = f"""\
SELECT
    if(places = 1, largest, concat(largest, ' + ', toString(places - 1))) AS place,
    latitude, longitude, calls, calls AS label, sqrt(calls) AS size
FROM
(
    SELECT
        argMax(if(city = '', country, concat(city, ', ', country)), n) AS largest,
        argMax(y, n) AS latitude, argMax(x, n) AS longitude, count() AS places, sum(n) AS calls
    FROM
    (
        SELECT
            country, city, latitude AS y, longitude AS x, calls AS n,
            degrees(asinh(tan(radians(greatest(-85, least(85, y)))))) AS north,
            greatest(max(x) OVER () - min(x) OVER (), 2 * (max(north) OVER () - min(north) OVER ()), 14)
                / toUInt32(${{cells:singlequote}}) AS cell
        FROM map_of_calls({_ASKED})
    )
    GROUP BY floor(x / cell), floor(north / cell)
)
ORDER BY calls DESC, place"""

DOMAINS = 'SELECT domain FROM domains ORDER BY domain'

# Events of the portals that are shown, and those of every portal, which name none.
EVENTS = """\
SELECT start AS time, end AS timeEnd, title, text, tags
FROM events
WHERE domain IN ('', ${domain:singlequote}) AND start <= $__toTime AND end >= $__fromTime
ORDER BY start"""
