-- Calls of the portals that are asked for, from <= t < to. `day` and `hour` are in the key: they keep what is read short.
{{asked}}
AND day > toDate(greatest({from:DateTime('UTC')}, toDateTime(172800, 'UTC'))) - 2
AND day < toDate({to:DateTime('UTC')}) + 2
AND hour > greatest({from:DateTime('UTC')}, toDateTime(172800, 'UTC')) - 3600
AND hour < {to:DateTime('UTC')}
AND timestamp >= {from:DateTime('UTC')}
AND timestamp < {to:DateTime('UTC')}
