-- Days that lie in the period whatever their zone: they are read from a rollup.
-- A day of any zone (-12:00 to +14:00) lies within [day - 14 h, day + 36 h) UTC.
{{asked}}
AND day > toDate({from:DateTime('UTC')} + 50399)
AND day < toDate({to:DateTime('UTC')} - 43200)
