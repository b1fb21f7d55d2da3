-- Calls of each week with calls, from Monday on, in the portal's time zone.
SELECT
    toMonday(day) AS week,
    {{measures_of_calls}}
FROM calls
WHERE {{period}} AND {{counted_calls}} AND {{part}}
GROUP BY week
ORDER BY week
