-- The portals, and which days they have calls of (crawlers' calls included).
SELECT
    domain,
    argMax(timezone, day) AS timezone,
    min(day) AS first_day,
    max(day) AS last_day,
    sum(days.calls) AS calls
FROM days
GROUP BY domain
ORDER BY domain
