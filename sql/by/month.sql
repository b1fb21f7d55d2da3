-- Calls of each month with calls, in the portal's time zone.
SELECT
    month,
    {{measures}}
FROM {{calls_by_month_and_name}}
WHERE {{part_of_months}}
GROUP BY month
ORDER BY month
