-- The portals, with the first and the last day that have calls (including calls of crawlers).
SELECT
    domain,
    argMax(timezone, day) AS timezone,
    min(day) AS first_day,
    max(day) AS last_day,
    sum(days.calls) AS calls
FROM days
GROUP BY domain
ORDER BY domain
