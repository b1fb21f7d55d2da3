-- Calls of each day by kind of access.
SELECT day, action, count() AS calls
FROM calls
WHERE {{period}} AND {{counted_calls}}
GROUP BY day, action
ORDER BY day, action
