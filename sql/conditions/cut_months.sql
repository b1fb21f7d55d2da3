-- Calls of the months that the period may cut. The first condition uses the primary key: only the first and the last month can be cut.
{{period}}
AND (
    day < addMonths(toStartOfMonth(toDate(least({from:DateTime('UTC')}, toDateTime(4294900000, 'UTC')) + 50400)), 1)
    OR day >= toStartOfMonth(toDate(greatest({to:DateTime('UTC')}, toDateTime(43200, 'UTC')) - 43200))
)
AND NOT {{whole_months}}
