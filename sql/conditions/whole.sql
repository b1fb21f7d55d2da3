-- Whether a day lies in the period whatever its zone: a day of any zone (-12:00 to +14:00) is within [day - 14 h, day + 36 h) UTC.
-- least(), greatest(): a moment at the end or beginning of what a DateTime holds would wrap around.
(
    day > toDate(least({from:DateTime('UTC')}, toDateTime(4294900000, 'UTC')) + 50399)
    AND day < toDate(greatest({to:DateTime('UTC')}, toDateTime(43200, 'UTC')) - 43200)
)
