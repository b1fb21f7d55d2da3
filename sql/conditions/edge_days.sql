-- The two or three days that the period may cut: they are read from the calls, to the second.
-- greatest(): a moment just after 1970 less some hours would wrap around.
{{asked}}
AND NOT (day > toDate({from:DateTime('UTC')} + 50399) AND day < toDate({to:DateTime('UTC')} - 43200))
AND day > toDate(greatest({from:DateTime('UTC')}, toDateTime(172800, 'UTC'))) - 2
AND day < toDate({to:DateTime('UTC')}) + 2
AND hour > greatest({from:DateTime('UTC')}, toDateTime(172800, 'UTC')) - 3600
AND hour < {to:DateTime('UTC')}
AND timestamp >= {from:DateTime('UTC')}
AND timestamp < {to:DateTime('UTC')}
