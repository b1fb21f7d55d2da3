-- Calls of each day by HTTP status.
SELECT day, status, count() AS calls
FROM calls
WHERE {{period}} AND {{counted_calls}}
GROUP BY day, status
ORDER BY day, status
