-- The months that the period contains, in the time zones of the portal in that month.
(domain, month) GLOBAL IN (
    SELECT domain, toStartOfMonth(day) AS whole_month
    FROM days
    WHERE {{asked}}
    GROUP BY domain, whole_month
    HAVING max(toString({from:DateTime('UTC')}, days.timezone)) <= concat(toString(whole_month), ' 00:00:00')
        AND min(toString({to:DateTime('UTC')}, days.timezone)) >= concat(toString(addMonths(whole_month, 1)), ' 00:00:00')
)
