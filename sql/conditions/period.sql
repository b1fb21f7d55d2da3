-- Calls of the requested portals, from <= timestamp < to. The conditions on `day` and `hour` use the primary key.
{{asked}}
AND day > toDate(greatest({from:DateTime('UTC')}, toDateTime(172800, 'UTC'))) - 2
AND day < toDate({to:DateTime('UTC')}) + 2
AND hour > greatest({from:DateTime('UTC')}, toDateTime(172800, 'UTC')) - 3600
AND hour < {to:DateTime('UTC')}
AND timestamp >= {from:DateTime('UTC')}
AND timestamp < {to:DateTime('UTC')}
