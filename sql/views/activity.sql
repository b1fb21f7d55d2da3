-- Indicator 1: API calls per day. `time` is the moment at which the day begins, in the zone of the busiest portal asked for.
WITH
    (
        SELECT toString(argMax(timezone, n))
        FROM (SELECT timezone, sum(calls) AS n FROM days WHERE {{asked}} GROUP BY timezone)
    ) AS zone
SELECT
    day,
    assumeNotNull(toTimeZone(toDateTime(day, if(zone = '', 'UTC', zone)), 'UTC')) AS time,
    sum(n) AS calls
FROM
(
    SELECT day, calls AS n
    FROM days
    WHERE {{whole_days}} AND crawler <= {crawlers:UInt8}
    UNION ALL
    SELECT day, count() AS n
    FROM calls
    WHERE {{edge_days}} AND (client = 'crawler') <= {crawlers:UInt8}
    GROUP BY day
    UNION ALL
    -- every day of the period, so that none is missing
    SELECT toDate(arrayJoin(range(toUInt32(first_day), toUInt32(last_day) + 1))) AS day, 0 AS n
    FROM
    (
        SELECT
            min(toDate(toString({from:DateTime('UTC')}, local))) AS first_day,
            max(toDate(toString({to:DateTime('UTC')} - 1, local))) AS last_day
        FROM
        (
            SELECT arrayJoin(if(empty(zones), ['UTC'], zones)) AS local
            FROM (SELECT groupUniqArray(toString(timezone)) AS zones FROM days WHERE {{asked}})
        )
    )
    WHERE {from:DateTime('UTC')} < {to:DateTime('UTC')}
)
GROUP BY day
ORDER BY day
