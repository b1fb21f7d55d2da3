-- The two or three days that the period may cut: they are read from the calls, to the second.
{{asked}}
AND NOT {{whole}}
AND day > toDate(greatest({from:DateTime('UTC')}, toDateTime(172800, 'UTC'))) - 2
AND day < toDate({to:DateTime('UTC')}) + 2
AND hour > greatest({from:DateTime('UTC')}, toDateTime(172800, 'UTC')) - 3600
AND hour < {to:DateTime('UTC')}
AND timestamp >= {from:DateTime('UTC')}
AND timestamp < {to:DateTime('UTC')}
