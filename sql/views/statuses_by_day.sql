-- Calls of each day by HTTP status.
SELECT day, status, count() AS calls
FROM calls
WHERE {{period}} AND (client = 'crawler') <= {crawlers:UInt8}
GROUP BY day, status
ORDER BY day, status
