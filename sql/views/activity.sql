-- Indicator 1: API calls per day. `time` is the start of the day in the time zone of the busiest requested portal.
WITH
    {{zones}}
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
    {{every_day}}
)
GROUP BY day
ORDER BY day
