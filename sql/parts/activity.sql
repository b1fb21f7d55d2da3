-- Calls per day; no day is missing. `time` is the start of the day in the time zone of the busiest requested portal.
WITH
    {{zones}}
SELECT
    day,
    toTimeZone(toDateTime(day, zones[1]), 'UTC') AS time,
    sum(n) AS calls
FROM
(
    SELECT day, count() AS n
    FROM calls
    WHERE {{period}} AND {{counted_calls}} AND {{part}}
    GROUP BY day
    UNION ALL
    {{every_day}}
)
GROUP BY day
ORDER BY day
