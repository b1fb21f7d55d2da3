-- Calls by weekday (1 is Monday) and hour of the day, in the portal's time zone. Hours without calls are missing.
SELECT
    toDayOfWeek(day) AS weekday,
    toUInt8(substring(toString(hours.hour, timezone), 12, 2)) AS hour,
    sum(n) AS calls
FROM
(
    SELECT day, hour, timezone, count() AS n
    FROM calls
    WHERE {{period}} AND {{counted_calls}}
    GROUP BY day, hour, timezone
) AS hours
GROUP BY weekday, hour
ORDER BY weekday, hour
