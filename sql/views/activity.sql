-- Indicator 1: API calls per day. `time` is the start of the day in the time zone of the busiest requested portal.
WITH
    (
        SELECT if(empty(groupArray(zone) AS found), ['UTC'], found)
        FROM (SELECT toString(timezone) AS zone FROM days WHERE {{asked}} GROUP BY zone ORDER BY sum(days.calls) DESC, zone)
    ) AS zones,
    arrayMap(zone -> toDate(toString({from:DateTime('UTC')}, zone)), zones) AS first_days,
    arrayMap(zone -> toDate(toString({to:DateTime('UTC')} - 1, zone)), zones) AS last_days
SELECT
    day,
    toTimeZone(toDateTime(day, zones[1]), 'UTC') AS time,
    sum(n) AS calls
FROM
(
    SELECT day, calls AS n
    FROM days
    WHERE {{whole_days}} AND {{counted_sums}}
    UNION ALL
    SELECT day, count() AS n
    FROM calls
    WHERE {{edge_days}} AND {{counted_calls}}
    GROUP BY day
    UNION ALL
    -- every day of the period, also days without calls
    SELECT toDate(arrayJoin(range(toUInt32(arrayMin(first_days)), toUInt32(arrayMax(last_days)) + 1))) AS day, 0 AS n
    WHERE {from:DateTime('UTC')} < {to:DateTime('UTC')}
)
GROUP BY day
ORDER BY day
